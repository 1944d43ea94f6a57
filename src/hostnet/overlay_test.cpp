#include "hostnet/overlay.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/process.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/traffic_test.hpp"

namespace godwit::hostnet {
namespace {

class OverlayTest : public testing::Test {
 protected:
  void SetUp() override { GODWIT_NEEDS_ROOT(); }
};

std::string shown(const Namespace& ns, const std::vector<std::string>& arguments) {
  return ns.run([&] { return ip(arguments).value_or("?"); });
}

std::string bridge_mac(const Namespace& ns) {
  const std::string link = shown(ns, {"-o", "link", "show", "gwbr0"});
  const std::size_t at = link.find("link/ether ");
  return at == std::string::npos ? link : link.substr(at + 11, 17);
}

TEST_F(OverlayTest, AStrangerOnTheUnderlayIsNotHeard) {
  Lab lab;
  Attached vm{lab, lab.a, Binding::masquerade, 10};
  // Somebody who knows the network's number, and the MAC and address to speak to.
  const Namespace stranger;
  lab.link_to_underlay(stranger, "10.9.0.66");
  OverlaySpec spec = Lab::node_overlay("10.9.0.66");
  stranger.run([&] {
    ASSERT_TRUE(make_overlay_devices(spec));
    ASSERT_TRUE(set_overlay_peers(spec, {lab.a.address, lab.b.address}));
  });
  const std::string mac = bridge_mac(lab.a.ns);
  stranger.ip_lines({"address add 198.19.0.200/20 dev gwbr0",
                     "neighbour add " + vm.spec.pod_ip + " lladdr " + mac + " dev gwbr0 nud permanent"});
  EXPECT_FALSE(delivers_udp(stranger, vm.guest.ns(), vm.spec.pod_ip, soon));
  // The same words of a peer are heard: it was the filter.
  lab.a.ns.run([&] { ASSERT_TRUE(lab.a.overlay->set_peers({lab.b.address, "10.9.0.1", "10.9.0.66"})); });
  EXPECT_TRUE(delivers_udp(stranger, vm.guest.ns(), vm.spec.pod_ip));
  lab.a.ns.run([&] { ASSERT_TRUE(lab.a.overlay->set_peers({lab.b.address, "10.9.0.1"})); });
  EXPECT_FALSE(delivers_udp(stranger, vm.guest.ns(), vm.spec.pod_ip, soon));
  EXPECT_TRUE(ping(lab.gateway, vm.spec.pod_ip));
}

TEST_F(OverlayTest, MadeAgainItGoesOn) {
  Lab lab;
  Attached vm{lab, lab.a, Binding::bridge, 10};
  const auto session = connect_tcp(lab.gateway, vm.guest.ns(), vm.spec.pod_ip);
  ASSERT_TRUE(session);
  const std::string before = shown(lab.a.ns, {"rule", "show"});
  lab.a.ns.run([&] {
    // As a restarted agent does; who its peers are it learns a little later.
    auto made = Overlay::set_up(Lab::node_overlay(lab.a.address));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(carries(session->client, session->server, 100000));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE((*made)->set_peers({lab.b.address, "10.9.0.1"}));
  });
  EXPECT_EQ(shown(lab.a.ns, {"rule", "show"}), before);
  EXPECT_TRUE(carries(session->server, session->client, 100000));
}

TEST_F(OverlayTest, ItsMacStaysWhoeverComesAndGoes) {
  Lab lab;
  const std::string before = bridge_mac(lab.a.ns);
  EXPECT_EQ(before, "02:67:0a:09:00:0b");
  Attached low{lab, lab.a, Binding::bridge, 1};
  lab.a.ns.ip_lines({"link set " + low.spec.tap + " address 02:00:00:00:00:00"});
  EXPECT_EQ(bridge_mac(lab.a.ns), before);
}

TEST_F(OverlayTest, TheGatewayLeavesNothing) {
  Lab lab;
  lab.gateway.run([&] {
    for (int i = 0; i < 2; ++i) {
      const auto removed = remove_gateway(lab.gateway_spec());
      EXPECT_TRUE(removed) << removed.error().message;
    }
    EXPECT_EQ(index_of("pods"), 0);
    EXPECT_EQ(index_of("podsvx"), 0);
    const auto tables = run_checked({.argv = {"nft", "list", "tables"}}, Deadline::after(std::chrono::seconds{20}));
    EXPECT_EQ(tables.value_or("?"), "");
  });
}

}  // namespace
}  // namespace godwit::hostnet
