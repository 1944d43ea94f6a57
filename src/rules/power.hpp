// What start, stop and restart of a virtual machine change: KubeVirt's subresources as pure decisions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// Merge patches; null: nothing to change there.
struct PowerChange {
  json::Value vm = nullptr;
  json::Value vm_status = nullptr;  ///< of the VM, through its status
  json::Value vmi = nullptr;
};

// `vmi` is null when there is none. Refusals are Code::conflict with the inner text, Code::bad_request with the whole.
[[nodiscard]] Result<PowerChange> start_change(const json::Value& vm, const json::Value* vmi, bool paused);
/// `grace`: seconds that the guest is given; none: as its VMI says.
[[nodiscard]] Result<PowerChange> stop_change(const json::Value& vm, const json::Value* vmi,
                                              std::optional<std::int64_t> grace);
[[nodiscard]] Result<PowerChange> restart_change(const json::Value& vm, const json::Value* vmi,
                                                 std::optional<std::int64_t> grace);

}  // namespace godwit::rules
