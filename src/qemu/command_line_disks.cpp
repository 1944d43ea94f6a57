#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "qemu/command_line_check.hpp"
#include "qemu/command_line_parts.hpp"
#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {
namespace {

json::Object cache_of(const Disk& disk) {
  return json::Object{{"direct", disk.cache == DiskCache::none}, {"no-flush", false}};
}

json::Object file_node(const Disk& disk, const std::filesystem::path& path, std::string name, bool read_only) {
  const bool device_file = path.string().starts_with("/dev/");
  return json::Object{{"driver", device_file ? "host_device" : "file"},
                      {"node-name", std::move(name)},
                      {"filename", path.string()},
                      {"aio", disk.native_aio ? "native" : "threads"},
                      {"locking", "on"},
                      {"discard", "unmap"},
                      {"read-only", read_only},
                      {"cache", cache_of(disk)}};
}

/// Node names are short by QEMU's rule, hence the index instead of the disk's name.
json::Object block_node(const Disk& disk, std::size_t index) {
  const bool read_only = disk.read_only || disk.cdrom;
  json::Object node{{"driver", disk.format == DiskFormat::qcow2 ? "qcow2" : "raw"},
                    {"node-name", fmt::format("disk{}", index)},
                    {"discard", "unmap"},
                    {"read-only", read_only},
                    {"cache", cache_of(disk)},
                    {"file", file_node(disk, disk.path, fmt::format("file{}", index), read_only)}};
  if (disk.base.empty()) return node;
  node["backing"] = json::Object{{"driver", "raw"},
                                 {"node-name", fmt::format("base{}", index)},
                                 {"read-only", true},
                                 {"cache", cache_of(disk)},
                                 {"file", file_node(disk, disk.base, fmt::format("basefile{}", index), true)}};
  return node;
}

/// Its place: `number` counts the disks of its bus.
json::Object device_on_bus(const Disk& disk, const std::string& node, std::size_t number) {
  json::Object device{{"driver", "virtio-blk-pci"}, {"id", "disk-" + disk.id}, {"drive", node}};
  switch (disk.bus) {
    case DiskBus::virtio:
      device["bus"] = "pcie.0";
      device["addr"] = pci::address(pci::first_disk + number);
      device["disable-legacy"] = "on";
      break;
    case DiskBus::sata:
      device["driver"] = disk.cdrom ? "ide-cd" : "ide-hd";
      device["bus"] = fmt::format("ide.{}", number);
      device["unit"] = 0;
      break;
    case DiskBus::scsi:
      device["driver"] = disk.cdrom ? "scsi-cd" : "scsi-hd";
      device["bus"] = "scsi0.0";
      device["channel"] = 0;
      device["scsi-id"] = number;
      device["lun"] = 0;
      break;
  }
  return device;
}

void add_disk(Arguments& out, const Disk& disk, std::size_t index, std::size_t number) {
  out.add("-blockdev", block_node(disk, index));
  const std::string node = fmt::format("disk{}", index);
  json::Object device = device_on_bus(disk, node, number);
  if (disk.own_thread) {
    const std::string thread = "io-" + node;
    out.add("-object", json::Object{{"qom-type", "iothread"}, {"id", thread}});
    device["iothread"] = thread;
  }
  device["write-cache"] = disk.cache == DiskCache::writethrough ? "off" : "on";
  if (!disk.serial.empty()) device["serial"] = disk.serial;
  if (disk.boot_index > 0) device["bootindex"] = disk.boot_index;
  if (disk.shareable) device["share-rw"] = true;
  if (disk.logical_block > 0) device["logical_block_size"] = disk.logical_block;
  if (disk.physical_block > 0) device["physical_block_size"] = disk.physical_block;
  if (disk.error_policy == "enospace") {
    device["werror"] = "enospc";
    device["rerror"] = "report";
  } else if (!disk.error_policy.empty()) {
    device["werror"] = disk.error_policy;
    device["rerror"] = disk.error_policy;
  }
  out.add("-device", device);
}

void add_scsi_controller(Arguments& out) {
  out.add("-device", json::Object{{"driver", "virtio-scsi-pci"},
                                  {"id", "scsi0"},
                                  {"bus", "pcie.0"},
                                  {"addr", pci::address(pci::scsi)},
                                  {"disable-legacy", "on"}});
}

}  // namespace

void add_disks(Arguments& out, const std::vector<Disk>& disks) {
  if (std::any_of(disks.begin(), disks.end(), [](const Disk& d) { return d.bus == DiskBus::scsi; })) {
    add_scsi_controller(out);
  }
  std::map<DiskBus, std::size_t> numbers;
  for (std::size_t i = 0; i < disks.size(); ++i) add_disk(out, disks[i], i, numbers[disks[i].bus]++);
}

}  // namespace godwit::qemu
