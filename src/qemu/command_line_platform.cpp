#include <fmt/format.h>

#include "qemu/command_line_parts.hpp"

namespace godwit::qemu {
namespace {

std::string smbios(int type, std::initializer_list<std::pair<std::string_view, std::string_view>> words) {
  std::string text;
  for (const auto& [key, word] : words) {
    if (!word.empty()) text += fmt::format(",{}={}", key, escape_commas(word));
  }
  return text.empty() ? text : fmt::format("type={}{}", type, text);
}

void add_uefi(Arguments& out, const Uefi& uefi) {
  const auto file = [](std::string_view node, const std::filesystem::path& path, bool read_only) {
    return json::Object{
        {"driver", "raw"},
        {"node-name", node},
        {"read-only", read_only},
        {"file",
         json::Object{{"driver", "file"}, {"filename", path.string()}, {"locking", "on"}, {"read-only", read_only}}}};
  };
  out.add("-blockdev", file("firmware", uefi.code, true));
  out.add("-blockdev", file("variables", uefi.variables, false));
  if (uefi.secure_boot) out.add("-global", "driver=cfi.pflash01,property=secure,value=on");
}

}  // namespace

std::string machine_of(const MachineSpec& spec) {
  const Platform& platform = spec.platform;
  // graphics=off sends the BIOS's screen to the serial console too.
  std::string text = fmt::format("{},usb=off,vmport=off,smm={},graphics=off,dump-guest-core=off", spec.machine_type,
                                 platform.smm ? "on" : "off");
  if (!platform.acpi) text += ",acpi=off";
  if (!platform.hpet) text += ",hpet=off";
  if (!platform.pit) text += ",pit=off";
  if (!spec.firmware.uefi.code.empty()) text += ",pflash0=firmware,pflash1=variables";
  return text;
}

void add_clock(Arguments& out, const MachineSpec& spec) {
  const Clock& clock = spec.clock;
  out.add("-rtc", fmt::format("base={}{}{}", clock.base, clock.guest_time ? ",clock=vm" : "",
                              clock.catch_up ? ",driftfix=slew" : ""));
  if (!clock.pit_policy.empty() && spec.accelerator == Accelerator::kvm) {
    out.add("-global", "kvm-pit.lost_tick_policy=" + clock.pit_policy);
  }
}

void add_firmware(Arguments& out, const MachineSpec& spec) {
  const Firmware& firmware = spec.firmware;
  const Chassis& chassis = firmware.chassis;
  for (const std::string& table :
       {smbios(1, {{"serial", firmware.serial}}), smbios(3, {{"manufacturer", chassis.manufacturer},
                                                             {"version", chassis.version},
                                                             {"serial", chassis.serial},
                                                             {"asset", chassis.asset},
                                                             {"sku", chassis.sku}})}) {
    if (!table.empty()) out.add("-smbios", table);
  }
  if (!firmware.uefi.code.empty()) add_uefi(out, firmware.uefi);
}

}  // namespace godwit::qemu
