// Binds pods to nodes, as kube-scheduler would.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "controllers/context.hpp"
#include "rules/placement_queue.hpp"

namespace godwit::controllers {

/// One pod after the other, the most important first. What fits nowhere waits until something changes that may help.
class Scheduler {
 public:
  explicit Scheduler(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  void listen(Informers& informers);
  void enqueue(const kube::Key& key);
  void retry_waiting(rules::ClusterChange change);
  [[nodiscard]] Result<kube::Again> work_off(const std::stop_token& stop);
  [[nodiscard]] kube::ObjectPtr take_next();
  [[nodiscard]] Result<> schedule(const json::Value& pod);
  [[nodiscard]] rules::Placement decide(const json::Value& pod);
  [[nodiscard]] Result<> bind(const json::Value& pod, const std::string& node);
  [[nodiscard]] Result<> report(const json::Value& pod, const rules::Placement& placement);

  Context& context_;
  kube::EventRecorder events_;
  std::map<std::string, std::string> assumed_;  ///< pod uid → node: bound, but not yet seen so (worker's only)
  std::mutex mutex_;
  std::uint64_t changes_ = 0;                      ///< counts what happened in the cluster
  std::set<kube::Key> active_;                     ///< to be looked at
  std::map<kube::Key, rules::BlockedBy> waiting_;  ///< fitted nowhere
  kube::Controller controller_;                    ///< one worker: placements build on each other
};

}  // namespace godwit::controllers
