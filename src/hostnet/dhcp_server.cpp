#include "hostnet/dhcp_server.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

std::uint32_t address_of(const std::string& text) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1 ? ntohl(parsed.s_addr) : 0;
}

/// Lets only DHCP through to us: a guest's other traffic must not be copied here.
Result<> accept_dhcp_alone(int socket) {
  static sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),              // EtherType
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 8),   // IPv4
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),              // protocol
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),       // UDP
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),              // fragment offset
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),  // a first fragment
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),             // length of the IP header
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),              // destination port
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 67, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{sizeof code / sizeof code[0], code};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return fail_errno("DHCP filter");
  const int yes = 1;
  (void)::setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);  // Linux 4.20; saves time only
  return {};
}

Result<UniqueFd> listen_on(const std::string& device) {
  const int index = index_of(device);
  if (index == 0) return fail(Code::not_found, "no device " + device);
  // No protocol yet: it hears nothing before its filter is set.
  UniqueFd socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return fail_errno("packet socket");
  if (auto filtered = accept_dhcp_alone(socket.get()); !filtered) return fail(filtered.error());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  // All protocols: such sockets see a frame before the tap's bridge takes it away; one for IPv4 alone would not.
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("packet socket on " + device);
  return socket;
}

}  // namespace

Result<DhcpLease> lease_of(const PortSpec& port) {
  DhcpLease lease;
  if (port.binding == Binding::masquerade) {
    lease = {.address = address_of(masquerade_guest),
             .prefix_length = masquerade_prefix_length,
             .router = address_of(masquerade_gateway),
             .server = address_of(masquerade_gateway)};
  } else {
    lease = {.address = address_of(port.pod_ip),
             .prefix_length = port.prefix_length,
             .router = address_of(port.gateway),
             .server = address_of(port.gateway)};
  }
  lease.mtu = port.mtu;
  lease.hostname = port.hostname;
  if (lease.address == 0 || lease.server == 0)
    return fail(Code::invalid, "port " + port.tap + " has no address to lease");
  return lease;
}

Result<std::unique_ptr<DhcpServer>> DhcpServer::start(const PortSpec& port) {
  auto lease = lease_of(port);
  if (!lease) return fail(lease.error());
  const auto client = parse_mac(port.mac);
  if (!client) return fail(client.error());
  auto socket = listen_on(port.tap);
  if (!socket) return fail(socket.error());
  return std::unique_ptr<DhcpServer>{new DhcpServer{port, std::move(*lease), *client, std::move(*socket)}};
}

DhcpServer::DhcpServer(PortSpec port, DhcpLease lease, Mac client, UniqueFd socket)
    : port_{std::move(port)}, lease_{std::move(lease)}, client_{client}, socket_{std::move(socket)} {
  thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
}

void DhcpServer::serve(const std::stop_token& stop) {
  std::array<std::uint8_t, 2048> buffer{};
  while (!stop.stop_requested()) {
    pollfd p{socket_.get(), POLLIN, 0};
    if (::poll(&p, 1, 200) <= 0) continue;
    if ((p.revents & (POLLERR | POLLNVAL)) != 0 && (p.revents & POLLIN) == 0) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == ENETDOWN && sleep_for(std::chrono::milliseconds{200}, stop)) continue;  // the tap is down for now
      return;
    }
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n > 0 && from.sll_pkttype != PACKET_OUTGOING) answer({buffer.data(), static_cast<std::size_t>(n)});
  }
}

void DhcpServer::answer(std::span<const std::uint8_t> frame) const {
  const auto query = parse_dhcp_query(frame);
  if (!query) return;
  const auto type = answer_to(*query, lease_, client_);
  if (!type) return;
  const auto server_mac = parse_mac(masquerade_gateway_mac);
  const std::vector<std::uint8_t> reply = dhcp_reply(*query, *type, lease_, *server_mac);
  if (::send(socket_.get(), reply.data(), reply.size(), 0) < 0) {
    log_.warning("{}: cannot answer: {}", port_.tap, std::strerror(errno));
  } else if (*type == DhcpType::ack) {
    log_.debug("{} has its address", port_.tap);
  }
}

}  // namespace godwit::hostnet
