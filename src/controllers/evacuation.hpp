// Moves VMIs off nodes that they must leave: those that an eviction has marked, and all of a node with the drain taint.
#pragma once

#include "controllers/context.hpp"

namespace godwit::controllers {

/// Creates one migration after the other until the VMI has left; how many run at a time is the migration controller's
/// to say. What to do is decided by rules/eviction.hpp.
class Evacuation {
 public:
  explicit Evacuation(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& vmi);
  [[nodiscard]] Result<> unmark(const json::Value& vmi);
  [[nodiscard]] Result<> migrate(const json::Value& vmi, const std::string& node);

  Context& context_;
  kube::Controller controller_;
};

}  // namespace godwit::controllers
