// The pod network on one host: a bridge, joined to the other hosts' by VXLAN.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace godwit::hostnet {

struct OverlaySpec {
  std::string address;  ///< of this host on the underlay
  std::string pod_cidr;
  std::string gateway;  ///< of the pod network: where guests' traffic to elsewhere goes
  int vni = 1;
  int mtu = 1450;
  std::string bridge = "gwbr0";
  std::string vxlan = "gwvx0";
  int port = 4789;  ///< of VXLAN; IANA's
};

class Overlay {
 public:
  static constexpr const char* bridge_name = "gwbr0";
  static constexpr const char* vxlan_name = "gwvx0";

  /// Makes or mends it, in the caller's network namespace. It stays when the program ends: guests go on using it.
  [[nodiscard]] static Result<std::unique_ptr<Overlay>> set_up(OverlaySpec spec);
  /// Whom broadcasts are flooded to, and from whom VXLAN is accepted at all: underlay addresses.
  Result<> set_peers(const std::vector<std::string>& addresses);
  [[nodiscard]] const OverlaySpec& spec() const { return spec_; }

 private:
  explicit Overlay(OverlaySpec spec) : spec_{std::move(spec)} {}
  OverlaySpec spec_;
};

/// The bridge and its VXLAN device alone, without routes; for set_up and for the gateway's leg. Until it has peers it
/// accepts nothing.
[[nodiscard]] Result<> make_overlay_devices(const OverlaySpec& spec);
/// Whom broadcasts are flooded to, and from whom this VXLAN network is accepted at all, made to be just these.
[[nodiscard]] Result<> set_overlay_peers(const OverlaySpec& spec, const std::vector<std::string>& addresses);
/// Removes the nftables table that accepts VXLAN from peers only; an absent one is fine.
[[nodiscard]] Result<> remove_peer_filter(const OverlaySpec& spec);

/// DHCP of a guest that is bridged stays between it and this host: neither its questions nor answers of its own get
/// past its tap.
[[nodiscard]] Result<> keep_dhcp_at(const std::string& tap);
[[nodiscard]] Result<> forget_dhcp_at(const std::string& tap);

}  // namespace godwit::hostnet
