#include "node/disk_plan.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "json/yaml.hpp"

namespace godwit::node {
namespace {

json::Value vmi_with(const std::string& disks) {
  return *json::parse_yaml(fmt::format("spec: {{domain: {{devices: {{disks: {}}}}}}}", disks));
}

const VolumePaths& files() {
  static const VolumePaths paths{
      {"root", {.path = "/i/root.qcow2", .format = qemu::DiskFormat::qcow2, .base = "/i/root.qcow2.base"}},
      {"data", {.path = "/v/disk.img"}},
      {"seed", {.path = "/i/seed.iso", .read_only = true}}};
  return paths;
}

std::vector<qemu::Disk> plan(const std::string& disks) {
  auto planned = plan_disks(vmi_with(disks), files());
  EXPECT_TRUE(planned) << planned.error().message;
  return planned.value_or(std::vector<qemu::Disk>{});
}

TEST(DiskPlan, TakesTheFilesOfItsVolumes) {
  const auto disks =
      plan("[{name: root, disk: {bus: virtio}}, {name: seed, cdrom: {}}, {name: data, disk: {bus: scsi}}]");
  ASSERT_EQ(disks.size(), 3U);
  EXPECT_EQ(disks[0].path, "/i/root.qcow2");
  EXPECT_EQ(disks[0].format, qemu::DiskFormat::qcow2);
  EXPECT_EQ(disks[0].base, "/i/root.qcow2.base");
  EXPECT_EQ(disks[1].bus, qemu::DiskBus::sata) << "a CD-ROM that says nothing";
  EXPECT_TRUE(disks[1].cdrom && disks[1].read_only);
  EXPECT_EQ(disks[2].bus, qemu::DiskBus::scsi);
}

TEST(DiskPlan, WhatIsWrittenGoesPastTheHostsCache) {
  const auto disks = plan("[{name: data}, {name: seed, disk: {}}]");
  EXPECT_EQ(disks[0].cache, qemu::DiskCache::none);
  EXPECT_TRUE(disks[1].read_only);
  EXPECT_EQ(plan("[{name: data, cache: writethrough}]")[0].cache, qemu::DiskCache::writethrough);
}

TEST(DiskPlan, TheFirstBootsUnlessAnOrderIsGiven) {
  const auto first = plan("[{name: root}, {name: data}]");
  EXPECT_EQ(first[0].boot_index, 1);
  EXPECT_EQ(first[1].boot_index, 0);
  const auto given = plan("[{name: root}, {name: data, bootOrder: 1}]");
  EXPECT_EQ(given[0].boot_index, 0);
  EXPECT_EQ(given[1].boot_index, 1);
}

TEST(DiskPlan, SettingsArriveAtTheMachine) {
  const auto disk = plan(
      "[{name: data, disk: {readonly: true}, serial: S1, io: native, cache: none, errorPolicy: report, shareable: "
      "true, "
      "dedicatedIOThread: true, blockSize: {custom: {logical: 512, physical: 4096}}}]")[0];
  const qemu::Disk expected{.id = "data",
                            .path = "/v/disk.img",
                            .read_only = true,
                            .shareable = true,
                            .native_aio = true,
                            .own_thread = true,
                            .error_policy = "report",
                            .logical_block = 512,
                            .physical_block = 4096,
                            .serial = "S1",
                            .boot_index = 1};
  EXPECT_TRUE(disk == expected);
}

TEST(DiskPlan, NamesADiskWithoutAVolume) {
  const auto refused = plan_disks(vmi_with("[{name: root}, {name: nothing}]"), files());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "spec.domain.devices.disks[1].name: no volume is called 'nothing'");
}

}  // namespace
}  // namespace godwit::node
