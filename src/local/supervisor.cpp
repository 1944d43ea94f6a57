#include "local/supervisor.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>

#include "base/log.hpp"
#include "base/process.hpp"
#include "local/lock.hpp"
#include "local/network.hpp"
#include "local/processes.hpp"
#include "local/self.hpp"

namespace godwit::local {
namespace {

constexpr std::chrono::milliseconds first_pause{200};
constexpr std::chrono::seconds longest_pause{5};
constexpr std::chrono::seconds steady{10};  // who lived that long starts again without delay
constexpr std::chrono::milliseconds mark_check{200};

/// One program that is to run.
class Ward {
 public:
  Ward(const ClusterPlan& plan, const NodePlan* node) : plan_{plan}, node_{node} {}

  [[nodiscard]] std::string name() const { return node_ != nullptr ? node_->name : "server"; }
  [[nodiscard]] int pidfd() const { return process_ ? process_->pidfd() : -1; }
  [[nodiscard]] Instant due() const { return process_ ? Instant::max() : due_; }

  /// Starts it if that is due; notices its end.
  void look_after(const Log& log) {
    const Instant now = std::chrono::steady_clock::now();
    if (process_ && !process_->running()) {
      const auto exit = process_->wait(Deadline::after(std::chrono::seconds{1}));
      log.warning("{} has ended with status {}", name(), exit ? exit->status : -1);
      process_.reset();
      pause_ = now - started_ >= steady ? first_pause : std::min<Duration>(pause_ * 2, longest_pause);
      due_ = now + pause_;
    }
    if (process_ || now < due_) return;
    std::error_code ignored;
    if (node_ != nullptr && std::filesystem::exists(plan_.killed_mark(*node_), ignored)) {
      due_ = now + mark_check;
      return;
    }
    started_ = now;
    auto process = start();
    if (!process) {
      log.error("{} does not start: {}", name(), process.error().message);
      due_ = now + longest_pause;
      return;
    }
    process_ = std::move(*process);
    log.info("{} runs as process {}", name(), process_->pid());
  }

  void ask_to_end() {
    if (process_) (void)process_->signal(SIGTERM);
  }
  /// Its destruction kills it if it does not obey.
  void end(Deadline deadline) {
    if (process_) (void)process_->wait(deadline);
    process_.reset();
  }

 private:
  [[nodiscard]] Result<Process> start() const {
    if (node_ == nullptr) {
      return Process::spawn({.argv = server_command(own_program(), plan_),
                             .stdout_file = plan_.server_dir() / "server.log",
                             .own_session = true});
    }
    const auto ns = open_namespace(plan_, *node_);
    if (!ns) return fail(ns.error());
    return Process::spawn({.argv = agent_command(own_program(), plan_, *node_),
                           .stdout_file = plan_.node_dir(*node_) / "agent.log",
                           .network_namespace = ns->get(),
                           .own_session = true});
  }

  const ClusterPlan& plan_;
  const NodePlan* node_;
  std::optional<Process> process_;
  Instant started_{};
  Instant due_{};
  Duration pause_ = first_pause;
};

/// Those that a supervisor left behind which was killed. The guests of the agents stay.
Result<> end_leftovers(const ClusterPlan& plan) {
  std::vector<pid_t> pids = servers_of(plan);
  for (const NodePlan& node : plan.nodes) {
    const std::vector<pid_t> agents = agents_of(plan, node);
    pids.insert(pids.end(), agents.begin(), agents.end());
  }
  return end_processes(pids, SIGTERM, std::chrono::seconds{5});
}

UniqueFd block_ends() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return UniqueFd{::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK)};
}

int milliseconds_until(Instant due) {
  if (due == Instant::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
}

}  // namespace

std::vector<std::string> server_command(const std::string& program, const ClusterPlan& plan) {
  return {program, "server", "--data", plan.server_dir().string(), "--listen", plan.host_address + ":6443"};
}

std::vector<std::string> agent_command(const std::string& program, const ClusterPlan& plan, const NodePlan& node) {
  const std::filesystem::path data = plan.node_dir(node);
  return {program,
          "node",
          "--name",
          node.name,
          "--kubeconfig",
          (data / "kubeconfig").string(),
          "--data",
          data.string(),
          "--address",
          node.address,
          "--accelerator",
          "auto",
          "--memory",
          plan.node_memory,
          "--accelerator-cache",
          (plan.dir / "accelerator.json").string()};
}

Result<> supervise(const ClusterPlan& plan) {
  const Log log{"local"};
  const auto only_one = lock_directory(plan.server_dir(), Deadline::after(std::chrono::seconds{1}));
  if (!only_one) return fail(only_one.error());
  const UniqueFd told_to_end = block_ends();
  if (!told_to_end) return fail_errno("signalfd");
  if (auto ended = end_leftovers(plan); !ended) return ended;
  std::vector<Ward> wards;
  wards.emplace_back(plan, nullptr);
  for (const NodePlan& node : plan.nodes) wards.emplace_back(plan, &node);
  for (;;) {
    std::vector<pollfd> waiting{{.fd = told_to_end.get(), .events = POLLIN, .revents = 0}};
    Instant due = Instant::max();
    for (Ward& ward : wards) {
      ward.look_after(log);
      due = std::min(due, ward.due());
      if (ward.pidfd() >= 0) waiting.push_back({.fd = ward.pidfd(), .events = POLLIN, .revents = 0});
    }
    (void)::poll(waiting.data(), waiting.size(), milliseconds_until(due));
    if (waiting.front().revents != 0) break;
  }
  for (Ward& ward : wards) ward.ask_to_end();
  const Deadline deadline = Deadline::after(std::chrono::seconds{5});
  for (Ward& ward : wards) ward.end(deadline);
  return {};
}

}  // namespace godwit::local
