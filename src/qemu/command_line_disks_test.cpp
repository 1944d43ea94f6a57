#include <gtest/gtest.h>

#include "qemu/command_line.hpp"
#include "qemu/command_line_parts.hpp"

namespace godwit::qemu {
namespace {

std::vector<std::string> line_of(const std::vector<Disk>& disks) {
  Arguments out{"qemu"};
  add_disks(out, disks);
  return out.take();
}

// A guest in motion depends on every address here.
TEST(DiskArguments, EachBusCountsItsOwnDisks) {
  const auto line = line_of({{.id = "root", .path = "/r"},
                             {.id = "cd", .path = "/c.iso", .bus = DiskBus::sata, .cdrom = true, .read_only = true},
                             {.id = "data", .path = "/d", .bus = DiskBus::scsi},
                             {.id = "more", .path = "/m"},
                             {.id = "second", .path = "/s", .bus = DiskBus::sata},
                             {.id = "cd2", .path = "/c2.iso", .bus = DiskBus::scsi, .cdrom = true}});
  const std::vector<std::string> devices{
      R"({"driver":"virtio-scsi-pci","id":"scsi0","bus":"pcie.0","addr":"0x17","disable-legacy":"on"})",
      R"({"driver":"virtio-blk-pci","id":"disk-root","drive":"disk0","bus":"pcie.0","addr":"0x9",)"
      R"("disable-legacy":"on","write-cache":"on"})",
      R"({"driver":"ide-cd","id":"disk-cd","drive":"disk1","bus":"ide.0","unit":0,"write-cache":"on"})",
      R"({"driver":"scsi-hd","id":"disk-data","drive":"disk2","bus":"scsi0.0","channel":0,"scsi-id":0,"lun":0,)"
      R"("write-cache":"on"})",
      R"({"driver":"virtio-blk-pci","id":"disk-more","drive":"disk3","bus":"pcie.0","addr":"0xa",)"
      R"("disable-legacy":"on","write-cache":"on"})",
      R"({"driver":"ide-hd","id":"disk-second","drive":"disk4","bus":"ide.1","unit":0,"write-cache":"on"})",
      R"({"driver":"scsi-cd","id":"disk-cd2","drive":"disk5","bus":"scsi0.0","channel":0,"scsi-id":1,"lun":0,)"
      R"("write-cache":"on"})"};
  std::vector<std::string> found;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    if (line[i] == "-device") found.push_back(line[i + 1]);
  }
  EXPECT_EQ(found, devices);
}

TEST(DiskArguments, AnOverlayNamesItsBase) {
  const auto line = line_of({{.id = "root", .path = "/o.qcow2", .format = DiskFormat::qcow2, .base = "/b.img"}});
  EXPECT_EQ(line.at(2),
            R"({"driver":"qcow2","node-name":"disk0","discard":"unmap","read-only":false,)"
            R"("cache":{"direct":true,"no-flush":false},"file":{"driver":"file","node-name":"file0",)"
            R"("filename":"/o.qcow2","aio":"threads","locking":"on","discard":"unmap","read-only":false,)"
            R"("cache":{"direct":true,"no-flush":false}},"backing":{"driver":"raw","node-name":"base0",)"
            R"("read-only":true,"cache":{"direct":true,"no-flush":false},"file":{"driver":"file",)"
            R"("node-name":"basefile0","filename":"/b.img","aio":"threads","locking":"on","discard":"unmap",)"
            R"("read-only":true,"cache":{"direct":true,"no-flush":false}}}})");
}

TEST(DiskArguments, SettingsReachTheDevice) {
  const auto line = line_of({{.id = "d",
                              .path = "/d",
                              .shareable = true,
                              .cache = DiskCache::writethrough,
                              .own_thread = true,
                              .error_policy = "enospace",
                              .logical_block = 512,
                              .physical_block = 4096}});
  EXPECT_EQ(line.at(4), R"({"qom-type":"iothread","id":"io-disk0"})");
  EXPECT_EQ(line.back(), R"({"driver":"virtio-blk-pci","id":"disk-d","drive":"disk0","bus":"pcie.0","addr":"0x9",)"
                         R"("disable-legacy":"on","iothread":"io-disk0","write-cache":"off","share-rw":true,)"
                         R"("logical_block_size":512,"physical_block_size":4096,"werror":"enospc","rerror":"report"})");
  EXPECT_NE(line.at(2).find(R"("direct":false)"), std::string::npos);
}

TEST(DiskArguments, WhatDoesNotGoTogetherIsRefused) {
  const auto problem = [](Disk disk) {
    disk.id = "d";
    disk.path = "/d";
    MachineSpec spec{.name = "n", .uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a11", .memory_bytes = 64LL << 20};
    spec.disks.push_back(std::move(disk));
    const auto line = command_line(spec, MachinePaths::in("/run/vm"));
    return line ? std::string{"none"} : line.error().message;
  };
  EXPECT_EQ(problem({.id = "", .path = {}}), "none");
  EXPECT_NE(problem({.id = "", .path = {}, .base = "/b"}).find("raw image has no base"), std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .cdrom = true}).find("SATA or SCSI"), std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .bus = DiskBus::sata, .read_only = true}).find("read only"),
            std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .bus = DiskBus::scsi, .own_thread = true}).find("threads"),
            std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .cache = DiskCache::writeback, .native_aio = true}).find("native"),
            std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .error_policy = "panic"}).find("error policy"), std::string::npos);
  EXPECT_NE(problem({.id = "", .path = {}, .logical_block = 1000}).find("block size"), std::string::npos);
}

}  // namespace
}  // namespace godwit::qemu
