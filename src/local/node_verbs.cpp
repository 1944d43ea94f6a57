#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "local/network.hpp"
#include "local/objects.hpp"
#include "local/processes.hpp"
#include "local/supervisor.hpp"
#include "local/verbs.hpp"

namespace godwit::local {
namespace {

struct Target {
  ClusterPlan plan;
  NodePlan node;
};

Result<Target> find_target(const std::filesystem::path& dir, const std::string& name) {
  auto plan = plan_in(dir);
  if (!plan) return fail(plan.error());
  const auto node = plan->find_node(name);
  if (!node) return fail(node.error());
  NodePlan copy = **node;
  return Target{.plan = std::move(*plan), .node = std::move(copy)};
}

std::string pids_text(const std::vector<pid_t>& pids) { return pids.empty() ? "-" : std::to_string(pids.front()); }

bool is_qemu(pid_t pid) {
  const std::vector<std::string> words = words_of(pid);
  return !words.empty() && words.front().find("qemu-system") != std::string::npos;
}

}  // namespace

Result<ClusterPlan> plan_in(const std::filesystem::path& dir) {
  auto plan = read_plan(dir);
  if (!plan) return fail(plan.error());
  if (!*plan)
    return fail(Code::not_found, fmt::format("there is no cluster in {}; `godwit local up --dir {}` makes one",
                                             dir.string(), dir.string()));
  return std::move(**plan);
}

Result<> show_status(const std::filesystem::path& dir) {
  const auto plan = plan_in(dir);
  if (!plan) return fail(plan.error());
  const auto server = servers_of(*plan);
  const auto supervisor = supervisors_of(*plan);
  fmt::print("directory    {}\nunderlay     {}\npod network  {}\nserver       {} (process {})\nsupervisor   {}\n\n",
             plan->dir.string(), plan->underlay, plan->pod_cidr, plan->url(), pids_text(server),
             supervisor.empty() ? "not running" : "process " + pids_text(supervisor));
  std::vector<std::string> missing;
  std::string trouble;
  if (!server.empty()) {
    const auto client = connect_when_ready(*plan, Deadline::after(std::chrono::seconds{5}));
    const auto not_ready =
        client ? nodes_not_ready(*client, *plan) : Result<std::vector<std::string>>{fail(client.error())};
    if (not_ready) missing = *not_ready;
    if (!not_ready) trouble = not_ready.error().message;
  }
  const bool known = !server.empty() && trouble.empty();
  fmt::print("{:<10} {:<16} {:<9} {:<6} {:<9} {}\n", "NODE", "ADDRESS", "STATE", "LINK", "AGENT", "GUESTS");
  for (const NodePlan& node : plan->nodes) {
    std::error_code ignored;
    const bool killed = std::filesystem::exists(plan->killed_mark(node), ignored);
    const bool ready = known && std::find(missing.begin(), missing.end(), node.name) == missing.end();
    const auto inhabitants = inhabitants_of(*plan, node);
    fmt::print("{:<10} {:<16} {:<9} {:<6} {:<9} {}\n", node.name, node.address,
               killed   ? "killed"
               : !known ? "unknown"
               : ready  ? "Ready"
                        : "NotReady",
               is_cut(node) ? "cut" : "up", pids_text(agents_of(*plan, node)),
               std::count_if(inhabitants.begin(), inhabitants.end(), is_qemu));
  }
  if (!trouble.empty()) fmt::print(stderr, "{}\n", trouble);
  return {};
}

Result<> exec_in(const std::filesystem::path& dir, const std::string& node, const std::vector<std::string>& command) {
  const auto target = find_target(dir, node);
  if (!target) return fail(target.error());
  const auto ns = open_namespace(target->plan, target->node);
  if (!ns) return fail(ns.error());
  if (::setns(ns->get(), CLONE_NEWNET) != 0) return fail_errno("joining the network namespace of " + node);
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return fail_errno(words.front());
}

Result<> cut_node(const std::filesystem::path& dir, const std::string& node) {
  const auto target = find_target(dir, node);
  if (!target) return fail(target.error());
  return cut(target->node);
}

Result<> heal_node(const std::filesystem::path& dir, const std::string& node) {
  const auto target = find_target(dir, node);
  if (!target) return fail(target.error());
  if (auto healed = heal(target->plan, target->node); !healed) return healed;
  std::error_code error;
  std::filesystem::remove(target->plan.killed_mark(target->node), error);
  if (error) return fail(Code::internal, error.message());
  return {};
}

Result<> kill_node(const std::filesystem::path& dir, const std::string& node) {
  const auto target = find_target(dir, node);
  if (!target) return fail(target.error());
  if (auto marked = write_file(target->plan.killed_mark(target->node), ""); !marked) return marked;
  return kill_inhabitants(target->plan, target->node);
}

Result<> supervise_cluster(const std::filesystem::path& dir) {
  const auto plan = plan_in(dir);
  if (!plan) return fail(plan.error());
  return supervise(*plan);
}

}  // namespace godwit::local
