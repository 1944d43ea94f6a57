#include "node/instance_record.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"

namespace godwit::node {
namespace {

InstanceRecord sample() {
  return {.vmi = {.ns = "d", .name = "vm"},
          .vmi_uid = "u1",
          .pod = {.ns = "d", .name = "virt-launcher-vm-x"},
          .pod_uid = "p1",
          .role = Role::incoming,
          .migration_uid = "m2",
          .last_migration_uid = "m1",
          .peer = "node-2",
          .ports = {{.tap = "gt0",
                     .binding = hostnet::Binding::bridge,
                     .mac = "02:00:00:00:00:01",
                     .pod_ip = "198.19.0.2",
                     .prefix_length = 20,
                     .gateway = "198.19.0.1",
                     .mtu = 1400,
                     .hostname = "vm"}},
          .interface_names = {"red"},
          .machine_type = "pc-q35-10.0",
          .cpu = "Westmere,+avx2,enforce",
          .reboots = true};
}

TEST(InstanceRecord, IsTheSameForTheNextAgent) {
  const auto directory = TemporaryDirectory::create();
  const InstancePaths paths{directory->path()};
  ASSERT_TRUE(save(paths, sample()));
  EXPECT_EQ(load_records(paths), std::vector<InstanceRecord>{sample()});
  forget(paths, sample());
  EXPECT_TRUE(load_records(paths).empty());
}

TEST(InstanceRecord, WhenTheGuestRanIsKnownAfterTheEnd) {
  const auto directory = TemporaryDirectory::create();
  const InstancePaths paths{directory->path()};
  ASSERT_TRUE(make_directory(paths.machine("p1")));
  ASSERT_TRUE(write_file(paths.machine("p1") / "run-states.log", "it ran"));
  forget(paths, sample());
  EXPECT_FALSE(std::filesystem::exists(paths.machine("p1")));
  EXPECT_EQ(read_file(paths.ended() / "d_vm-p1.log").value_or(""), "it ran");
}

TEST(InstanceRecord, OneThatIsNotWholeIsRefused) {
  json::Value value = to_json(sample());
  json::erase(value, "/vmiUID");
  EXPECT_FALSE(instance_record_of(value));
  value = to_json(sample());
  json::set(value, "/interfaceNames", json::Array{});
  EXPECT_FALSE(instance_record_of(value));
}

}  // namespace
}  // namespace godwit::node
