// What a machine has beside CPUs, memory, disks and interfaces. Values; both sides of a migration get the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace godwit::qemu {

/// The mainboard's switches.
struct Platform {
  bool acpi = true;
  bool smm = false;
  bool hpet = true;
  bool pit = true;
  bool operator==(const Platform&) const = default;
};

struct Clock {
  std::string base =
      "utc";  ///< "utc", "localtime", or a time "2026-12-01T04:00:00": what the clock chip shows at first
  std::string timezone = {};    ///< of "localtime": "Europe/Vienna"
  bool catch_up = true;         ///< the clock chip's lost ticks are delivered later
  bool guest_time = false;      ///< it stands while the guest is stopped
  std::string pit_policy = {};  ///< KVM: "delay" or "discard"; "": QEMU's default
  bool operator==(const Clock&) const = default;
};

/// What the guest reads in the tables of SMBIOS; "" is left out.
struct Chassis {
  std::string manufacturer = {};
  std::string version = {};
  std::string serial = {};
  std::string asset = {};
  std::string sku = {};
  bool operator==(const Chassis&) const = default;
};

/// UEFI instead of the BIOS.
struct Uefi {
  std::filesystem::path code = {};       ///< the firmware itself; "" = BIOS
  std::filesystem::path variables = {};  ///< its own copy of the variables, writable; made by the caller
  bool secure_boot = false;              ///< needs SMM
  bool operator==(const Uefi&) const = default;
};

struct Firmware {
  std::string serial = {};  ///< of the system, in SMBIOS
  Chassis chassis = {};
  Uefi uefi = {};
  bool operator==(const Firmware&) const = default;
};

/// Devices of which there is one, or none.
struct Devices {
  std::string video = {};  ///< "vga", "virtio", "bochs", "cirrus": a screen, seen by VNC; "": none
  bool serial_console = true;
  bool console_log = true;  ///< what the console prints is kept
  bool balloon = false;
  std::vector<std::string> tablets = {};  ///< the bus of each: "usb" (up to 4) or "virtio" (one)
  std::string sound = {};                 ///< "ich9", "ac97"; "": none
  std::string watchdog = {};              ///< what it does: "reset", "poweroff", "shutdown"; "": none
  std::filesystem::path tpm_state = {};   ///< where swtpm keeps the state of its TPM; "": no TPM
  bool operator==(const Devices&) const = default;
};

}  // namespace godwit::qemu
