// Where the pod network meets the rest of the world: one host's leg on the overlay, with the gateway's address.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "hostnet/overlay.hpp"

namespace godwit::hostnet {

/// `spec.bridge` and `spec.vxlan` name the leg's devices, unlike those of a node when both are on one host. Guests'
/// traffic to elsewhere is translated (nftables table `table`, connections keyed by the guest's address).
struct GatewaySpec {
  OverlaySpec overlay;
  int prefix_length = 16;
  std::string table;  ///< "godwit-1a2b"
};

/// In the caller's network namespace. Making it again mends it. Forwarding (net.ipv4.ip_forward) is the caller's to
/// switch.
[[nodiscard]] Result<> set_up_gateway(const GatewaySpec& spec);
/// Removes all of it; what is gone already is fine.
[[nodiscard]] Result<> remove_gateway(const GatewaySpec& spec);

}  // namespace godwit::hostnet
