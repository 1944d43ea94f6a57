#include "hostnet/vm_port.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

#include <fmt/format.h>

#include "hostnet/commands.hpp"
#include "hostnet/overlay.hpp"
#include "hostnet/routes.hpp"
#include "hostnet/source_guard.hpp"

namespace godwit::hostnet {
namespace {

Result<UniqueFd> open_tap(const std::string& name) {
  UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
  if (!fd) return fail_errno("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return fail_errno("tap " + name);
  return fd;
}

/// With masquerade this host answers for the address; with bridge the guest itself has it.
Result<Announcer> announcer_of(const PortSpec& spec) {
  return Announcer::create(Overlay::bridge_name, spec.pod_ip, spec.binding == Binding::masquerade ? "" : spec.mac);
}

/// Whether what comes from the tap goes any further.
Result<> forward_from(const std::string& tap, bool yes) {
  return set_sysctl("net.ipv4.conf." + tap + ".forwarding", yes ? "1" : "0");
}

Result<> prepare_masquerade(const PortSpec& spec, Hook hook) {
  const std::string dev = spec.tap;
  auto made = ip_batch({
      fmt::format("link set dev {} address {} mtu {} up", dev, masquerade_gateway_mac, spec.mtu),
      fmt::format("address replace {}/32 dev {}", masquerade_gateway, dev),
      fmt::format("neighbour replace {} lladdr {} dev {} nud permanent", spec.pod_ip, spec.mac, dev),
  });
  if (!made) return made;
  if (auto set = set_sysctl("net.ipv4.conf." + dev + ".rp_filter", "0"); !set) return set;
  if (auto set = set_sysctl("net.ipv4.conf." + dev + ".send_redirects", "0"); !set) return set;
  if (auto set = forward_from(dev, false); !set) return set;
  return translate(dev, masquerade_guest, spec.pod_ip, hook);
}

Result<> prepare_bridge(const PortSpec& spec) {
  if (auto kept = keep_dhcp_at(spec.tap); !kept) return kept;
  return ip_batch({fmt::format("link set dev {} mtu {} up", spec.tap, spec.mtu)});
}

}  // namespace

Result<VmPort::Created> VmPort::create(const PortSpec& spec, Hook hook) {
  if (spec.tap.empty() || spec.tap.size() >= IFNAMSIZ)
    return fail(Code::invalid, "tap name \"" + spec.tap + "\" is too long");
  auto tap = open_tap(spec.tap);
  if (!tap) return fail(tap.error());
  (void)set_sysctl("net.ipv6.conf." + spec.tap + ".disable_ipv6", "1");
  const Result<> prepared = spec.binding == Binding::masquerade ? prepare_masquerade(spec, hook) : prepare_bridge(spec);
  if (!prepared) return fail(prepared.error());
  if (auto guarded = guard_sources(spec); !guarded) return fail(guarded.error().within(spec.tap));
  auto announcer = announcer_of(spec);
  if (!announcer) return fail(announcer.error());
  return Created{VmPort{spec, std::move(*announcer)}, std::move(*tap)};
}

Result<VmPort> VmPort::adopt(const PortSpec& spec) {
  if (index_of(spec.tap) == 0) return fail(Code::gone, "tap " + spec.tap + " is gone");
  auto announcer = announcer_of(spec);
  if (!announcer) return fail(announcer.error());
  return VmPort{spec, std::move(*announcer)};
}

Result<> VmPort::attach() {
  const int index = index_of(spec_.tap);
  if (index == 0) return fail(Code::gone, "tap " + spec_.tap + " is gone");
  if (spec_.binding == Binding::masquerade) {
    if (auto routed = add_host_route(spec_.pod_ip, index); !routed) return routed;
    if (auto set = forward_from(spec_.tap, true); !set) return set;
  } else {
    const int bridge = index_of(Overlay::bridge_name);
    if (bridge == 0) return fail(Code::unavailable, std::string{"no bridge "} + Overlay::bridge_name);
    if (auto joined = enslave(index, bridge); !joined) return joined;
    // The bridge remembers the guest where it was before, and would send its frames there until it speaks; and a frame
    // of the guest that the other node had queued may come after this.
    if (auto pinned = pin_to_bridge_port(spec_.mac, index); !pinned) return pinned;
  }
  return announce();
}

Result<> VmPort::detach() {
  announcer_.stop();
  const int index = index_of(spec_.tap);
  if (index == 0) return {};
  if (spec_.binding == Binding::bridge) return release(index);
  if (auto removed = remove_host_route(spec_.pod_ip, index); !removed) return removed;
  return forward_from(spec_.tap, false);
}

Result<> VmPort::announce() { return announcer_.announce(); }

Result<> VmPort::remove() {
  announcer_.stop();
  if (spec_.binding == Binding::bridge) {
    if (auto forgotten = forget_dhcp_at(spec_.tap); !forgotten) return forgotten;
  }
  if (auto unguarded = unguard_sources(spec_.tap); !unguarded) return unguarded;
  if (index_of(spec_.tap) == 0) return {};
  auto removed = ip({"link", "del", "dev", spec_.tap});
  if (!removed && index_of(spec_.tap) != 0) return fail(removed.error());
  return {};
}

}  // namespace godwit::hostnet
