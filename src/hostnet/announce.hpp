// Gratuitous ARP: "this address is at this MAC", to everybody on a segment.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace godwit::hostnet {

using Mac = std::array<std::uint8_t, 6>;
[[nodiscard]] Result<Mac> parse_mac(const std::string& text);

/// Sends one on the device. An empty `mac` means the device's own.
[[nodiscard]] Result<> announce_address(const std::string& device, const std::string& address, const std::string& mac);

}  // namespace godwit::hostnet
