// VirtualMachine → VirtualMachineInstance.
#pragma once

#include "controllers/context.hpp"
#include "rules/vm_lifecycle.hpp"

namespace godwit::controllers {

/// Creates and deletes instances as the run strategy and the requested state changes say, and keeps the VM's status.
class VmController {
 public:
  explicit VmController(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key);
  [[nodiscard]] Result<kube::ObjectPtr> create_instance(const json::Value& vm);
  [[nodiscard]] Result<> write_outcome(const rules::VmView& view, const rules::VmStep& step);
  [[nodiscard]] Result<> write_status(const json::Value& vm, json::Object wanted);
  Context& context_;
  kube::Controller controller_;
};

}  // namespace godwit::controllers
