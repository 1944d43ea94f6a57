// A VirtualMachine's life: should its instance exist, and what does its status say?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::rules {

enum class RunStrategy : unsigned char { always, halted, manual, rerun_on_failure, once, other };
/// Of spec.runStrategy, else of the older spec.running.
[[nodiscard]] RunStrategy run_strategy_of(const json::Value& vm);
/// Its name as in the API: "RerunOnFailure".
[[nodiscard]] std::string run_strategy_name(const json::Value& vm);
/// A merge patch that sets the strategy where the object keeps it; `strategy` is "Always" or "Halted".
[[nodiscard]] json::Value run_strategy_patch(const json::Value& vm, std::string_view strategy);

struct VmView {
  const json::Value* vm = nullptr;   ///< never null
  const json::Value* vmi = nullptr;  ///< its instance (owned by it), null: none
  bool claims_missing = false;       ///< a claim of its volumes doesn't exist
  bool claims_unbound = false;       ///< one isn't bound yet
  WallTime now = {};
  std::string create_error = {};  ///< why the instance could not be created just now
};

struct VmStep {
  bool create_vmi = false;
  bool delete_vmi = false;
  bool set_always = false;                        ///< the run strategy becomes Always: a halted VM is to start
  std::optional<json::Array> requests = {};       ///< status.stateChangeRequests as it must be afterwards
  std::optional<json::Value> start_failure = {};  ///< status.startFailure to write (null removes it)
  std::optional<Duration> look_again = {};        ///< waits before it starts again
};
[[nodiscard]] VmStep vm_step(const VmView& view);

/// Whether a Stop among the VM's state change requests means this instance; one without a uid means any.
[[nodiscard]] bool stop_is_requested(const json::Value& vm, const json::Value& vmi);
[[nodiscard]] bool start_is_requested(const json::Value& vm);
/// The pause after failed starts that is left, if any.
[[nodiscard]] std::optional<Duration> pause_left(const VmView& view);

/// status.printableStatus: the first that holds, in KubeVirt's order.
[[nodiscard]] std::string printable_status(const VmView& view);

/// Members of the VM's status that follow from its instance: created, ready, printableStatus, conditions, runStrategy,
/// observedGeneration. `conditions` keeps what isn't ours.
[[nodiscard]] json::Object vm_status(const VmView& view);

/// The instance that the template makes; paused when the start that is asked for says so.
[[nodiscard]] json::Value vmi_of(const json::Value& vm);

/// On a VM that is deleted without its VMI (kubectl delete --cascade=orphan).
inline constexpr auto orphan_finalizer = "orphan";
inline constexpr auto vm_finalizer = "kubevirt.io/virtualMachineControllerFinalize";

}  // namespace godwit::rules
