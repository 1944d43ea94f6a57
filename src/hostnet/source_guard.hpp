// What a guest sends is held to its own addresses, at its tap, before the host does anything with it.
#pragma once

#include "base/result.hpp"
#include "hostnet/vm_port.hpp"

namespace godwit::hostnet {

/// From now on only this passes from the tap: frames of the port's MAC that are ARP for the guest's own address, or
/// IPv4 from it; what the guest asks of DHCP. No answers of a DHCP server, no IPv6 (the pod network has none), no tags.
/// The port's own DHCP server hears the guest before this.
[[nodiscard]] Result<> guard_sources(const PortSpec& port);
/// Takes it away; what is gone already is fine.
Result<> unguard_sources(const std::string& tap);

}  // namespace godwit::hostnet
