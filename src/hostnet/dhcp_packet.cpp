#include "hostnet/dhcp_packet.hpp"

#include <algorithm>

namespace godwit::hostnet {
namespace {

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t ip_size = 20;
constexpr std::size_t udp_size = 8;
constexpr std::size_t bootp_size = 236;
constexpr std::uint32_t magic_cookie = 0x63825363;
constexpr std::uint16_t server_port = 67;
constexpr std::uint16_t client_port = 68;

std::uint16_t read16(std::span<const std::uint8_t> at) { return static_cast<std::uint16_t>((at[0] << 8) | at[1]); }
std::uint32_t read32(std::span<const std::uint8_t> at) {
  return (static_cast<std::uint32_t>(read16(at)) << 16U) | read16(at.subspan(2));
}

class Writer {
 public:
  void u8(unsigned value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
  void u16(unsigned value) {
    u8(value >> 8U);
    u8(value & 0xffU);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16U);
    u16(value & 0xffffU);
  }
  void mac(const Mac& mac) { bytes_.insert(bytes_.end(), mac.begin(), mac.end()); }
  void zeros(std::size_t count) { bytes_.insert(bytes_.end(), count, 0); }
  void set16(std::size_t at, unsigned value) {
    bytes_[at] = static_cast<std::uint8_t>(value >> 8U);
    bytes_[at + 1] = static_cast<std::uint8_t>(value & 0xffU);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

std::uint16_t ip_checksum(std::span<const std::uint8_t> header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < header.size(); i += 2) sum += read16(header.subspan(i));
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void write_options(Writer& w, DhcpType type, const DhcpLease& lease) {
  const auto address = [&](unsigned option, std::uint32_t value) {
    w.u8(option);
    w.u8(4);
    w.u32(value);
  };
  w.u32(magic_cookie);
  w.u8(53);
  w.u8(1);
  w.u8(static_cast<unsigned>(type));
  address(54, lease.server);
  if (type != DhcpType::nak) {
    address(51, 0xffffffff);  // for ever: the address is the guest's for life
    address(1, lease.prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - lease.prefix_length));
    if (lease.router != 0) address(3, lease.router);
    if (!lease.dns.empty()) {
      w.u8(6);
      w.u8(static_cast<unsigned>(4 * lease.dns.size()));
      for (const std::uint32_t server : lease.dns) w.u32(server);
    }
    if (lease.mtu > 0) {
      w.u8(26);
      w.u8(2);
      w.u16(static_cast<unsigned>(lease.mtu));
    }
    if (!lease.hostname.empty() && lease.hostname.size() < 64) {
      w.u8(12);
      w.u8(static_cast<unsigned>(lease.hostname.size()));
      w.bytes().insert(w.bytes().end(), lease.hostname.begin(), lease.hostname.end());
    }
  }
  w.u8(255);
}

}  // namespace

std::optional<DhcpQuery> parse_dhcp_query(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet_size + ip_size + udp_size + bootp_size + 4 || read16(frame.subspan(12)) != 0x0800)
    return std::nullopt;
  const auto ip = frame.subspan(ethernet_size);
  const std::size_t header = static_cast<std::size_t>(ip[0] & 0x0fU) * 4;
  if (ip[0] >> 4U != 4 || header < ip_size || ip[9] != 17 || ip.size() < header + udp_size + bootp_size + 4)
    return std::nullopt;
  const auto udp = ip.subspan(header);
  if (read16(udp) != client_port || read16(udp.subspan(2)) != server_port) return std::nullopt;
  const auto bootp = udp.subspan(udp_size);
  if (bootp[0] != 1 || bootp[2] != 6 || read32(bootp.subspan(bootp_size)) != magic_cookie) return std::nullopt;
  DhcpQuery query;
  query.transaction = read32(bootp.subspan(4));
  query.requested = read32(bootp.subspan(12));
  std::copy_n(bootp.begin() + 28, 6, query.client.begin());
  bool typed = false;
  auto options = bootp.subspan(bootp_size + 4);
  while (!options.empty() && options[0] != 255) {
    if (options[0] == 0) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options.size() < 2U + options[1]) return std::nullopt;
    const auto value = options.subspan(2, options[1]);
    if (options[0] == 53 && value.size() == 1) {
      query.type = static_cast<DhcpType>(value[0]);
      typed = true;
    }
    if (options[0] == 50 && value.size() == 4) query.requested = read32(value);
    if (options[0] == 54 && value.size() == 4) query.server = read32(value);
    options = options.subspan(2U + options[1]);
  }
  if (!typed) return std::nullopt;
  return query;
}

std::optional<DhcpType> answer_to(const DhcpQuery& query, const DhcpLease& lease, const Mac& client) {
  if (query.client != client) return std::nullopt;
  switch (query.type) {
    case DhcpType::discover: return DhcpType::offer;
    case DhcpType::request:
      if (query.server != 0 && query.server != lease.server) return std::nullopt;  // another server was chosen
      return query.requested == 0 || query.requested == lease.address ? DhcpType::ack : DhcpType::nak;
    case DhcpType::inform: return DhcpType::ack;
    default: return std::nullopt;
  }
}

std::vector<std::uint8_t> dhcp_reply(const DhcpQuery& query, DhcpType type, const DhcpLease& lease,
                                     const Mac& server_mac) {
  Writer w;
  w.mac(query.client);
  w.mac(server_mac);
  w.u16(0x0800);
  w.u8(0x45);
  w.u8(0);
  w.u16(0);  // length, below
  w.u16(0);
  w.u16(0);
  w.u8(64);
  w.u8(17);
  w.u16(0);  // checksum, below
  w.u32(lease.server);
  w.u32(type == DhcpType::nak ? 0xffffffff : lease.address);
  w.u16(server_port);
  w.u16(client_port);
  w.u16(0);  // length, below
  w.u16(0);  // no UDP checksum: allowed in IPv4
  w.u8(2);
  w.u8(1);
  w.u8(6);
  w.u8(0);
  w.u32(query.transaction);
  w.u32(0);
  w.u32(0);
  w.u32(type == DhcpType::nak ? 0 : lease.address);
  w.u32(lease.server);
  w.u32(0);
  w.mac(query.client);
  w.zeros(10 + 64 + 128);
  write_options(w, type, lease);
  if (w.size() < ethernet_size + ip_size + udp_size + 300) w.zeros(ethernet_size + ip_size + udp_size + 300 - w.size());
  w.set16(ethernet_size + 2, static_cast<unsigned>(w.size() - ethernet_size));
  w.set16(ethernet_size + ip_size + 4, static_cast<unsigned>(w.size() - ethernet_size - ip_size));
  w.set16(ethernet_size + 10, ip_checksum(std::span{w.bytes()}.subspan(ethernet_size, ip_size)));
  return std::move(w.bytes());
}

}  // namespace godwit::hostnet
