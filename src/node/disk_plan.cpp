#include "node/disk_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace godwit::node {
namespace {

/// A CD-ROM is on SATA where nothing is said, as in KubeVirt; a disk is on virtio.
qemu::DiskBus bus_of(const json::Value& disk, bool cdrom) {
  const std::string bus =
      cdrom ? json::string_at(disk, "/cdrom/bus", "sata") : json::string_at(disk, "/disk/bus", "virtio");
  if (bus == "sata") return qemu::DiskBus::sata;
  if (bus == "scsi") return qemu::DiskBus::scsi;
  return qemu::DiskBus::virtio;
}

qemu::DiskCache cache_of(const json::Value& disk, const VolumeFile& file) {
  const std::string cache = json::string_at(disk, "/cache");
  if (cache == "writethrough") return qemu::DiskCache::writethrough;
  if (cache == "writeback") return qemu::DiskCache::writeback;
  // Small disks of files never change: the host may cache them, and needs no O_DIRECT for them.
  return cache.empty() && file.read_only ? qemu::DiskCache::writeback : qemu::DiskCache::none;
}

int size_at(const json::Value& disk, std::string_view pointer) { return static_cast<int>(json::int_at(disk, pointer)); }

qemu::Disk plan_disk(const json::Value& disk, const VolumeFile& file) {
  const bool cdrom = json::find(disk, "/cdrom") != nullptr;
  return {.id = json::string_at(disk, "/name"),
          .path = file.path,
          .format = file.format,
          .base = file.base,
          .bus = bus_of(disk, cdrom),
          .cdrom = cdrom,
          .read_only = cdrom || file.read_only || json::bool_at(disk, "/disk/readonly"),
          .shareable = json::bool_at(disk, "/shareable"),
          .cache = cache_of(disk, file),
          .native_aio = json::string_at(disk, "/io") == "native",
          .own_thread = json::bool_at(disk, "/dedicatedIOThread"),
          .error_policy = json::string_at(disk, "/errorPolicy"),
          .logical_block = size_at(disk, "/blockSize/custom/logical"),
          .physical_block = size_at(disk, "/blockSize/custom/physical"),
          .serial = json::string_at(disk, "/serial"),
          .boot_index = size_at(disk, "/bootOrder")};
}

}  // namespace

Result<std::vector<qemu::Disk>> plan_disks(const json::Value& vmi, const VolumePaths& volumes) {
  std::vector<qemu::Disk> disks;
  for (const json::Value& disk : json::array_at(vmi, "/spec/domain/devices/disks")) {
    const std::string name = json::string_at(disk, "/name");
    const auto file = volumes.find(name);
    if (file == volumes.end()) {
      return fail(Code::invalid,
                  fmt::format("spec.domain.devices.disks[{}].name: no volume is called '{}'", disks.size(), name));
    }
    disks.push_back(plan_disk(disk, file->second));
  }
  // Where nothing is said the first disk boots.
  const bool ordered = std::any_of(disks.begin(), disks.end(), [](const qemu::Disk& d) { return d.boot_index > 0; });
  if (!ordered && !disks.empty()) disks.front().boot_index = 1;
  return disks;
}

}  // namespace godwit::node
