// The few changes that a hand-over waits for, by netlink: well under a millisecond each. Internal.
#pragma once

#include <string>

#include "base/result.hpp"

namespace godwit::hostnet {

/// "address/32 dev <index>" in the main table; replaces.
[[nodiscard]] Result<> add_host_route(const std::string& address, int device_index);
/// Absent ones are fine.
[[nodiscard]] Result<> remove_host_route(const std::string& address, int device_index);
[[nodiscard]] Result<> enslave(int device_index, int bridge_index);
[[nodiscard]] Result<> release(int device_index);
/// The port's bridge knows that the MAC is behind it, whatever it hears, until the port is released.
[[nodiscard]] Result<> pin_to_bridge_port(const std::string& mac, int device_index);

}  // namespace godwit::hostnet
