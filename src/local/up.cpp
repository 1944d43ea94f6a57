#include <sys/sysinfo.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "local/lock.hpp"
#include "local/network.hpp"
#include "local/objects.hpp"
#include "local/processes.hpp"
#include "local/self.hpp"
#include "local/verbs.hpp"

namespace godwit::local {
namespace {

constexpr std::chrono::seconds server_patience{60};
// The first agent of a machine measures KVM and asks QEMU for what it can do.
constexpr std::chrono::seconds nodes_patience{180};

void print_how_to_reach(const ClusterPlan& plan) {
  fmt::print("export KUBECONFIG={}\n", (plan.dir / "kubeconfig").string());
  std::fflush(stdout);
}

Result<> check_machine() {
  if (::geteuid() != 0) return fail(Code::forbidden, "must run as root: it makes network namespaces, bridges and taps");
  std::vector<std::string> missing;
  for (const char* tool : {"ip", "bridge", "tc", "qemu-system-x86_64"}) {
    bool found = false;
    const char* path = std::getenv("PATH");
    for (const std::string& directory : split(path != nullptr ? path : "", ':'))
      found = found || ::access((directory + "/" + tool).c_str(), X_OK) == 0;
    if (!found) missing.emplace_back(tool);
  }
  if (missing.empty()) return {};
  return fail(Code::unavailable, fmt::format("missing on this machine: {} (Debian packages iproute2, qemu-system-x86)",
                                             join(missing, ", ")));
}

/// An equal share of the machine's memory.
std::string share_of_memory(int nodes) {
  struct sysinfo memory{};
  if (::sysinfo(&memory) != 0) return "4Gi";
  const std::uint64_t bytes = static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit;
  return fmt::format("{}Mi", bytes / static_cast<std::uint64_t>(nodes) / (1024 * 1024));
}

/// Chooses addresses, writes the plan, makes the network.
Result<ClusterPlan> lay_out(UpOptions options) {
  if (options.node_memory.empty()) options.node_memory = share_of_memory(std::max(options.nodes, 1));
  const auto lock = lock_machine();
  if (!lock) return fail(lock.error());
  const auto slice = find_slice(options.cidr);
  if (!slice) return fail(slice.error());
  auto plan = make_plan(options, *slice);
  if (!plan) return plan;
  for (const NodePlan& node : plan->nodes) {
    if (auto made = make_directory(plan->node_dir(node)); !made) return fail(made.error());
    std::error_code ignored;
    std::filesystem::remove(plan->killed_mark(node), ignored);
  }
  for (const char* part : {"server", "shared"}) {
    if (auto made = make_directory(plan->dir / part); !made) return fail(made.error());
  }
  if (auto written = write_plan(*plan); !written) return fail(written.error());
  if (auto made = make_network(*plan); !made) return fail(made.error());
  return plan;
}

Result<> issue_credentials(const ClusterPlan& plan) {
  for (const NodePlan& node : plan.nodes) {
    auto issued = run_checked({.argv = {own_program(), "server", "issue-node", "--data", plan.server_dir().string(),
                                        "--name", node.name, "--address", node.address, "--server", plan.url(), "--out",
                                        (plan.node_dir(node) / "kubeconfig").string()}},
                              Deadline::after(std::chrono::seconds{30}));
    if (!issued) return fail(issued.error().within("credentials of " + node.name));
  }
  return {};
}

Result<> start(const ClusterPlan& plan) {
  if (auto issued = issue_credentials(plan); !issued) return issued;
  auto supervisor = Process::spawn({.argv = {own_program(), "local", "supervise", "--dir", plan.dir.string()},
                                    .stdout_file = plan.dir / "supervisor.log",
                                    .own_session = true});
  if (!supervisor) return fail(supervisor.error());
  (void)supervisor->detach();
  const auto client = connect_when_ready(plan, Deadline::after(server_patience));
  if (!client) return fail(client.error().within((plan.server_dir() / "server.log").string()));
  if (auto applied = apply_objects(*client, plan); !applied) return applied;
  if (auto ready = wait_for_nodes(*client, plan, Deadline::after(nodes_patience)); !ready)
    return fail(ready.error().within((plan.dir / "nodes").string() + "/*/agent.log"));
  const auto kubeconfig = read_file(plan.server_dir() / "admin.kubeconfig");
  if (!kubeconfig) return fail(kubeconfig.error());
  return write_file(plan.dir / "kubeconfig", *kubeconfig, 0600);
}

}  // namespace

Result<> up(const UpOptions& options) {
  if (auto fit = check_machine(); !fit) return fit;
  if (auto made = make_directory(options.dir); !made) return made;
  const auto lock = lock_directory(options.dir, Deadline::after(std::chrono::seconds{1}));
  if (!lock) return fail(lock.error());
  const auto before = read_plan(options.dir);
  if (!before) return fail(before.error());
  if (*before && !supervisors_of(**before).empty()) {
    fmt::print("The cluster in {} is up already.\n", options.dir.string());
    print_how_to_reach(**before);
    return {};
  }
  // What is left of one that was not taken down: a reboot, a killed supervisor.
  if (*before) {
    if (auto removed = tear_down(**before); !removed) return removed;
  }
  const auto plan = lay_out(options);
  auto started = plan ? start(*plan) : Result<>{fail(plan.error())};
  if (!started) {
    const auto half = read_plan(options.dir);
    if (half && *half) (void)tear_down(**half);
    return started;
  }
  fmt::print("{} nodes are ready: underlay {}, pod network {}.\n", plan->nodes.size(), plan->underlay, plan->pod_cidr);
  print_how_to_reach(*plan);
  return {};
}

}  // namespace godwit::local
