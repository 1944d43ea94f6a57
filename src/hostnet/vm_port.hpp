// A guest's network port on this host: its tap, and how the pod network reaches it. The network follows the owner: a
// port is made detached and attached at the hand-over.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "hostnet/announce.hpp"
#include "hostnet/translation.hpp"

namespace godwit::hostnet {

enum class Binding : unsigned char {
  masquerade,  ///< the guest is 10.0.2.2 to itself and its pod address to everybody else
  bridge,      ///< the guest has its pod address itself
};

/// What every guest with `masquerade` sees (KubeVirt's default network).
inline constexpr const char* masquerade_guest = "10.0.2.2";
inline constexpr const char* masquerade_gateway = "10.0.2.1";
inline constexpr int masquerade_prefix_length = 24;
/// The MAC of every masquerade tap: the guest's ARP entry for its gateway stays true wherever it moves.
inline constexpr const char* masquerade_gateway_mac = "02:67:6f:64:77:01";

struct PortSpec {
  std::string tap;  ///< device name, at most 15 bytes, unique on the host
  Binding binding = Binding::masquerade;
  std::string mac;  ///< the guest's
  std::string pod_ip;
  int prefix_length = 16;  ///< of the pod network
  std::string gateway;     ///< of the pod network
  int mtu = 1450;
  std::string hostname;  ///< told by DHCP

  bool operator==(const PortSpec&) const = default;
};

class VmPort {
 public:
  struct Created;
  /// Makes the tap, detached. It lives as long as somebody (QEMU) has its descriptor open.
  [[nodiscard]] static Result<Created> create(const PortSpec& spec, Hook hook = Hook::best);
  /// The port of a QEMU that is there already.
  [[nodiscard]] static Result<VmPort> adopt(const PortSpec& spec);

  /// The guest is here from now on: routes or bridges the tap, and announces it. Attached already is fine.
  Result<> attach();
  /// Nothing gets past the tap from now on, in or out, and nothing is announced.
  Result<> detach();
  /// Tells everybody on the pod network where the address is now (gratuitous ARP, repeated a few times).
  Result<> announce();
  /// Removes the device, if it is still there, and all that pointed to it.
  Result<> remove();
  [[nodiscard]] const PortSpec& spec() const { return spec_; }

 private:
  VmPort(PortSpec spec, Announcer announcer) : spec_{std::move(spec)}, announcer_{std::move(announcer)} {}
  PortSpec spec_;
  Announcer announcer_;
};

struct VmPort::Created {
  VmPort port;
  UniqueFd tap;  ///< to be passed to QEMU
};

}  // namespace godwit::hostnet
