#include "hostnet/gateway.hpp"

#include <nftables/libnftables.h>

#include <memory>

#include <fmt/format.h>

#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

/// Runs nftables commands as one transaction, in this process.
Result<> run_nft(const std::string& commands) {
  struct Freer {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  const std::unique_ptr<nft_ctx, Freer> context{nft_ctx_new(NFT_CTX_DEFAULT)};
  if (!context) return fail(Code::internal, "nftables does not start");
  nft_ctx_buffer_error(context.get());
  nft_ctx_buffer_output(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0) {
    return fail(Code::internal, fmt::format("nftables: {}", nft_ctx_get_error_buffer(context.get())));
  }
  return {};
}

}  // namespace

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
  // Adding it first makes deleting it right whether it was there or not.
  if (auto removed = run_nft(fmt::format("add table ip {0}\ndelete table ip {0}\n", spec.table)); !removed)
    outcome = removed;
  return outcome;
}

}  // namespace godwit::hostnet
