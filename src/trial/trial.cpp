#include "trial/trial.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "cli/image_file.hpp"
#include "cli/image_store.hpp"
#include "cli/migration_view.hpp"
#include "kube/kubeconfig.hpp"
#include "local/verbs.hpp"
#include "trial/disk_verifier.hpp"
#include "trial/display.hpp"
#include "trial/guest_control.hpp"
#include "trial/machine.hpp"
#include "trial/probe.hpp"
#include "trial/report.hpp"

namespace godwit::trial {
namespace {

using std::chrono::seconds;

struct Options {
  std::filesystem::path directory = "/var/lib/godwit/trial";
  std::filesystem::path image = "build/guest/tiny.img";
  std::int64_t guest_memory_mib = 256;
  std::int64_t filled_mib = 100;
  bool once = false;
  std::string output;
};

Deadline patience() { return Deadline::after(seconds{120}); }

/// As `godwit image import --force` does, quietly.
Result<> import_image(const kube::Client& client, const std::filesystem::path& image) {
  const std::string name = "godwit/tiny";
  const auto store = cli::ImageStore::open(client);
  if (!store) return fail(store.error());
  const auto installed = cli::install_image(image, store->disk_of(name));
  if (!installed) return fail(installed.error().within("image (built with tools/build guest_image)"));
  return store->write_record({name, installed->size_bytes, installed->sha256});
}

Result<std::string> accelerator_of(const kube::Client& client, const std::string& node) {
  const auto object = client.get(kube::resources::nodes, {.ns = {}, .name = node});
  if (!object) return fail(object.error());
  return json::string_at(*object, "/metadata/labels/godwit.io~1accelerator");
}

std::uint64_t number(const std::map<std::string, std::string>& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? 0 : parse_number<std::uint64_t>(found->second).value_or(0);
}

/// Moves the guest once while the clients measure.
Result<Move> move_guest(const kube::Client& client, Probe& probe, Display& display) {
  (void)probe.take_longest_gap();
  const auto migration =
      migrate_guest(client, [&](const json::Value& now) { display.progress(cli::progress_line(now)); }, patience());
  if (!migration) return fail(migration.error());
  (void)sleep_for(std::chrono::milliseconds{300}, {});  // a late gap belongs to this move too
  return Move{*migration, probe.take_longest_gap()};
}

/// Counter, pattern and disk, as the guest and the image say.
Result<> examine_guest(const kube::Client& client, const std::string& address,
                       const std::map<std::string, std::string>& before, Findings& findings) {
  const auto disk = tell_guest(address, "disk stop", patience());
  if (!disk) return fail(disk.error());
  const auto heartbeat = tell_guest(address, "heartbeat", patience());
  if (!heartbeat) return fail(heartbeat.error());
  const auto pattern = tell_guest(address, "pattern verify", patience());
  if (!pattern) return fail(pattern.error());
  findings.guest_state_intact = heartbeat->at("intact") == "yes" && heartbeat->at("run") == before.at("run") &&
                                number(*heartbeat, "count") > number(before, "count") && pattern->at("errors") == "0";
  const auto image = disk_of_guest(client);
  if (!image) return fail(image.error());
  const auto verified = verify_disk(*image, number(*disk, "run"), number(*disk, "flushed"));
  if (!verified) return fail(verified.error());
  findings.disk_intact = verified->intact() && verified->blocks > 0 && number(*disk, "errors") == 0;
  findings.disk_blocks = verified->blocks;
  return {};
}

Result<Findings> run_story(const Options& options, const local::Cluster& cluster, Display& display) {
  const auto config = kube::read_kubeconfig(cluster.kubeconfig());
  if (!config) return fail(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  const kube::Client client{*transport};
  if (auto imported = import_image(client, options.image); !imported) return fail(imported.error());
  display.step(fmt::format("booting a guest with {} MiB", options.guest_memory_mib));
  const auto place = ensure_guest(client, options.guest_memory_mib, patience());
  if (!place) return fail(place.error());
  if (auto answers = wait_for_guest(place->address, patience()); !answers) return fail(answers.error());
  display.step(fmt::format("it runs on {} at {}; filling {} MiB of its memory, writing to its disk", place->node,
                           place->address, options.filled_mib));
  Findings findings;
  const auto accelerator = accelerator_of(client, place->node);
  if (!accelerator) return fail(accelerator.error());
  findings.accelerator = *accelerator;
  for (const std::string& command : {fmt::format("pattern set {}", options.filled_mib), std::string{"disk start 20"}}) {
    if (const auto done = tell_guest(place->address, command, patience()); !done) return fail(done.error());
  }
  const auto before = tell_guest(place->address, "heartbeat", patience());
  if (!before) return fail(before.error());
  auto probe = Probe::start(place->address);
  if (!probe) return fail(probe.error());
  auto session = Session::start(place->address);
  if (!session) return fail(session.error());
  (void)sleep_for(std::chrono::milliseconds{500}, {});
  for (const char* what :
       {"moving it to another node, while a client holds a TCP session and asks every millisecond", "and back"}) {
    display.step(what);
    auto move = move_guest(client, **probe, display);
    if (!move) return fail(move.error());
    display.end_progress();
    findings.moves.push_back(std::move(*move));
  }
  const auto broken = (*session)->broken();
  findings.tcp_session_survived = !broken;
  findings.tcp_session_end = broken.value_or("");
  findings.tcp_answers = (*session)->answers();
  if (auto examined = examine_guest(client, place->address, *before, findings); !examined)
    return fail(examined.error());
  return findings;
}

/// A migration as a manifest, for the tour: `kubectl create` makes another one of it each time.
Result<std::filesystem::path> write_move(const local::Cluster& cluster) {
  const auto path = cluster.shared() / "move.yaml";  // which `down --purge` removes
  const auto written = write_file(path, fmt::format("apiVersion: kubevirt.io/v1\n"
                                                    "kind: VirtualMachineInstanceMigration\n"
                                                    "metadata:\n  generateName: {0}-\n"
                                                    "spec:\n  vmiName: {0}\n",
                                                    machine_name));
  if (!written) return fail(written.error());
  return path;
}

void print_tour(const local::Cluster& cluster, const std::filesystem::path& move) {
  fmt::print(
      "\nThe cluster stays up. Try:\n\n"
      "  export KUBECONFIG={0}\n"
      "  kubectl get nodes,vm,vmi,pods -o wide\n"
      "  kubectl create -f {1}\n"
      "  kubectl get vmim -w\n"
      "  kubectl describe vmi {2}\n"
      "  kubectl get events\n\n"
      "Stop it:  {3} local down --dir {4} --purge\n",
      cluster.kubeconfig().string(), move.string(), machine_name,
      std::filesystem::read_symlink("/proc/self/exe").string(), cluster.directory.string());
}

int fail_trial(const Error& error) {
  fmt::print(stderr, "godwit trial: {}\n", error.message);
  return 1;
}

int run_trial(const Options& options) {
  Display display;
  const Instant begun = std::chrono::steady_clock::now();
  display.step(fmt::format("starting three nodes in {}", options.directory.string()));
  local::Plan plan;
  plan.directory = options.directory;
  const auto cluster = local::up(plan);
  if (!cluster) return fail_trial(cluster.error());
  const auto findings = run_story(options, *cluster, display);
  if (findings) {
    if (options.output == "json") {
      fmt::print("{}\n", json::write(to_json(*findings)));
    } else {
      fmt::print("{}", to_text(*findings, ::isatty(STDOUT_FILENO) == 1));
    }
  }
  if (options.once) {
    if (auto gone = local::down(options.directory, true); !gone) return fail_trial(gone.error());
  } else if (findings && options.output != "json") {
    const auto move = write_move(*cluster);
    if (!move) return fail_trial(move.error());
    print_tour(*cluster, *move);
  }
  if (!findings) return fail_trial(findings.error());
  display.step(fmt::format("done in {} s",
                           std::chrono::duration_cast<seconds>(std::chrono::steady_clock::now() - begun).count()));
  return findings->all_is_well() ? 0 : 1;
}

}  // namespace

void define(CLI::App& app, cli::Invocation& invocation) {
  auto options = std::make_shared<Options>();
  app.add_option("--dir", options->directory, "the cluster's directory")->capture_default_str()->type_name("DIR");
  app.add_option("--image", options->image, "the tiny guest's disk image")->capture_default_str()->type_name("FILE");
  app.add_option("--guest-memory", options->guest_memory_mib, "MiB")->capture_default_str();
  app.add_option("--fill", options->filled_mib, "MiB of the guest's memory that are filled")->capture_default_str();
  app.add_flag("--once", options->once, "takes everything down at the end");
  app.add_option("-o,--output", options->output, "json: one JSON object on standard output")
      ->check(CLI::IsMember({"json"}));
  app.callback([options, &invocation] {
    invocation.action = [options] {
      options->directory = std::filesystem::absolute(options->directory);
      options->image = std::filesystem::absolute(options->image);
      return run_trial(*options);
    };
  });
}

}  // namespace godwit::trial
