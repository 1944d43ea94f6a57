// Takes pods off nodes whose NoExecute taints they don't tolerate, or no longer.
#pragma once

#include <map>

#include "controllers/context.hpp"

namespace godwit::controllers {

/// A pod is deleted at once when a taint isn't tolerated, or after the shortest of its tolerationSeconds, counted from
/// when the taints were first seen here. A virtual machine's launcher tolerates silent nodes for ever; deleting it
/// shuts the guest down.
class TaintEviction {
 public:
  explicit TaintEviction(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& node);
  /// How long the pod may still stay; nothing: for ever.
  [[nodiscard]] std::optional<Duration> time_left(const json::Value& pod, const json::Value& node);
  [[nodiscard]] Result<> evict(const json::Value& pod);

  Context& context_;
  kube::EventRecorder events_;
  std::map<std::string, Instant> since_;  ///< pod uid → when its time began to run (worker's only)
  kube::Controller controller_;           ///< keys are nodes
};

}  // namespace godwit::controllers
