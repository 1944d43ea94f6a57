#include "hostnet/vm_port.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

#include <fmt/format.h>

#include "hostnet/announce.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/overlay.hpp"
#include "hostnet/routes.hpp"
#include "hostnet/translation.hpp"

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

Result<> prepare_masquerade(const PortSpec& spec) {
  const std::string dev = spec.tap;
  auto made = ip_batch({
      fmt::format("link set dev {} address {} mtu {} up", dev, masquerade_gateway_mac, spec.mtu),
      fmt::format("address replace {}/32 dev {}", masquerade_gateway, dev),
      fmt::format("neighbour replace {} lladdr {} dev {} nud permanent", spec.pod_ip, spec.mac, dev),
  });
  if (!made) return made;
  if (auto set = set_sysctl("net.ipv4.conf." + dev + ".rp_filter", "0"); !set) return set;
  if (auto set = set_sysctl("net.ipv4.conf." + dev + ".forwarding", "1"); !set) return set;
  return translate(dev, masquerade_guest, spec.pod_ip);
}

}  // namespace

Result<VmPort::Created> VmPort::create(const PortSpec& spec) {
  if (spec.tap.empty() || spec.tap.size() >= IFNAMSIZ)
    return fail(Code::invalid, "tap name \"" + spec.tap + "\" is too long");
  auto tap = open_tap(spec.tap);
  if (!tap) return fail(tap.error());
  (void)set_sysctl("net.ipv6.conf." + spec.tap + ".disable_ipv6", "1");
  Result<> prepared = spec.binding == Binding::masquerade
                          ? prepare_masquerade(spec)
                          : ip_batch({fmt::format("link set dev {} mtu {} up", spec.tap, spec.mtu)});
  if (!prepared) return fail(prepared.error());
  return Created{VmPort{spec}, std::move(*tap)};
}

Result<VmPort> VmPort::adopt(const PortSpec& spec) {
  if (index_of(spec.tap) == 0) return fail(Code::gone, "tap " + spec.tap + " is gone");
  return VmPort{spec};
}

Result<> VmPort::attach() {
  const int index = index_of(spec_.tap);
  if (index == 0) return fail(Code::gone, "tap " + spec_.tap + " is gone");
  if (spec_.binding == Binding::masquerade) {
    if (auto routed = add_host_route(spec_.pod_ip, index); !routed) return routed;
  } else {
    const int bridge = index_of(Overlay::bridge_name);
    if (bridge == 0) return fail(Code::unavailable, std::string{"no bridge "} + Overlay::bridge_name);
    if (auto joined = enslave(index, bridge); !joined) return joined;
  }
  return announce();
}

Result<> VmPort::detach() {
  const int index = index_of(spec_.tap);
  if (index == 0) return {};
  return spec_.binding == Binding::masquerade ? remove_host_route(spec_.pod_ip, index) : release(index);
}

Result<> VmPort::announce() {
  // With masquerade this host answers for the address; with bridge the guest itself has it.
  return spec_.binding == Binding::masquerade ? announce_address(Overlay::bridge_name, spec_.pod_ip, {})
                                              : announce_address(Overlay::bridge_name, spec_.pod_ip, spec_.mac);
}

Result<> VmPort::remove() {
  if (index_of(spec_.tap) == 0) return {};
  auto removed = ip({"link", "del", "dev", spec_.tap});
  if (!removed && index_of(spec_.tap) != 0) return fail(removed.error());
  return {};
}

}  // namespace godwit::hostnet
