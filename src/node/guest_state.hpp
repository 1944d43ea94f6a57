// The files of a guest's firmware and TPM: where they are, and that they are there.
//
// What isn't persistent is a copy in QEMU's own directory. A migration needs no shared place for it: QEMU carries the
// variables and the TPM's state along, and writes them to the target's copy.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "json/value.hpp"
#include "node/guest_decision.hpp"
#include "qemu/command_line.hpp"

namespace godwit::node {

/// Where Debian's OVMF is.
struct FirmwareFiles {
  std::filesystem::path code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
  std::filesystem::path variables = "/usr/share/OVMF/OVMF_VARS_4M.fd";
  std::filesystem::path secure_code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
  std::filesystem::path secure_variables = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";  ///< with Microsoft's keys
};

/// Names the files in the spec. `persistent`: the directory on the claim that keeps what must outlive the guest. Pure.
void name_state(const json::Value& vmi, const std::filesystem::path& own,
                const std::optional<std::filesystem::path>& persistent, const FirmwareFiles& files,
                qemu::MachineSpec& spec);

/// Makes the variables that aren't there yet. Persistent ones of an incoming guest must be there.
/// Code::not_found names the package that is missing.
Result<> make_state(const json::Value& vmi, const qemu::MachineSpec& spec, const FirmwareFiles& files, Role role);

}  // namespace godwit::node
