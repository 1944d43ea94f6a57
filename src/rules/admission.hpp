// What may enter the API: refusals with KubeVirt's texts, and defaults. Pure: what must be looked up is passed in.
//
// A single reason is Code::bad_request (message only); wrong fields are Code::invalid with one cause per field and the
// causes' messages, joined by ", ", as the message.
#pragma once

#include <string>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// What "q35" means: guests keep the version they were made with.
inline constexpr auto newest_machine_type = "pc-q35-10.0";

/// What the KubeVirt object and this build preset for new guests.
struct GuestDefaults {
  std::string eviction_strategy = "None";
  std::string machine_type = newest_machine_type;
  std::string cpu_model = "host-model";
  json::Value cpu_request = nullptr;       ///< of the whole guest, a quantity; null: by the ratio
  std::int64_t cpu_allocation_ratio = 10;  ///< virtual CPUs for each that is requested
};

/// Creation or update of a VirtualMachine: its own fields, then the guest in spec.template.spec.
[[nodiscard]] Result<> validate_vm(const json::Value& vm);

/// Creation of a VirtualMachineInstance.
[[nodiscard]] Result<> validate_vmi(const json::Value& vmi);
/// The spec of a VMI doesn't change.
[[nodiscard]] Result<> validate_vmi_update(const json::Value& before, const json::Value& after);
/// Defaults of a new VMI: evictionStrategy, machine type, CPU model and topology, a default network, CPU request, MAC
/// addresses, the finalizer. A guest with neither interfaces nor networks gets the pod network with `masquerade`
/// (KubeVirt takes `bridge`, with which the guest could not migrate).
void mutate_vmi(json::Value& vmi, const GuestDefaults& defaults);

/// Creation of a VirtualMachineInstanceMigration. `vmi` is null when it doesn't exist; `others` are the migrations of
/// the namespace that carry its label.
[[nodiscard]] Result<> validate_vmim(const json::Value& vmim, const json::Value* vmi, const json::Array& others);
[[nodiscard]] Result<> validate_vmim_update(const json::Value& before, const json::Value& after);
/// Label kubevirt.io/vmi-name (overwritten) and the finalizer.
void mutate_vmim(json::Value& vmim);

}  // namespace godwit::rules
