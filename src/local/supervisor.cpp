#include "local/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "local/pid_file.hpp"
#include "local/processes.hpp"

namespace godwit::local {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* program = "/proc/self/exe";

constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{5000};
constexpr seconds steady{10};  // what has run this long has not failed at its start

/// One program that is to run: the server, or a node's agent.
struct Charge {
  std::string name;
  ProcessSpec spec;
  UniqueFd network_namespace = {};
  std::unique_ptr<Process> process = {};
  Instant started = {};
  Instant not_before = Instant::min();
  milliseconds pause = first_pause;
};

std::filesystem::path pid_file_of(const Cluster& cluster, const std::string& name) {
  return cluster.directory / "pids" / name;
}

std::filesystem::path self() {
  std::error_code ignored;
  return std::filesystem::read_symlink(program, ignored);
}

Charge server_charge(const Cluster& cluster) {
  return {.name = "server",
          .spec = {.argv = {self(), "server", "--data", cluster.server_data(), "--listen",
                            cluster.server_address() + ":6443"},
                   .stdout_file = cluster.directory / "logs" / "server.log"}};
}

Result<Charge> agent_charge(const Cluster& cluster, const LocalNode& node) {
  Charge charge{
      .name = node.name,
      .spec = {.argv = {self(), "node", "--name", node.name, "--kubeconfig", cluster.node_data(node) / "kubeconfig",
                        "--data", cluster.node_data(node), "--address", node.address, "--accelerator-cache",
                        cluster.directory / "accelerator.json"},
               .stdout_file = cluster.directory / "logs" / (node.name + ".log")}};
  if (cluster.node_memory > 0) {
    charge.spec.argv.insert(charge.spec.argv.end(), {"--memory", std::to_string(cluster.node_memory)});
  }
  charge.network_namespace.reset(::open(("/run/netns/" + node.ns).c_str(), O_RDONLY | O_CLOEXEC));
  if (!charge.network_namespace) return fail_errno("network namespace " + node.ns);
  charge.spec.network_namespace = charge.network_namespace.get();
  if (auto made = make_directory(cluster.node_data(node)); !made) return fail(made.error());
  auto issued = run_checked(
      {.argv = {self(), "server", "issue-node", "--data", cluster.server_data(), "--name", node.name, "--address",
                node.address, "--server", cluster.server_url(), "--out", cluster.node_data(node) / "kubeconfig"}},
      Deadline::after(seconds{30}));
  if (!issued) return fail(issued.error());
  return charge;
}

bool is_killed(const std::filesystem::path& directory, const std::string& name) {
  const auto cluster = load_cluster(directory);
  if (!cluster) return false;
  const LocalNode* node = cluster->find(name);
  return node != nullptr && node->killed;
}

class Supervisor {
 public:
  Supervisor(Cluster cluster, UniqueFd signals) : cluster_{std::move(cluster)}, signals_{std::move(signals)} {
    charges_.push_back(server_charge(cluster_));
  }

  Result<> run() {
    while (true) {
      if (!agents_added_) add_agents();
      for (Charge& charge : charges_) keep_running(charge);
      if (wait_for_news()) return {};
    }
  }

 private:
  /// Agents need credentials of the CA that the server makes at its first start.
  void add_agents() {
    std::error_code ignored;
    if (!std::filesystem::exists(cluster_.server_data() / "controller.kubeconfig", ignored)) return;
    for (const LocalNode& node : cluster_.nodes) {
      auto charge = agent_charge(cluster_, node);
      if (charge) {
        charges_.push_back(std::move(*charge));
      } else {
        log_.error("{}: {}", node.name, charge.error().message);
      }
    }
    agents_added_ = true;
  }

  void keep_running(Charge& charge) {
    const Instant now = std::chrono::steady_clock::now();
    if (charge.process && !charge.process->running()) {
      if (now - charge.started >= steady) charge.pause = first_pause;
      log_.warning("{} has ended; starting it again in {} ms", charge.name, charge.pause.count());
      charge.process.reset();
      charge.not_before = now + charge.pause;
      charge.pause = std::min(charge.pause * 2, longest_pause);
    }
    if (charge.process || now < charge.not_before || is_killed(cluster_.directory, charge.name)) return;
    auto process = Process::spawn(charge.spec);
    if (!process) {
      log_.error("{}: {}", charge.name, process.error().message);
      charge.not_before = now + charge.pause;
      return;
    }
    charge.process = std::make_unique<Process>(std::move(*process));
    charge.started = now;
    (void)write_pid_file(pid_file_of(cluster_, charge.name), charge.process->pid());
  }

  /// True when told to stop.
  bool wait_for_news() {
    std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}};
    for (const Charge& charge : charges_) {
      if (charge.process) polled.push_back({charge.process->pidfd(), POLLIN, 0});
    }
    const int patience = agents_added_ ? 200 : 20;
    return ::poll(polled.data(), polled.size(), patience) > 0 && (polled[0].revents & POLLIN) != 0;
  }

  Cluster cluster_;
  UniqueFd signals_;
  Log log_{"supervisor"};
  std::vector<Charge> charges_;
  bool agents_added_ = false;
};

}  // namespace

Result<> supervise(const std::filesystem::path& directory) {
  auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  UniqueFd signals{::signalfd(-1, &ends, SFD_CLOEXEC)};
  if (!signals) return fail_errno("signalfd");
  Supervisor supervisor{std::move(*cluster), std::move(signals)};
  return supervisor.run();
}

Result<> start_supervisor(const Cluster& cluster) {
  for (const char* name : {"logs", "pids"}) {
    if (auto made = make_directory(cluster.directory / name); !made) return made;
  }
  auto process = Process::spawn({.argv = {self(), "local", "supervise", "--dir", cluster.directory},
                                 .stdout_file = cluster.directory / "logs" / "supervisor.log",
                                 .own_session = true});
  if (!process) return fail(process.error());
  if (auto written = write_pid_file(cluster.supervisor_pid(), process->pid()); !written) return written;
  process->detach();
  return {};
}

int supervisor_of(const Cluster& cluster) { return living_process(cluster.supervisor_pid()); }

Result<> stop_processes(const Cluster& cluster) {
  kill_and_wait(supervisor_of(cluster));
  kill_and_wait(living_process(pid_file_of(cluster, "server")));
  for (const LocalNode& node : cluster.nodes) kill_and_wait(living_process(pid_file_of(cluster, node.name)));
  // Also what was started but not written down, because its starter died in between: supervisors first.
  const Deadline deadline = Deadline::after(seconds{30});
  bool ended = end_all([&] { return processes_with({"local", "supervise", "--dir", cluster.directory}); }, deadline) &&
               end_all([&] { return processes_with({"server", "--data", cluster.server_data()}); }, deadline);
  for (const LocalNode& node : cluster.nodes)
    ended = end_all([&] { return processes_in(cluster.node_data(node), node); }, deadline) && ended;
  if (!ended) return fail(Code::timeout, "processes of the cluster do not end");
  return {};
}

}  // namespace godwit::local
