// The server on real taps: guests ask with raw frames, as their clients do before they have an address.
#include "hostnet/dhcp_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/clock.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/traffic_test.hpp"

namespace godwit::hostnet {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Sends and hears whole frames on a device.
class Wire {
 public:
  Wire(const Namespace& ns, const std::string& device) {
    ns.run([&] {
      socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);
      address.sll_ifindex = index_of(device);
      ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    });
  }
  void send(const Bytes& frame) const { ASSERT_GT(::send(socket_.get(), frame.data(), frame.size(), 0), 0); }
  /// The next UDP frame to one of the ports from elsewhere; empty when none comes in time.
  [[nodiscard]] Bytes hear(const std::vector<int>& ports, std::chrono::milliseconds patience) const {
    const Deadline deadline = Deadline::after(patience);
    const timeval slice{0, 20000};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
    while (!deadline.passed()) {
      Bytes frame(2048);
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t n =
          ::recvfrom(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 42 || from.sll_pkttype == PACKET_OUTGOING || frame[12] != 8 || frame[13] != 0 || frame[23] != 17)
        continue;
      if (std::find(ports.begin(), ports.end(), (frame[36] << 8) | frame[37]) == ports.end()) continue;
      frame.resize(static_cast<std::size_t>(n));
      return frame;
    }
    return {};
  }

 private:
  UniqueFd socket_;
};

/// A broadcast of the guest: a DISCOVER from port 68 to 67, or, to look like a server, the other way round.
Bytes discover(const std::string& mac, std::uint8_t from = 68, std::uint8_t to = 67,
               const std::array<std::uint8_t, 4>& source = {}) {
  const Mac client = *parse_mac(mac);
  Bytes f(6, 0xff);
  f.insert(f.end(), client.begin(), client.end());
  const std::uint8_t headers[] = {8,   0,   0x45, 0, 1,    16, 0,  0, 0,   0, 64, 17, 0, 0, 0, 0, 0, 0, 255,
                                  255, 255, 255,  0, from, 0,  to, 0, 252, 0, 0,  1,  1, 6, 0, 1, 2, 3, 4};
  f.insert(f.end(), std::begin(headers), std::end(headers));
  std::copy(source.begin(), source.end(), f.begin() + 26);
  // A wrong checksum would be reason enough for a bridge to drop the frame.
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += (static_cast<std::uint32_t>(f[i]) << 8U) | f[i + 1];
  sum = ~((sum & 0xffffU) + (sum >> 16U));
  f[24] = static_cast<std::uint8_t>(sum >> 8U);
  f[25] = static_cast<std::uint8_t>(sum);
  f.insert(f.end(), 20, 0);
  f.insert(f.end(), client.begin(), client.end());
  f.insert(f.end(), 10 + 64 + 128, 0);
  f.insert(f.end(), {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255});
  return f;
}

Result<std::unique_ptr<DhcpServer>> serve(const Attached& vm) {
  return vm.at->ns.run([&] { return DhcpServer::start(vm.spec); });
}

class DhcpServerTest : public testing::TestWithParam<Binding> {
 protected:
  void SetUp() override { GODWIT_NEEDS_ROOT(); }
};
INSTANTIATE_TEST_SUITE_P(Bindings, DhcpServerTest, testing::Values(Binding::masquerade, Binding::bridge),
                         [](const auto& info) { return info.param == Binding::masquerade ? "Masquerade" : "Bridge"; });

TEST_P(DhcpServerTest, AnswersItsGuestTheSameOnEveryNode) {
  Lab lab;
  Attached vm{lab, lab.a, GetParam(), 10};
  auto server = serve(vm);
  ASSERT_TRUE(server) << server.error().message;
  const Wire guest{vm.guest.ns(), "eth0"};
  guest.send(discover(vm.spec.mac));
  const Bytes offer = guest.hear({68}, usual);
  ASSERT_GT(offer.size(), 282U);
  in_addr address{};
  std::memcpy(&address, offer.data() + 58, 4);  // yiaddr
  EXPECT_EQ(std::string{::inet_ntoa(address)}, GetParam() == Binding::masquerade ? "10.0.2.2" : vm.spec.pod_ip);
  server->reset();
  vm.move_to(lab.b);
  server = serve(vm);
  ASSERT_TRUE(server);
  guest.send(discover(vm.spec.mac));
  EXPECT_EQ(guest.hear({68}, usual), offer);
}

TEST_P(DhcpServerTest, NothingOfItLeavesTheTap) {
  Lab lab;
  Attached vm{lab, lab.a, GetParam(), 10};
  Attached beside{lab, lab.a, Binding::bridge, 11};
  Attached elsewhere{lab, lab.b, Binding::bridge, 12};
  const auto server = serve(vm);
  const auto beside_server = serve(beside);
  ASSERT_TRUE(server && beside_server);
  const Wire guest{vm.guest.ns(), "eth0"};
  const Wire neighbour{beside.guest.ns(), "eth0"};
  const Wire far{elsewhere.guest.ns(), "eth0"};
  const Wire gateway{lab.gateway, "pods"};
  guest.send(discover(vm.spec.mac));
  EXPECT_FALSE(guest.hear({68}, usual).empty());
  EXPECT_TRUE(guest.hear({68}, soon).empty()) << "a second server answered";
  // Answers that a guest makes up reach nobody either.
  constexpr std::array<std::uint8_t, 4> itself{198, 19, 0, 10};
  guest.send(discover(vm.spec.mac, 67, 68));
  guest.send(discover(vm.spec.mac, 67, 68, itself));
  for (const Wire* other : {&neighbour, &far, &gateway}) EXPECT_TRUE(other->hear({67, 68}, soon).empty());
  // They would have heard another broadcast of a bridged guest: it was the filter.
  guest.send(discover(vm.spec.mac, 99, 99, itself));
  if (GetParam() == Binding::bridge) {
    for (const Wire* other : {&neighbour, &far, &gateway}) EXPECT_FALSE(other->hear({99}, usual).empty());
  }
}

TEST_P(DhcpServerTest, NobodyElsesQuestionsAreAnswered) {
  Lab lab;
  Attached vm{lab, lab.a, GetParam(), 10};
  const auto server = serve(vm);
  ASSERT_TRUE(server);
  const Wire guest{vm.guest.ns(), "eth0"};
  guest.send(discover("02:00:00:00:00:99"));
  EXPECT_TRUE(guest.hear({68}, soon).empty());
}

}  // namespace
}  // namespace godwit::hostnet
