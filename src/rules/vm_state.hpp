// What outlives a guest beside its disks: UEFI variables and the TPM's state, on a claim of their own. Pure.
#pragma once

#include <string>

#include "json/value.hpp"

namespace godwit::rules {

[[nodiscard]] bool has_uefi(const json::Value& vmi);
[[nodiscard]] bool has_tpm(const json::Value& vmi);
/// `efi.persistent` or `tpm.persistent`.
[[nodiscard]] bool needs_vm_state(const json::Value& vmi);
[[nodiscard]] std::string vm_state_claim_name(const json::Value& vmi);
/// The claim: the VirtualMachine's, so that it is there for the next start, or a VMI's own. "" = the default class.
[[nodiscard]] json::Value vm_state_claim(const json::Value& vmi, const std::string& storage_class);

}  // namespace godwit::rules
