// A VirtualMachine's life: should its instance exist, and what does its status say?
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::rules {

enum class RunStrategy : unsigned char { always, halted, manual, other };
[[nodiscard]] RunStrategy run_strategy_of(const json::Value& vm);

struct VmView {
  const json::Value* vm = nullptr;   ///< never null
  const json::Value* vmi = nullptr;  ///< its instance (owned by it), null: none
  bool claims_missing = false;       ///< a claim of its volumes doesn't exist
  bool claims_unbound = false;       ///< one isn't bound yet
  WallTime now;
};

struct VmStep {
  bool create_vmi = false;
  bool delete_vmi = false;
  std::optional<json::Array> requests = {};       ///< status.stateChangeRequests as it must be afterwards
  std::optional<json::Value> start_failure = {};  ///< status.startFailure to write (null removes it)
  std::optional<Duration> look_again = {};        ///< waits before it starts again
};
[[nodiscard]] VmStep vm_step(const VmView& view);

/// status.printableStatus: the first that holds, in KubeVirt's order.
[[nodiscard]] std::string printable_status(const VmView& view);

/// Members of the VM's status that follow from its instance: created, ready, printableStatus, conditions,
/// observedGeneration. `conditions` keeps what isn't ours.
[[nodiscard]] json::Object vm_status(const VmView& view);

/// The instance that the template makes.
[[nodiscard]] json::Value vmi_of(const json::Value& vm);

inline constexpr auto vm_finalizer = "kubevirt.io/virtualMachineControllerFinalize";

}  // namespace godwit::rules
