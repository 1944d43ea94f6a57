#include "node/guest_info.hpp"

#include <gtest/gtest.h>

#include "rules/objects.hpp"

namespace godwit::node {
namespace {

AgentAnswers debian() {
  return {.info = *json::parse(R"({"version":"7.2.0","supported_commands":[{"name":"guest-ping","enabled":true}]})"),
          .os = *json::parse(R"({"name":"Debian GNU/Linux","kernel-release":"6.1.0","version":"12",
                             "pretty-name":"Debian 12","version-id":"12","kernel-version":"#1 SMP",
                             "machine":"x86_64","id":"debian"})"),
          .host = *json::parse(R"({"host-name":"vm1"})"),
          .timezone = *json::parse(R"({"zone":"UTC","offset":0})"),
          .users = *json::parse(R"([{"user":"root","login-time":1700000000.5}])"),
          .filesystems = *json::parse(R"([{"name":"vda1","mountpoint":"/","type":"ext4","used-bytes":5,"total-bytes":9,
                                       "disk":[{"bus-type":"virtio","serial":"s1"}]}])"),
          .interfaces = *json::parse(R"([{"name":"lo"},{"name":"eth0","hardware-address":"02:AA:00:00:00:01",
                                      "ip-addresses":[{"ip-address":"10.0.2.2"},{"ip-address":"fe80::1"}]}])")};
}

TEST(GuestInfo, IsShownAsKubeVirtDoes) {
  const auto info = agent_info_of(debian());
  EXPECT_EQ(json::string_at(info, "/guestAgentVersion"), "7.2.0");
  EXPECT_EQ(json::string_at(info, "/os/prettyName"), "Debian 12");
  EXPECT_EQ(json::string_at(info, "/timezone"), "UTC, 0");
  EXPECT_EQ(json::string_at(info, "/supportedCommands/0/name"), "guest-ping");
  EXPECT_EQ(json::string_at(user_list_of(debian()), "/items/0/userName"), "root");
  const auto disks = filesystem_list_of(debian());
  EXPECT_EQ(json::string_at(disks, "/items/0/mountPoint"), "/");
  EXPECT_EQ(json::int_at(disks, "/items/0/totalBytes"), 9);
  EXPECT_EQ(json::string_at(disks, "/items/0/disk/0/serial"), "s1");
}

TEST(GuestInfo, GoesIntoTheStatus) {
  json::Value vmi = *json::parse(
      R"({"status":{"interfaces":[{"mac":"02:aa:00:00:00:01","ipAddress":"198.19.0.2","ipAddresses":["198.19.0.2"]}]}})");
  set_agent(vmi, debian(), "t");
  EXPECT_EQ(rules::condition_status(vmi, "AgentConnected"), "True");
  EXPECT_EQ(json::string_at(vmi, "/status/guestOSInfo/id"), "debian");
  EXPECT_EQ(json::string_at(vmi, "/status/interfaces/0/interfaceName"), "eth0");
  EXPECT_EQ(json::string_at(vmi, "/status/interfaces/0/ipAddresses/0"), "198.19.0.2") << "the translated one";
  json::set(vmi, "/status/interfaces/0/ipAddress", "10.0.2.2");
  set_agent(vmi, debian(), "t");
  EXPECT_EQ(json::string_at(vmi, "/status/interfaces/0/ipAddresses/1"), "fe80::1");
  set_no_agent(vmi);
  EXPECT_EQ(rules::condition_of(vmi, "AgentConnected"), nullptr);
}

TEST(GuestInfo, NonsenseIsNoHarm) {
  AgentAnswers answers{.info = 7, .os = "x", .users = *json::parse(R"([1,{"user":3}])"), .interfaces = json::Object{}};
  json::Value vmi = json::Object{};
  set_agent(vmi, answers, "t");
  (void)agent_info_of(answers);
  EXPECT_EQ(json::write(*json::find(vmi, "/status/guestOSInfo")), "{}");
}

}  // namespace
}  // namespace godwit::node
