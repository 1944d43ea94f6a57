// DHCP messages in Ethernet frames (RFC 2131, 2132): just what a server with one lease needs. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hostnet/announce.hpp"

namespace godwit::hostnet {

enum class DhcpType : std::uint8_t {
  discover = 1,
  offer = 2,
  request = 3,
  decline = 4,
  ack = 5,
  nak = 6,
  release = 7,
  inform = 8
};

struct DhcpQuery {
  DhcpType type = DhcpType::discover;
  Mac client{};
  std::uint32_t transaction = 0;  ///< as in the message
  std::uint32_t requested = 0;    ///< option 50, else ciaddr; host byte order; 0: none
  std::uint32_t server = 0;       ///< option 54; 0: none
};

/// What the client is told. Addresses in host byte order.
struct DhcpLease {
  std::uint32_t address = 0;
  int prefix_length = 24;
  std::uint32_t router = 0;
  std::uint32_t server = 0;
  std::vector<std::uint32_t> dns = {};
  int mtu = 0;
  std::string hostname = {};
};

/// Nothing when the frame is no DHCP message of a client.
[[nodiscard]] std::optional<DhcpQuery> parse_dhcp_query(std::span<const std::uint8_t> frame);
/// The whole frame of the answer.
[[nodiscard]] std::vector<std::uint8_t> dhcp_reply(const DhcpQuery& query, DhcpType type, const DhcpLease& lease,
                                                   const Mac& server_mac);
/// What a server with that one lease answers: an offer, an acknowledgement, a refusal, or nothing.
[[nodiscard]] std::optional<DhcpType> answer_to(const DhcpQuery& query, const DhcpLease& lease, const Mac& client);

}  // namespace godwit::hostnet
