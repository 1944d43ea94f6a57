#include "hostnet/announce.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/unique_fd.hpp"
#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

struct [[gnu::packed]] ArpFrame {
  Mac destination{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Mac source{};
  std::uint16_t ether_type = htons(ETHERTYPE_ARP);
  std::uint16_t hardware = htons(ARPHRD_ETHER);
  std::uint16_t protocol = htons(ETHERTYPE_IP);
  std::uint8_t hardware_size = 6;
  std::uint8_t protocol_size = 4;
  std::uint16_t operation = htons(ARPOP_REQUEST);
  Mac sender_mac{};
  std::uint32_t sender_ip = 0;
  Mac target_mac{};
  std::uint32_t target_ip = 0;
};

Result<Mac> mac_of_device(int socket, const std::string& device) {
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  if (::ioctl(socket, SIOCGIFHWADDR, &request) != 0) return fail_errno(device);
  Mac mac{};
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

}  // namespace

Result<Mac> parse_mac(const std::string& text) {
  Mac mac{};
  unsigned parts[6];
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4],
                  &parts[5]) != 6) {
    return fail(Code::invalid, "\"" + text + "\" is no MAC address");
  }
  std::transform(std::begin(parts), std::end(parts), mac.begin(),
                 [](unsigned part) { return static_cast<std::uint8_t>(part); });
  return mac;
}

Result<> announce_address(const std::string& device, const std::string& address, const std::string& mac) {
  const int index = index_of(device);
  if (index == 0) return fail(Code::not_found, "no device " + device);
  const UniqueFd socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
  if (!socket) return fail_errno("packet socket");
  const auto sender = mac.empty() ? mac_of_device(socket.get(), device) : parse_mac(mac);
  if (!sender) return fail(sender.error());
  in_addr ip{};
  if (::inet_pton(AF_INET, address.c_str(), &ip) != 1) return fail(Code::invalid, address + " is no IPv4 address");
  ArpFrame frame;
  frame.source = *sender;
  frame.sender_mac = *sender;
  frame.sender_ip = ip.s_addr;
  frame.target_ip = ip.s_addr;
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = index;
  to.sll_halen = 6;
  std::memset(to.sll_addr, 0xff, 6);
  if (::sendto(socket.get(), &frame, sizeof frame, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    return fail_errno("announcing " + address);
  }
  return {};
}

}  // namespace godwit::hostnet
