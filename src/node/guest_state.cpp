#include "node/guest_state.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "rules/vm_state.hpp"
#include "storage/volumes.hpp"

namespace godwit::node {
namespace {

constexpr auto efi = "/spec/domain/firmware/bootloader/efi";

bool keeps_variables(const json::Value& vmi) { return json::bool_at(vmi, std::string{efi} + "/persistent"); }
bool keeps_tpm(const json::Value& vmi) { return json::bool_at(vmi, "/spec/domain/devices/tpm/persistent"); }

}  // namespace

void name_state(const json::Value& vmi, const std::filesystem::path& own,
                const std::optional<std::filesystem::path>& persistent, const FirmwareFiles& files,
                qemu::MachineSpec& spec) {
  const std::filesystem::path& kept = persistent ? *persistent : own;
  if (rules::has_uefi(vmi)) {
    qemu::Uefi& uefi = spec.firmware.uefi;
    uefi.secure_boot = json::bool_at(vmi, std::string{efi} + "/secureBoot", true);
    uefi.code = uefi.secure_boot ? files.secure_code : files.code;
    uefi.variables = (keeps_variables(vmi) ? kept : own) / "uefi-variables.fd";
  }
  if (rules::has_tpm(vmi)) spec.devices.tpm_state = (keeps_tpm(vmi) ? kept : own) / "tpm";
}

Result<> make_state(const json::Value& vmi, const qemu::MachineSpec& spec, const FirmwareFiles& files, Role role) {
  const qemu::Uefi& uefi = spec.firmware.uefi;
  if (uefi.code.empty()) return {};
  const auto& blank = uefi.secure_boot ? files.secure_variables : files.variables;
  for (const auto& file : {uefi.code, blank}) {
    if (!std::filesystem::exists(file)) return fail(Code::not_found, file.string() + " is missing (package ovmf)");
  }
  if (keeps_variables(vmi) && std::filesystem::exists(uefi.variables)) return {};
  if (keeps_variables(vmi) && role == Role::incoming) {
    return fail(Code::not_found, "the guest's UEFI variables are not at " + uefi.variables.string() + " here");
  }
  if (auto made = make_directory(uefi.variables.parent_path(), 0711); !made) return made;
  const auto content = read_file(blank);
  if (!content) return fail(content.error());
  if (auto written = write_file(uefi.variables, *content, 0600); !written) return written;
  if (::geteuid() == 0 && ::chown(uefi.variables.c_str(), storage::qemu_user, storage::qemu_user) != 0) {
    return fail_errno(uefi.variables.string());
  }
  return {};
}

}  // namespace godwit::node
