#include <csignal>

#include <fmt/format.h>

#include "local/lock.hpp"
#include "local/network.hpp"
#include "local/processes.hpp"
#include "local/verbs.hpp"

namespace godwit::local {

Result<> tear_down(const ClusterPlan& plan) {
  // First who would start the others again; it ends them, too. Then whatever is left.
  if (auto ended = end_processes(supervisors_of(plan), SIGTERM, std::chrono::seconds{8}); !ended) return ended;
  if (auto ended = end_processes(servers_of(plan), SIGTERM, std::chrono::seconds{5}); !ended) return ended;
  for (const NodePlan& node : plan.nodes) {
    if (auto ended = end_processes(agents_of(plan, node), SIGKILL, std::chrono::seconds{5}); !ended) return ended;
    if (auto killed = kill_inhabitants(plan, node); !killed) return killed;
  }
  const auto lock = lock_machine();
  if (!lock) return fail(lock.error());
  if (auto removed = remove_network(plan); !removed) return removed;
  std::error_code error;
  std::filesystem::remove(plan.dir / "kubeconfig", error);
  std::filesystem::remove(plan.dir / "cluster.json", error);
  if (error) return fail(Code::internal, fmt::format("{}: {}", plan.dir.string(), error.message()));
  return {};
}

Result<> down(const std::filesystem::path& dir, bool purge) {
  std::error_code error;
  if (!std::filesystem::exists(dir, error)) {
    fmt::print("There is no cluster in {}.\n", dir.string());
    return {};
  }
  {
    const auto lock = lock_directory(dir, Deadline::after(std::chrono::seconds{60}));
    if (!lock) return fail(lock.error());
    const auto plan = read_plan(dir);
    if (!plan) return fail(plan.error());
    if (*plan) {
      if (auto removed = tear_down(**plan); !removed) return removed;
    }
    fmt::print(*plan ? "The cluster in {} is down.\n" : "There is no cluster in {}.\n", dir.string());
  }
  if (!purge) return {};
  // Only what clusters put there: the directory may have been somebody's.
  for (const char* part : {"server", "nodes", "shared", "supervisor.log", "accelerator.json"}) {
    std::filesystem::remove_all(dir / part, error);
    if (error) return fail(Code::internal, fmt::format("{}: {}", (dir / part).string(), error.message()));
  }
  std::filesystem::remove(dir, error);
  return {};
}

}  // namespace godwit::local
