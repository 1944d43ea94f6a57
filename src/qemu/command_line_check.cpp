#include "qemu/command_line_check.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::qemu {
namespace {

constexpr std::size_t longest_socket_path = 107;
constexpr std::size_t longest_serial = 20;
constexpr std::int64_t mebibyte = 1LL << 20;

bool is_id(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

/// What goes into an option list unescaped: no comma, no space, nothing invisible.
bool is_word(std::string_view text, std::string_view also = {}) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_id({&c, 1}) || also.find(c) != also.npos; });
}

bool is_hex(std::string_view text) {
  return text.size() == 2 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_mac(std::string_view text) {
  const std::vector<std::string> bytes = split(text, ':');
  if (bytes.size() != 6 || !std::all_of(bytes.begin(), bytes.end(), [](const std::string& b) { return is_hex(b); })) {
    return false;
  }
  return std::string_view{"02468aceACE"}.find(bytes[0][1]) != std::string_view::npos;  // unicast
}

Failure wrong(std::string message) { return fail(Code::invalid, std::move(message)); }

Result<> check_machine(const MachineSpec& spec) {
  if (!is_uuid(spec.uuid)) return wrong(fmt::format("uuid \"{}\" is none", spec.uuid));
  if (!is_word(spec.machine_type)) return wrong(fmt::format("machine type \"{}\" is none", spec.machine_type));
  if (!is_word(spec.cpu_model, ",+=")) return wrong(fmt::format("CPU model \"{}\" is none", spec.cpu_model));
  if (spec.sockets < 1 || spec.cores < 1 || spec.threads < 1)
    return wrong("sockets, cores and threads must be 1 or more");
  if (static_cast<std::int64_t>(spec.sockets) * spec.cores * spec.threads > 288) return wrong("more than 288 CPUs");
  if (spec.memory_bytes < mebibyte || spec.memory_bytes % mebibyte != 0) {
    return wrong(fmt::format("memory of {} bytes is no multiple of 1 MiB", spec.memory_bytes));
  }
  return {};
}

bool is_block_size(int size) { return size == 0 || (size >= 512 && size <= (2 << 20) && (size & (size - 1)) == 0); }

/// What the disk's bus and its other settings forbid; "" when nothing.
std::string disk_conflict(const Disk& disk) {
  if (!disk.base.empty() && disk.format != DiskFormat::qcow2) return "a raw image has no base";
  if (!disk.base.empty() && !disk.base.is_absolute()) return "its base's path is not absolute";
  if (disk.cdrom && disk.bus != DiskBus::sata && disk.bus != DiskBus::scsi) return "a CD-ROM is on SATA or SCSI";
  if (disk.read_only && !disk.cdrom && disk.bus == DiskBus::sata) return "a hard disk on SATA cannot be read only";
  if (disk.own_thread && disk.bus != DiskBus::virtio) return "only virtio disks have threads of their own";
  if (disk.native_aio && disk.cache != DiskCache::none) return "native I/O works without the host's cache only";
  if (!is_block_size(disk.logical_block) || !is_block_size(disk.physical_block)) return "its block size is none";
  if (disk.physical_block > 0 && disk.physical_block < disk.logical_block) {
    return "its physical blocks are smaller than its logical ones";
  }
  static const std::set<std::string> policies{"", "stop", "report", "ignore", "enospace"};
  if (!policies.contains(disk.error_policy)) return fmt::format("error policy \"{}\" is none", disk.error_policy);
  return {};
}

Result<> check_bus_sizes(const std::vector<Disk>& disks) {
  static const std::map<DiskBus, std::pair<std::size_t, const char*>> most{
      {DiskBus::virtio, {max_virtio_disks, "virtio"}},
      {DiskBus::sata, {max_sata_disks, "SATA"}},
      {DiskBus::scsi, {max_scsi_disks, "SCSI"}}};
  std::map<DiskBus, std::size_t> counts;
  for (const Disk& disk : disks) ++counts[disk.bus];
  for (const auto& [bus, count] : counts) {
    const auto& [limit, name] = most.at(bus);
    if (count > limit) return wrong(fmt::format("{} {} disks are more than {}", count, name, limit));
  }
  return {};
}

Result<> check_disks(const std::vector<Disk>& disks) {
  if (auto fits = check_bus_sizes(disks); !fits) return fits;
  std::set<std::string> ids;
  std::set<int> boot;
  for (const Disk& disk : disks) {
    if (!is_id(disk.id)) return wrong(fmt::format("disk name \"{}\": only letters, digits, '-', '_', '.'", disk.id));
    if (!ids.insert(disk.id).second) return wrong(fmt::format("two disks are named \"{}\"", disk.id));
    if (!disk.path.is_absolute())
      return wrong(fmt::format("disk {}: path \"{}\" is not absolute", disk.id, disk.path.string()));
    if (const std::string conflict = disk_conflict(disk); !conflict.empty()) {
      return wrong(fmt::format("disk {}: {}", disk.id, conflict));
    }
    if (disk.serial.size() > longest_serial) {
      return wrong(fmt::format("disk {}: serial \"{}\" is longer than {}", disk.id, disk.serial, longest_serial));
    }
    if (disk.boot_index < 0 || (disk.boot_index > 0 && !boot.insert(disk.boot_index).second)) {
      return wrong(fmt::format("disk {}: boot index {} is negative or taken", disk.id, disk.boot_index));
    }
  }
  return {};
}

Result<> check_nics(const std::vector<Nic>& nics) {
  if (nics.size() > max_nics)
    return wrong(fmt::format("{} network interfaces are more than {}", nics.size(), max_nics));
  std::set<std::string> ids;
  std::set<std::string> macs;
  for (const Nic& nic : nics) {
    if (!is_id(nic.id)) return wrong(fmt::format("interface name \"{}\": only letters, digits, '-', '_', '.'", nic.id));
    if (!ids.insert(nic.id).second) return wrong(fmt::format("two interfaces are named \"{}\"", nic.id));
    if (!is_mac(nic.mac)) return wrong(fmt::format("interface {}: \"{}\" is no unicast MAC address", nic.id, nic.mac));
    if (!macs.insert(to_lower(nic.mac)).second)
      return wrong(fmt::format("two interfaces have the MAC address {}", nic.mac));
    if (nic.tap_fds.empty() || std::any_of(nic.tap_fds.begin(), nic.tap_fds.end(), [](int fd) { return fd < 3; })) {
      return wrong(fmt::format("interface {} has no open tap", nic.id));
    }
    if (nic.model != "virtio" && nic.model != "e1000" && nic.model != "e1000e" && nic.model != "rtl8139") {
      return wrong(fmt::format("interface {}: model \"{}\"", nic.id, nic.model));
    }
    if (nic.boot_index < 0) return wrong(fmt::format("interface {}: boot index {}", nic.id, nic.boot_index));
    if (nic.mtu != 0 && (nic.mtu < 68 || nic.mtu > 65535))
      return wrong(fmt::format("interface {}: MTU {}", nic.id, nic.mtu));
  }
  return {};
}

bool among(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Result<> check_devices(const Devices& devices) {
  if (!among(devices.video, {"", "vga", "virtio", "bochs", "cirrus"})) {
    return wrong(fmt::format("screen \"{}\"", devices.video));
  }
  if (!among(devices.sound, {"", "ich9", "ac97"})) return wrong(fmt::format("sound \"{}\"", devices.sound));
  if (!among(devices.watchdog, {"", "reset", "poweroff", "shutdown"})) {
    return wrong(fmt::format("watchdog's action \"{}\"", devices.watchdog));
  }
  const auto on_virtio = std::count(devices.tablets.begin(), devices.tablets.end(), "virtio");
  const auto on_usb = std::count(devices.tablets.begin(), devices.tablets.end(), "usb");
  if (on_virtio > 1 || on_usb > 4 || on_virtio + on_usb != static_cast<std::ptrdiff_t>(devices.tablets.size())) {
    return wrong("tablets: up to 4 on usb and one on virtio");
  }
  return {};
}

Result<> check_platform(const MachineSpec& spec) {
  const Clock& clock = spec.clock;
  if (!is_word(clock.base, ":")) return wrong(fmt::format("the clock's base \"{}\"", clock.base));
  if (!among(clock.pit_policy, {"", "delay", "discard"})) return wrong("the interval timer's policy");
  const Uefi& uefi = spec.firmware.uefi;
  if (uefi.code.empty()) return {};
  if (!uefi.code.is_absolute() || !uefi.variables.is_absolute()) return wrong("firmware's paths are not absolute");
  if (uefi.secure_boot && !spec.platform.smm) return wrong("secure boot needs SMM");
  return {};
}

}  // namespace

Result<> check(const MachineSpec& spec, const MachinePaths& paths) {
  for (const auto& path : {paths.monitor, paths.oob_monitor, paths.console, paths.vnc, paths.tpm, paths.agent}) {
    if (!path.is_absolute()) return wrong(fmt::format("socket \"{}\" is not absolute", path.string()));
    if (path.string().size() > longest_socket_path) {
      return wrong(fmt::format("socket {} is longer than {} bytes", path.string(), longest_socket_path));
    }
  }
  if (auto good = check_machine(spec); !good) return good;
  if (auto good = check_disks(spec.disks); !good) return good;
  if (auto good = check_nics(spec.nics); !good) return good;
  if (auto good = check_devices(spec.devices); !good) return good;
  return check_platform(spec);
}

}  // namespace godwit::qemu
