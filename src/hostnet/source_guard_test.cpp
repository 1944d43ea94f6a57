// A guest that lies about who it is: its frames end at its tap; what it says as itself arrives.
#include "hostnet/source_guard.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/clock.hpp"
#include "hostnet/traffic_test.hpp"

namespace godwit::hostnet {
namespace {

constexpr const char* broadcast = "ff:ff:ff:ff:ff:ff";
constexpr const char* stranger_mac = "02:00:00:00:00:99";

std::string bytes_of_mac(const std::string& mac) {
  unsigned b[6];
  std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
  std::string bytes;
  for (const unsigned byte : b) bytes += static_cast<char>(byte);
  return bytes;
}

std::string bytes_of_ip(const std::string& ip) {
  in_addr address{};
  ::inet_pton(AF_INET, ip.c_str(), &address);
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

std::string word(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 255U)}; }

std::string ethernet(const std::string& to, const std::string& from, unsigned type) {
  return bytes_of_mac(to) + bytes_of_mac(from) + word(type);
}

/// A UDP packet whose checksum says "none".
std::string udp(const std::string& from, const std::string& to, unsigned from_port, unsigned to_port,
                const std::string& text) {
  std::string header = std::string("\x45\0", 2) + word(28 + static_cast<unsigned>(text.size())) +
                       std::string("\0\0\0\0\x40\x11\0\0", 8) + bytes_of_ip(from) + bytes_of_ip(to);
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2)
    sum += static_cast<unsigned char>(header[i]) << 8U | static_cast<unsigned char>(header[i + 1]);
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  header.replace(10, 2, word(~sum & 0xffffU));
  return header + word(from_port) + word(to_port) + word(8 + static_cast<unsigned>(text.size())) + word(0) + text;
}

/// A question for `asked`, with the text behind it.
std::string arp(const std::string& mac, const std::string& ip, const std::string& asked, const std::string& text) {
  return std::string("\0\1\x08\0\6\4\0\1", 8) + bytes_of_mac(mac) + bytes_of_ip(ip) + std::string(6, '\0') +
         bytes_of_ip(asked) + text;
}

UniqueFd packet_socket(const Namespace& ns) {
  return ns.run([] {
    UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))};
    const timeval time{0, 50'000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    return fd;
  });
}

void send_frame(const Namespace& ns, std::string frame) {
  frame.resize(std::max<std::size_t>(frame.size(), 60), '\0');
  ns.run([&] {
    const UniqueFd fd = packet_socket(ns);
    sockaddr_ll card{};
    card.sll_family = AF_PACKET;
    card.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    EXPECT_EQ(::sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&card), sizeof card),
              static_cast<ssize_t>(frame.size()));
  });
}

bool hears(const UniqueFd& socket, const std::string& text, std::chrono::milliseconds patience) {
  const Deadline deadline = Deadline::after(patience);
  char buffer[2048];
  while (!deadline.passed()) {
    const ssize_t n = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (n > 0 && std::string_view{buffer, static_cast<std::size_t>(n)}.find(text) != std::string_view::npos)
      return true;
  }
  return false;
}

class SourceGuardTest : public testing::TestWithParam<Binding> {
 protected:
  void SetUp() override {
    GODWIT_NEEDS_ROOT();
    lab.emplace();
    liar.emplace(*lab, lab->a, GetParam(), 10);
    other.emplace(*lab, lab->a, GetParam(), 11);
    ASSERT_TRUE(echo_udp(liar->guest.ns(), other->guest.ns(), other->spec.pod_ip, 100));
  }
  [[nodiscard]] bool masquerade() const { return GetParam() == Binding::masquerade; }
  /// As the guest knows itself.
  [[nodiscard]] std::string own_ip() const { return masquerade() ? masquerade_guest : liar->spec.pod_ip; }
  [[nodiscard]] std::string next_hop() const { return masquerade() ? masquerade_gateway_mac : other->spec.mac; }
  [[nodiscard]] std::string datagram(const std::string& mac, const std::string& ip, unsigned port) const {
    return ethernet(next_hop(), mac, ETH_P_IP) + udp(ip, other->spec.pod_ip, port, 7007, "godwit-lies");
  }
  /// Whether the frame, with its text, comes to the other guest.
  bool arrives(const std::string& frame, std::chrono::milliseconds patience) {
    const UniqueFd ear = packet_socket(other->guest.ns());
    send_frame(liar->guest.ns(), frame);
    return hears(ear, "godwit-lies", patience);
  }
  std::optional<Lab> lab;
  std::optional<Attached> liar;
  std::optional<Attached> other;
};
INSTANTIATE_TEST_SUITE_P(Bindings, SourceGuardTest, testing::Values(Binding::masquerade, Binding::bridge),
                         [](const testing::TestParamInfo<Binding>& info) {
                           return info.param == Binding::masquerade ? "Masquerade" : "Bridge";
                         });

TEST_P(SourceGuardTest, OnlyWhatTheGuestSaysAsItselfPasses) {
  const std::string own_mac = liar->spec.mac;
  EXPECT_TRUE(arrives(datagram(own_mac, own_ip(), 7007), usual));
  EXPECT_FALSE(arrives(datagram(stranger_mac, own_ip(), 7007), soon)) << "another MAC";
  EXPECT_FALSE(arrives(datagram(own_mac, "198.19.0.12", 7007), soon)) << "another address of the pod network";
  EXPECT_FALSE(arrives(datagram(own_mac, Lab::gateway_ip, 7007), soon)) << "the gateway's address";
  EXPECT_FALSE(arrives(datagram(own_mac, own_ip(), 67), soon)) << "the answer of a DHCP server";
  const std::string six = ethernet(next_hop(), own_mac, ETH_P_IPV6) + std::string("\x60", 1) + std::string(39, '\0');
  EXPECT_FALSE(arrives(six + "godwit-lies", soon)) << "IPv6";
  EXPECT_TRUE(arrives(datagram(own_mac, own_ip(), 7007), usual)) << "the truth again";
}

TEST_P(SourceGuardTest, ArpToo) {
  if (masquerade()) GTEST_SKIP() << "ARP goes no further than the tap's own host";
  const std::string own_mac = liar->spec.mac;
  const auto asks = [&](const std::string& mac, const std::string& ip, const std::string& inner_mac) {
    return ethernet(broadcast, mac, ETH_P_ARP) + arp(inner_mac, ip, other->spec.pod_ip, "godwit-lies");
  };
  EXPECT_TRUE(arrives(asks(own_mac, own_ip(), own_mac), usual));
  EXPECT_FALSE(arrives(asks(own_mac, Lab::gateway_ip, own_mac), soon)) << "in the gateway's name";
  EXPECT_FALSE(arrives(asks(own_mac, own_ip(), stranger_mac), soon)) << "for another MAC";
  EXPECT_FALSE(arrives(asks(stranger_mac, own_ip(), own_mac), soon)) << "from another MAC";
  EXPECT_TRUE(arrives(asks(own_mac, "0.0.0.0", own_mac), usual)) << "a guest that asks whether its address is free";
}

TEST_P(SourceGuardTest, GoesWithThePort) {
  lab->a.ns.run([&] {
    ASSERT_TRUE(liar->port->remove());
    EXPECT_TRUE(unguard_sources(liar->spec.tap)) << "once more does no harm";
  });
}

}  // namespace
}  // namespace godwit::hostnet
