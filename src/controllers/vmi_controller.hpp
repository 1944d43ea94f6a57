// VirtualMachineInstance → launcher pod.
#pragma once

#include <mutex>

#include "controllers/context.hpp"

namespace godwit::controllers {

/// Gives an instance its first status, its address, its pod; says whether it may move; and lets it go once no QEMU of
/// it is left. All else in its status is its node's agent's.
class VmiController {
 public:
  explicit VmiController(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key);
  [[nodiscard]] Result<kube::Again> finish(const json::Value& vmi);
  [[nodiscard]] Result<json::Value> begin(const json::Value& vmi);
  [[nodiscard]] Result<> ensure_pod(const json::Value& vmi);
  [[nodiscard]] Result<> ensure_state_claim(const json::Value& vmi);
  [[nodiscard]] Result<> write_conditions(const json::Value& vmi);
  [[nodiscard]] Result<std::string> take_address(const json::Value& vmi);
  Context& context_;
  std::mutex addresses_;
  std::map<std::string, std::uint32_t> given_;  ///< VMI uid → address that the cache may not show yet
  std::uint32_t last_address_ = 0;
  kube::Controller controller_;
};

/// The launcher pods of a VMI, migration targets included.
[[nodiscard]] std::vector<kube::ObjectPtr> pods_of(const Context& context, const json::Value& vmi);

inline constexpr auto vmi_finalizer = "kubevirt.io/foregroundDeleteVirtualMachine";

}  // namespace godwit::controllers
