// Binds pods to nodes, as kube-scheduler would.
#pragma once

#include <mutex>

#include "controllers/context.hpp"

namespace godwit::controllers {

class Scheduler {
 public:
  explicit Scheduler(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key);
  [[nodiscard]] Result<> report(const json::Value& pod, const std::string& message);
  void retry_waiting();
  Context& context_;
  std::map<std::string, std::string> assumed_;  ///< pod uid → node: bound, but not yet seen so (worker's only)
  std::mutex mutex_;
  std::set<kube::Key> waiting_;  ///< fitted nowhere
  kube::Controller controller_;  ///< one worker: placements build on each other
};

}  // namespace godwit::controllers
