// Addresses of the pod network, given to guests for life.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace godwit::rules {

/// "198.19.0.0/16". The network's own address, the broadcast address and the gateway are never given to a guest.
struct AddressRange {
  std::uint32_t first = 0;  ///< network address, host byte order
  std::uint32_t last = 0;   ///< broadcast address
  std::uint32_t gateway = 0;
};
[[nodiscard]] Result<AddressRange> parse_range(std::string_view cidr, std::string_view gateway);

[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text);
[[nodiscard]] std::string format_ipv4(std::uint32_t address);

/// The lowest free address above `after` (0: from the start), wrapping around; nothing when all are taken. Going on
/// from the last one keeps an address that has just become free unused for as long as possible: stale ARP entries hurt
/// nobody.
[[nodiscard]] std::optional<std::uint32_t> next_free(const AddressRange& range, const std::set<std::uint32_t>& used,
                                                     std::uint32_t after);

/// A MAC address in the range for private use, always the same for the same guest and interface: it survives restarts.
[[nodiscard]] std::string stable_mac(std::string_view ns, std::string_view name, std::size_t interface);
/// "02:00:00:12:34:56", with ":" or "-".
[[nodiscard]] bool is_mac(std::string_view text);

}  // namespace godwit::rules
