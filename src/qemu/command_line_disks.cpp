#include <fmt/format.h>

#include "qemu/command_line_parts.hpp"
#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {

void add_disk(Arguments& out, const Disk& disk, std::size_t index) {
  // Node names are short by QEMU's rule, hence the index instead of the disk's name.
  const std::string node = fmt::format("disk{}", index);
  const bool device_file = disk.path.string().starts_with("/dev/");
  const json::Object cache{{"direct", disk.direct_io}, {"no-flush", false}};
  const json::Object file{{"driver", device_file ? "host_device" : "file"},
                          {"node-name", fmt::format("file{}", index)},
                          {"filename", disk.path.string()},
                          {"aio", "threads"},
                          {"locking", "on"},
                          {"discard", "unmap"},
                          {"read-only", disk.read_only},
                          {"cache", cache}};
  out.add("-blockdev", json::Object{{"driver", "raw"},
                                    {"node-name", node},
                                    {"discard", "unmap"},
                                    {"read-only", disk.read_only},
                                    {"cache", cache},
                                    {"file", file}});
  json::Object device{{"driver", "virtio-blk-pci"},
                      {"id", "disk-" + disk.id},
                      {"drive", node},
                      {"bus", "pcie.0"},
                      {"addr", pci::address(pci::first_disk + index)},
                      {"disable-legacy", "on"},
                      {"write-cache", "on"}};
  if (!disk.serial.empty()) device["serial"] = disk.serial;
  if (disk.boot_index > 0) device["bootindex"] = disk.boot_index;
  out.add("-device", device);
}

}  // namespace godwit::qemu
