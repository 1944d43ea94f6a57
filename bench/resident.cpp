// What Godwit's own processes take on a machine where nothing happens: server, agents, with ten idle guests.
#include <unistd.h>

#include <map>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "kube/client.hpp"
#include "kube/kubeconfig.hpp"
#include "local/processes.hpp"
#include "local/verbs.hpp"

namespace godwit::bench {
namespace {

using namespace kube::resources;
using std::chrono::seconds;

struct Options {
  std::filesystem::path directory = "/tmp/godwit-resident";
  std::filesystem::path image = "build/guest/tiny.img";
  int nodes = 3;
  int guests = 10;
  int memory_mib = 96;
  int rest = 30;     ///< seconds before the measurement
  int measure = 30;  ///< seconds
  bool json = false;
};

// Of issue 3.
constexpr double server_mib = 80;
constexpr double agent_mib = 40;
constexpr double agent_mib_per_guest = 3;
constexpr double server_cpu_percent = 1;

/// One process as it was at an instant.
struct Sample {
  double rss_mib = 0;
  double pss_mib = 0;
  double private_mib = 0;
  double cpu_seconds = 0;
  int threads = 0;
};

double mib_of(const std::string& smaps, const std::string& name) {
  for (const std::string& line : split(smaps, '\n')) {
    if (!line.starts_with(name + ":")) continue;
    const auto digits = trim(std::string_view{line}.substr(name.size() + 1, line.size() - name.size() - 4));
    return static_cast<double>(parse_number<long>(digits).value_or(0)) / 1024;
  }
  return 0;
}

Result<Sample> sample(int pid) {
  const auto smaps = read_file(fmt::format("/proc/{}/smaps_rollup", pid));
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!smaps || !stat) return fail(Code::gone, fmt::format("process {} has ended", pid));
  const auto words = split(std::string_view{*stat}.substr(stat->rfind(')') + 2), ' ');  // begins with field 3
  const auto ticks = parse_number<long>(words[11]).value_or(0) + parse_number<long>(words[12]).value_or(0);
  return Sample{.rss_mib = mib_of(*smaps, "Rss"),
                .pss_mib = mib_of(*smaps, "Pss"),
                .private_mib = mib_of(*smaps, "Private_Dirty") + mib_of(*smaps, "Private_Clean"),
                .cpu_seconds = static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK)),
                .threads = parse_number<int>(words[17]).value_or(0)};
}

struct Row {
  std::string role;
  int pid = 0;
  int guests = 0;
  double limit_mib = 0;  ///< 0: none
  Sample at_rest;
  double cpu_percent = 0;
  [[nodiscard]] bool within() const {
    return (limit_mib == 0 || at_rest.rss_mib <= limit_mib) && (role != "server" || cpu_percent <= server_cpu_percent);
  }
};

json::Value claim(const std::string& name) {
  json::Value object = json::Object{{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}};
  json::set(object, "/metadata/name", json::Value(std::string_view{name}));
  json::set(object, "/metadata/namespace", "default");
  json::set(object, "/metadata/annotations", json::Object{{"godwit.io/image", "godwit/tiny"}});
  json::set(object, "/spec/accessModes", json::Array({"ReadWriteMany"}));
  json::set(object, "/spec/resources/requests", json::Object{{"storage", "64Mi"}});
  return object;
}

json::Value machine(const std::string& name, int memory_mib) {
  json::Value object = json::Object{{"apiVersion", "kubevirt.io/v1"}, {"kind", "VirtualMachine"}};
  json::set(object, "/metadata/name", json::Value(std::string_view{name}));
  json::set(object, "/metadata/namespace", "default");
  json::set(object, "/spec/runStrategy", "Always");
  const std::string spec = "/spec/template/spec";
  json::set(object, spec + "/domain/memory/guest", json::Value(fmt::format("{}Mi", memory_mib)));
  json::set(object, spec + "/domain/devices/disks",
            json::Array({json::Object{{"name", "root"}, {"disk", json::Object{{"bus", "virtio"}}}}}));
  json::set(object, spec + "/domain/devices/interfaces",
            json::Array({json::Object{{"name", "default"}, {"masquerade", json::Object{}}}}));
  json::set(object, spec + "/networks", json::Array({json::Object{{"name", "default"}, {"pod", json::Object{}}}}));
  json::set(
      object, spec + "/volumes",
      json::Array({json::Object{{"name", "root"}, {"persistentVolumeClaim", json::Object{{"claimName", name}}}}}));
  return object;
}

Result<> boot_guests(const kube::Client& client, const Options& options) {
  for (int i = 0; i < options.guests; ++i) {
    const std::string name = fmt::format("guest-{}", i);
    if (auto made = client.create(persistent_volume_claims, "default", claim(name)); !made) return fail(made.error());
    if (auto made = client.create(virtual_machines, "default", machine(name, options.memory_mib)); !made)
      return fail(made.error());
  }
  const Deadline deadline = Deadline::after(seconds{180});
  for (;;) {
    const auto list = client.list(virtual_machine_instances, "default", {});
    if (!list) return fail(list.error());
    const auto running = std::count_if(list->items.begin(), list->items.end(), [](const json::Value& vmi) {
      return json::string_at(vmi, "/status/phase") == "Running";
    });
    if (running == options.guests) return {};
    if (deadline.passed()) return fail(Code::timeout, fmt::format("only {} guests run", running));
    (void)sleep_for(std::chrono::milliseconds{500}, {});
  }
}

/// Godwit's processes of the cluster, by what they are.
std::vector<Row> find_processes(const local::Cluster& cluster) {
  std::vector<Row> rows;
  for (const int pid : local::processes_with({"server", "--data", cluster.server_data()}))
    rows.push_back({.role = "server", .pid = pid, .limit_mib = server_mib, .at_rest = {}});
  for (const int pid : local::processes_with({"local", "supervise", "--dir", cluster.directory}))
    rows.push_back({.role = "supervisor", .pid = pid, .at_rest = {}});
  for (const local::LocalNode& node : cluster.nodes) {
    int guests = 0;
    for (const int pid : local::processes_in(cluster.node_data(node), node)) {
      if (read_file(fmt::format("/proc/{}/comm", pid)).value_or("").starts_with("qemu-system")) ++guests;
    }
    for (const int pid :
         local::processes_with({"node", "--name", node.name, "--kubeconfig", cluster.node_data(node) / "kubeconfig"}))
      rows.push_back({.role = "agent " + node.name,
                      .pid = pid,
                      .guests = guests,
                      .limit_mib = agent_mib + agent_mib_per_guest * guests,
                      .at_rest = {}});
  }
  return rows;
}

Result<std::vector<Row>> measure(const local::Cluster& cluster, const Options& options) {
  (void)sleep_for(seconds{options.rest}, {});
  std::vector<Row> rows = find_processes(cluster);
  std::vector<double> before;
  for (const Row& row : rows) {
    const auto now = sample(row.pid);
    if (!now) return fail(now.error());
    before.push_back(now->cpu_seconds);
  }
  (void)sleep_for(seconds{options.measure}, {});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto now = sample(rows[i].pid);
    if (!now) return fail(now.error());
    rows[i].at_rest = *now;
    rows[i].cpu_percent = (now->cpu_seconds - before[i]) / options.measure * 100;
  }
  return rows;
}

void print(const std::vector<Row>& rows, const Options& options) {
  if (options.json) {
    json::Array list;
    for (const Row& row : rows) {
      list.push_back(json::Object{{"role", row.role},
                                  {"guests", row.guests},
                                  {"rssMiB", row.at_rest.rss_mib},
                                  {"pssMiB", row.at_rest.pss_mib},
                                  {"privateMiB", row.at_rest.private_mib},
                                  {"limitMiB", row.limit_mib},
                                  {"cpuPercent", row.cpu_percent},
                                  {"threads", row.at_rest.threads},
                                  {"within", row.within()}});
    }
    fmt::print("{}\n", json::write(list));
    return;
  }
  fmt::print("{} nodes, {} idle guests; after {} s of rest, over {} s.\n\n", options.nodes, options.guests,
             options.rest, options.measure);
  fmt::print(
      "| process | guests | RSS MiB | PSS MiB | private MiB | limit (RSS) | CPU % | threads | |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    fmt::print("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {} | {:.2f} | {} | {} |\n", row.role, row.guests,
               row.at_rest.rss_mib, row.at_rest.pss_mib, row.at_rest.private_mib,
               row.limit_mib > 0 ? fmt::format("{:.0f}", row.limit_mib) : "", row.cpu_percent, row.at_rest.threads,
               row.within() ? "" : "over its limit");
  }
}

Result<bool> run_in(const local::Cluster& cluster, const Options& options) {
  const auto config = kube::read_kubeconfig(cluster.kubeconfig());
  if (!config) return fail(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  const auto store = cluster.shared() / "images" / "godwit" / "tiny";
  if (auto made = make_directory(store); !made) return fail(made.error());
  std::error_code error;
  std::filesystem::copy_file(options.image, store / "disk.img", error);
  if (error) return fail(Code::not_found, options.image.string() + ": " + error.message());
  {
    const kube::Client client{*transport};
    if (auto booted = boot_guests(client, options); !booted) return fail(booted.error());
  }
  transport = kube::connect(*config);  // the connection that booted them is let go: the server rests
  const auto rows = measure(cluster, options);
  if (!rows) return fail(rows.error());
  print(*rows, options);
  return std::all_of(rows->begin(), rows->end(), [](const Row& row) { return row.within(); });
}

int run(const Options& options) {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  const auto up = run_checked({.argv = {here / "godwit", "local", "up", "--nodes", std::to_string(options.nodes),
                                        "--node-memory", "8Gi", "--dir", options.directory}},
                              Deadline::after(seconds{180}));
  const auto cluster = up ? local::load_cluster(options.directory) : Result<local::Cluster>{fail(up.error())};
  const auto done = cluster ? run_in(*cluster, options) : Result<bool>{fail(cluster.error())};
  const auto gone = local::down(options.directory, true);
  if (!done) fmt::print(stderr, "resident_bench: {}\n", done.error().message);
  if (!gone) fmt::print(stderr, "resident_bench: {}\n", gone.error().message);
  return done && *done && gone ? 0 : 1;
}

}  // namespace
}  // namespace godwit::bench

int main(int argc, char** argv) {
  CLI::App app{"Memory and CPU time of Godwit's processes at rest.", "bench/resident"};
  godwit::bench::Options options;
  app.add_option("--dir", options.directory, "made for this run and removed; a short path")->capture_default_str();
  app.add_option("--image", options.image, "the tiny guest's disk image")->capture_default_str();
  app.add_option("--nodes", options.nodes)->capture_default_str();
  app.add_option("--guests", options.guests)->capture_default_str();
  app.add_option("--memory", options.memory_mib, "of each guest, MiB")->capture_default_str();
  app.add_option("--rest", options.rest, "seconds before the measurement")->capture_default_str();
  app.add_option("--measure", options.measure, "seconds of the measurement")->capture_default_str();
  app.add_flag("--json", options.json, "print JSON instead of a table");
  CLI11_PARSE(app, argc, argv);
  options.directory = std::filesystem::absolute(options.directory);
  options.image = std::filesystem::absolute(options.image);
  return godwit::bench::run(options);
}
