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

#include "base/clock.hpp"

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

/// A frame and where it goes.
struct Ready {
  ArpFrame frame;
  sockaddr_ll to{};

  [[nodiscard]] Result<> send(int socket) const {
    if (::sendto(socket, &frame, sizeof frame, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
      return fail_errno("announcing an address");
    return {};
  }
};

/// The socket knows the namespace that the device is in.
Result<Ready> make_frame(int socket, const std::string& device, std::uint32_t address, Mac mac) {
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  if (mac == Mac{}) {
    if (::ioctl(socket, SIOCGIFHWADDR, &request) != 0) return fail_errno(device);
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  }
  if (::ioctl(socket, SIOCGIFINDEX, &request) != 0) return fail_errno(device);
  Ready ready;
  ready.frame.source = mac;
  ready.frame.sender_mac = mac;
  ready.frame.sender_ip = address;
  ready.frame.target_ip = address;
  ready.to.sll_family = AF_PACKET;
  ready.to.sll_ifindex = request.ifr_ifindex;
  ready.to.sll_halen = 6;
  std::memset(ready.to.sll_addr, 0xff, 6);
  return ready;
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

Result<Announcer> Announcer::create(std::string device, const std::string& address, const std::string& mac) {
  UniqueFd socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
  if (!socket) return fail_errno("packet socket");
  Result<Mac> parsed = mac.empty() ? Mac{} : parse_mac(mac);
  if (!parsed) return fail(parsed.error());
  in_addr ip{};
  if (::inet_pton(AF_INET, address.c_str(), &ip) != 1) return fail(Code::invalid, address + " is no IPv4 address");
  return Announcer{std::move(socket), std::move(device), ip.s_addr, *parsed};
}

Result<> Announcer::announce() {
  repeats_ = {};
  const auto frame = make_frame(socket_.get(), device_, address_, mac_);
  if (!frame) return fail(frame.error());
  if (auto sent = frame->send(socket_.get()); !sent) return sent;
  repeats_ = std::jthread{[socket = socket_.get(), again = *frame](const std::stop_token& stop) {
    for (const int pause : {50, 100, 150}) {
      if (!sleep_for(std::chrono::milliseconds{pause}, stop)) return;
      (void)again.send(socket);
    }
  }};
  return {};
}

}  // namespace godwit::hostnet
