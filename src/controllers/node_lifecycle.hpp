// Tells dead nodes from living ones by their leases.
#pragma once

#include <mutex>

#include "controllers/context.hpp"

namespace godwit::controllers {

/// A node whose Lease isn't renewed for its duration gets Ready=Unknown and the taints of an unreachable node. What
/// makes it ready again is its own agent's word; the taints then go. Other conditions and cordons become taints
/// likewise. Time is this process's own: clocks of hosts may differ.
class NodeLifecycle {
 public:
  explicit NodeLifecycle(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  struct Seen {
    std::string renewed;  ///< spec.renewTime
    std::string ready;    ///< status of the condition
    Instant at;
  };
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key);
  [[nodiscard]] Duration silence_left(const std::string& node, const std::string& ready);
  [[nodiscard]] Result<> mark_unknown(const json::Value& node);
  [[nodiscard]] Result<> write_taints(const json::Value& node);
  Context& context_;
  std::map<std::string, Seen> seen_;  ///< worker's only
  kube::Controller controller_;
};

}  // namespace godwit::controllers
