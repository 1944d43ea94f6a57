// The launcher pod of a VMI, and the target pod of a migration, as values.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// What the guest sees as its memory: domain.memory.guest, else the memory request, else its limit. 0: none is given.
[[nodiscard]] std::int64_t guest_memory_bytes(const json::Value& vmi);
/// What its QEMU needs beyond the guest's memory, as counted against a node: the process itself and, where the guest is
/// emulated (`accelerator` isn't "kvm"), the cache of translated code.
[[nodiscard]] std::int64_t memory_overhead_bytes(std::string_view accelerator);
[[nodiscard]] std::int64_t vcpus_of(const json::Value& vmi);

/// The name is derived from the VMI's uid, so that creating it twice makes one pod.
[[nodiscard]] json::Value launcher_pod(const json::Value& vmi);
/// Named after the VMIM's uid. `source_node` is the Node that runs the guest now: the target must have its accelerator.
[[nodiscard]] json::Value target_pod(const json::Value& vmi, const json::Value& vmim, const json::Value& source_node);
[[nodiscard]] std::string launcher_pod_name(const json::Value& vmi, std::string_view seed);

/// An ownerReference that names the object as controller.
[[nodiscard]] json::Value controller_reference(const json::Value& object, std::string_view api_version,
                                               std::string_view kind);

}  // namespace godwit::rules
