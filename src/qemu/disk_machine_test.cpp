// QEMU takes every kind of disk that a command line can have, and moves with it.
#include "qemu/machine_fixture_test.hpp"

namespace godwit::qemu {
namespace {

TEST_F(MachineTest, MovesWithEveryKindOfDisk) {
  const auto file = [&](const std::string& name) {
    const auto path = temporary_->path() / name;
    std::ofstream{path}.close();
    std::filesystem::resize_file(path, 1 << 20);
    std::filesystem::permissions(path, std::filesystem::perms{0666});
    return path;
  };
  const auto overlay = temporary_->path() / "overlay.qcow2";
  ASSERT_TRUE(run_checked(
      {.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", file("base"), overlay}}, soon()));
  std::filesystem::permissions(overlay, std::filesystem::perms{0666});
  MachineSpec spec = tiny();
  spec.disks = {{.id = "over",
                 .path = overlay,
                 .format = DiskFormat::qcow2,
                 .base = temporary_->path() / "base",
                 .own_thread = true,
                 .error_policy = "enospace",
                 .boot_index = 2},
                {.id = "blocks",
                 .path = file("blocks"),
                 .shareable = true,
                 .native_aio = true,
                 .error_policy = "stop",
                 .logical_block = 512,
                 .physical_block = 4096},
                {.id = "fixed", .path = file("fixed"), .read_only = true, .cache = DiskCache::writeback},
                {.id = "ata", .path = file("ata"), .bus = DiskBus::sata, .error_policy = "report", .serial = "ATA1"},
                {.id = "atacd", .path = file("atacd"), .bus = DiskBus::sata, .cdrom = true, .boot_index = 1},
                {.id = "scsi",
                 .path = file("scsi"),
                 .bus = DiskBus::scsi,
                 .shareable = true,
                 .logical_block = 4096,
                 .physical_block = 4096},
                {.id = "scsiro", .path = file("scsiro"), .bus = DiskBus::scsi, .read_only = true},
                {.id = "scsicd", .path = file("scsicd"), .bus = DiskBus::scsi, .cdrom = true, .serial = "CD"}};
  move(spec, spec);
}

}  // namespace
}  // namespace godwit::qemu
