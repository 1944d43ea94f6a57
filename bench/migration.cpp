// How long a migration takes and what a client notices: Godwit beside two bare QEMU processes, with QEMU's own TLS and
// without, the same guest in the same two network namespaces, the three in turn.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bare_pair.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "kube/kubeconfig.hpp"
#include "local/verbs.hpp"
#include "table.hpp"
#include "trial/guest_control.hpp"
#include "trial/machine.hpp"
#include "trial/probe.hpp"

namespace godwit::bench {
namespace {

using std::chrono::seconds;

struct Options {
  std::filesystem::path directory = "/tmp/godwit-bench";
  std::filesystem::path image = "build/guest/tiny.img";
  std::int64_t memory_mib = 1024;
  std::int64_t filled_mib = 800;
  int runs = 5;
};

Deadline patience() { return Deadline::after(seconds{300}); }

/// A guest with a client that asks every millisecond.
struct Watched {
  std::string address;
  std::unique_ptr<trial::Probe> probe;
};

Result<Watched> watch(const std::string& address) {
  if (auto answers = trial::wait_for_guest(address, patience()); !answers) return fail(answers.error());
  auto probe = trial::Probe::start(address);
  if (!probe) return fail(probe.error());
  return Watched{address, std::move(*probe)};
}

/// Lets late gaps and clean-up of one move end before the next begins.
double settle(Watched& guest) {
  (void)sleep_for(std::chrono::milliseconds{500}, {});
  const double gap = guest.probe->take_longest_gap();
  (void)sleep_for(seconds{1}, {});
  (void)guest.probe->take_longest_gap();
  return gap;
}

Result<> move_with_godwit(const kube::Client& client, Watched& guest, Row& row) {
  (void)guest.probe->take_longest_gap();
  const Instant begun = std::chrono::steady_clock::now();
  double total = 0;
  const auto migration = trial::migrate_guest(
      client,
      [&](const json::Value& now) {
        if (total == 0 && json::string_at(now, "/status/phase") == "Succeeded")
          total = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
      },
      patience());
  if (!migration) return fail(migration.error());
  if (total == 0) return fail(Code::internal, "the migration failed: " + json::write(*migration));
  row.total_ms.add(total);
  row.downtime_ms.add(static_cast<double>(json::int_at(*migration, "/status/result/downtimeMs")));
  row.megabytes.add(static_cast<double>(json::int_at(*migration, "/status/result/transferredBytes")) / 1e6);
  row.commit_ms.add(static_cast<double>(json::int_at(*migration, "/status/result/phasesMs/commit")));
  row.client_gap_ms.add(settle(guest));
  return {};
}

Result<> move_bare(BarePair& pair, Watched& guest, bool tls, Row& row) {
  (void)guest.probe->take_longest_gap();
  const auto figures = pair.migrate(tls);
  if (!figures) return fail(figures.error().within(row.name));
  row.total_ms.add(figures->total_ms);
  row.downtime_ms.add(figures->downtime_ms);
  row.megabytes.add(figures->bytes / 1e6);
  row.client_gap_ms.add(settle(guest));
  return {};
}

Result<std::string> measure(const Options& options, const std::string& title, const kube::Client& client, Watched& ours,
                            BarePair& pair, Watched& bare) {
  std::vector<Row> rows(3);
  rows[0].name = "Godwit (TLS 1.3 tunnel)";
  rows[1].name = "bare QEMU pair, QEMU's TLS";
  rows[2].name = "bare QEMU pair, no TLS";
  for (int run = 0; run < options.runs; ++run) {
    fmt::print(stderr, "{}: round {} of {}\n", title, run + 1, options.runs);
    if (auto moved = move_with_godwit(client, ours, rows[0]); !moved) return fail(moved.error());
    if (auto moved = move_bare(pair, bare, true, rows[1]); !moved) return fail(moved.error());
    if (auto moved = move_bare(pair, bare, false, rows[2]); !moved) return fail(moved.error());
  }
  for (const Watched* guest : {&ours, &bare}) {
    const auto beat = trial::tell_guest(guest->address, "heartbeat", patience());
    if (!beat || beat->at("intact") != "yes") return fail(Code::internal, "a guest's memory is damaged");
  }
  return table_of(title, rows);
}

Result<> run_benchmark(const Options& options, const local::Cluster& cluster) {
  const auto config = kube::read_kubeconfig(cluster.kubeconfig());
  if (!config) return fail(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  const kube::Client client{*transport};
  const auto store = cluster.shared() / "images" / "godwit" / "tiny";
  if (auto made = make_directory(store); !made) return made;
  std::error_code error;
  const auto copied = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(options.image, store / "disk.img", copied, error);
  if (!error) std::filesystem::copy_file(options.image, options.directory / "bare.img", copied, error);
  if (error) return fail(Code::not_found, options.image.string() + ": " + error.message());

  const auto place = trial::ensure_guest(client, options.memory_mib, patience());
  if (!place) return fail(place.error());
  auto ours = watch(place->address);
  if (!ours) return fail(ours.error());
  auto pair = BarePair::create(cluster, options.directory / "bare", options.directory / "bare.img", options.memory_mib);
  if (!pair) return fail(pair.error());
  auto bare = watch((*pair)->address());
  if (!bare) return fail(bare.error());

  const auto idle =
      measure(options, fmt::format("{} MiB guest, idle", options.memory_mib), client, *ours, **pair, *bare);
  if (!idle) return fail(idle.error());
  for (const Watched* guest : {&*ours, &*bare}) {
    const auto filled =
        trial::tell_guest(guest->address, fmt::format("pattern set {}", options.filled_mib), patience());
    if (!filled) return fail(filled.error());
  }
  const auto full = measure(options, fmt::format("{} MiB guest, {} MiB filled", options.memory_mib, options.filled_mib),
                            client, *ours, **pair, *bare);
  if (!full) return fail(full.error());
  for (const Watched* guest : {&*ours, &*bare}) {
    const auto verified = trial::tell_guest(guest->address, "pattern verify", patience());
    if (!verified || verified->at("errors") != "0") return fail(Code::internal, "a guest's memory is damaged");
  }
  fmt::print("Medians [least-most] of {} runs each, in turn.\n{}{}", options.runs, *idle, *full);
  return {};
}

/// By the program beside this one: a cluster's processes are started from the program that brought it up.
Result<local::Cluster> start_cluster(const std::filesystem::path& directory) {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  const auto up = run_checked({.argv = {here / "godwit", "local", "up", "--nodes", "2", "--dir", directory}},
                              Deadline::after(seconds{180}));
  return up ? local::load_cluster(directory) : Result<local::Cluster>{fail(up.error())};
}

int run(const Options& options) {
  const auto cluster = start_cluster(options.directory);
  const auto done = cluster ? run_benchmark(options, *cluster) : Result<>{fail(cluster.error())};
  const auto gone = local::down(options.directory, true);
  std::error_code error;
  std::filesystem::remove_all(options.directory, error);
  for (const Result<>& outcome : {done, gone}) {
    if (outcome) continue;
    fmt::print(stderr, "migration_bench: {}\n", outcome.error().message);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace godwit::bench

int main(int argc, char** argv) {
  CLI::App app{"Migrations by Godwit beside migrations between two bare QEMU processes.", "bench/run"};
  godwit::bench::Options options;
  app.add_option("--dir", options.directory, "made for this run and removed; a short path")->capture_default_str();
  app.add_option("--image", options.image, "the tiny guest's disk image")->capture_default_str();
  app.add_option("--memory", options.memory_mib, "of the guest, MiB")->capture_default_str();
  app.add_option("--fill", options.filled_mib, "of the guest's memory, MiB")->capture_default_str();
  app.add_option("--runs", options.runs, "of each kind")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.directory = std::filesystem::absolute(options.directory);
  options.image = std::filesystem::absolute(options.image);
  return godwit::bench::run(options);
}
