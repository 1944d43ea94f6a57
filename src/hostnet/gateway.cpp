#include "hostnet/gateway.hpp"

#include <fmt/format.h>

#include "hostnet/commands.hpp"
#include "hostnet/nftables.hpp"

namespace godwit::hostnet {
Result<> set_up_gateway(const GatewaySpec& spec) {
  const OverlaySpec& overlay = spec.overlay;
  if (auto made = make_overlay_devices(overlay); !made) return fail(made.error().within("gateway"));
  if (auto set =
          ip_batch({fmt::format("address replace {}/{} dev {}", overlay.gateway, spec.prefix_length, overlay.bridge)});
      !set)
    return set;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, const char*>>{{"net.ipv4.neigh." + overlay.bridge + ".locktime", "0"},
                                                        {"net.ipv4.conf." + overlay.bridge + ".rp_filter", "0"},
                                                        {"net.ipv4.conf." + overlay.bridge + ".forwarding", "1"},
                                                        {"net.ipv4.conf." + overlay.bridge + ".send_redirects", "0"}}) {
    if (auto set = set_sysctl(name, value); !set) return set;
  }
  return run_nft(
      fmt::format("add table ip {0}\nflush table ip {0}\n"
                  "add chain ip {0} outward {{ type nat hook postrouting priority srcnat; }}\n"
                  "add rule ip {0} outward ip saddr {1} ip daddr != {1} oifname != \"{2}\" masquerade\n",
                  spec.table, overlay.pod_cidr, overlay.bridge));
}

Result<> remove_gateway(const GatewaySpec& spec) {
  Result<> outcome;
  for (const std::string& device : {spec.overlay.vxlan, spec.overlay.bridge}) {
    if (index_of(device) == 0) continue;
    if (auto removed = ip({"link", "del", "dev", device}); !removed) outcome = fail(removed.error());
  }
  if (auto removed = remove_peer_filter(spec.overlay); !removed) outcome = removed;
  // Adding it first makes deleting it right whether it was there or not.
  if (auto removed = run_nft(fmt::format("add table ip {0}\ndelete table ip {0}\n", spec.table)); !removed)
    outcome = removed;
  return outcome;
}

}  // namespace godwit::hostnet
