#include "hostnet/overlay.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/nftables.hpp"

namespace godwit::hostnet {
namespace {

constexpr int guest_routing_table = 7467;  // any number that nobody else uses

Result<std::string> bridge_tool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bridge");
  return run_checked({.argv = std::move(arguments)}, Deadline::after(std::chrono::seconds{20}));
}

Result<> set_sysctls(const OverlaySpec& spec) {
  const std::string conf = "net.ipv4.conf." + spec.bridge;
  const std::string neighbours = "net.ipv4.neigh." + spec.bridge;
  for (const auto& [name, value] : std::vector<std::pair<std::string, const char*>>{
           {"net.ipv4.ip_forward", "1"},
           {"net.ipv4.conf.all.rp_filter", "0"},
           {conf + ".rp_filter", "0"},
           {conf + ".forwarding", "1"},
           {conf + ".send_redirects", "0"},
           {"net.ipv4.conf.all.send_redirects", "0"},
           // Answers for the addresses of masquerade guests: those that are routed to a tap here. At once, and
           // believing the newest word on where an address is, however shortly after the last.
           {conf + ".proxy_arp", "1"},
           {neighbours + ".proxy_delay", "0"},
           {neighbours + ".locktime", "0"}}) {
    if (auto set = set_sysctl(name, value); !set) return set;
  }
  return {};
}

/// What guests send beyond the pod network goes to its gateway; the host's own routes stay untouched.
Result<> set_guest_routes(const OverlaySpec& spec) {
  const std::string table = std::to_string(guest_routing_table);
  const auto rules = ip({"rule", "show"});
  if (!rules) return fail(rules.error());
  std::vector<std::string> lines{
      fmt::format("route replace {} dev {}", spec.pod_cidr, spec.bridge),
      fmt::format("route replace default via {} dev {} onlink table {}", spec.gateway, spec.bridge, table)};
  if (rules->find("lookup " + table) == std::string::npos) {
    lines.push_back(fmt::format("rule add from {} priority 7000 lookup main suppress_prefixlength 0", spec.pod_cidr));
    lines.push_back(fmt::format("rule add from {} priority 7001 lookup {}", spec.pod_cidr, table));
  }
  return ip_batch(lines);
}

/// Of its own: a bridge without one takes that of a port, and changes it as ports come and go.
std::string bridge_mac(const OverlaySpec& spec) {
  in_addr address{};
  ::inet_pton(AF_INET, spec.address.c_str(), &address);
  const std::uint32_t ip = ntohl(address.s_addr);
  return fmt::format("02:67:{:02x}:{:02x}:{:02x}:{:02x}", ip >> 24U, (ip >> 16U) & 255U, (ip >> 8U) & 255U, ip & 255U);
}

std::string peer_table(const OverlaySpec& spec) { return "ip godwit-" + spec.vxlan; }

/// The kernel receives VXLAN on any address of the host, from anybody. Only this network (its number stands behind
/// UDP's eight bytes and four of flags) is ours to judge: other clusters may share the host.
Result<> make_peer_filter(const OverlaySpec& spec) {
  return run_nft(
      fmt::format("add table {0}\nadd set {0} peers {{ type ipv4_addr; }}\n"
                  "add chain {0} input {{ type filter hook input priority -150; }}\nflush chain {0} input\n"
                  "add rule {0} input udp dport {1} @th,96,24 {2} ip saddr != @peers drop\n",
                  peer_table(spec), spec.port, spec.vni));
}

constexpr const char* dhcp_table = "bridge godwit-dhcp";

Result<> make_dhcp_filter() {
  return run_nft(
      fmt::format("add table {0}\nadd set {0} taps {{ type ifname; }}\n"
                  "add chain {0} from_guests {{ type filter hook prerouting priority -300; }}\n"
                  "flush chain {0} from_guests\n"
                  "add rule {0} from_guests iifname @taps ether type ip udp dport {{ 67, 68 }} drop\n",
                  dhcp_table));
}

Result<> set_flood_peers(const std::string& vxlan, const std::vector<std::string>& addresses) {
  const auto shown = bridge_tool({"fdb", "show", "dev", vxlan});
  if (!shown) return fail(shown.error());
  std::vector<std::string> present;
  for (const std::string& line : split(*shown, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() < 3 || words[0] != "00:00:00:00:00:00") continue;
    const auto dst = std::find(words.begin(), words.end(), "dst");
    if (dst != words.end() && dst + 1 != words.end()) present.push_back(*(dst + 1));
  }
  for (const std::string& address : addresses) {
    if (std::find(present.begin(), present.end(), address) != present.end()) continue;
    auto done = bridge_tool({"fdb", "append", "00:00:00:00:00:00", "dev", vxlan, "dst", address});
    if (!done) return fail(done.error());
  }
  for (const std::string& address : present) {
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) continue;
    auto done = bridge_tool({"fdb", "del", "00:00:00:00:00:00", "dev", vxlan, "dst", address});
    if (!done) return fail(done.error());
  }
  return {};
}

}  // namespace

Result<> make_overlay_devices(const OverlaySpec& spec) {
  // Before there is anything to receive with.
  if (auto filtered = make_peer_filter(spec); !filtered) return filtered;
  std::vector<std::string> lines;
  if (index_of(spec.bridge) == 0)
    lines.push_back(fmt::format("link add {} type bridge stp_state 0 forward_delay 0", spec.bridge));
  if (index_of(spec.vxlan) == 0) {
    lines.push_back(
        fmt::format("link add {} type vxlan id {} local {} dstport {}", spec.vxlan, spec.vni, spec.address, spec.port));
  }
  lines.push_back(fmt::format("link set {} mtu {} master {} up", spec.vxlan, spec.mtu, spec.bridge));
  lines.push_back(fmt::format("link set {} address {} mtu {} up", spec.bridge, bridge_mac(spec), spec.mtu));
  if (auto made = ip_batch(lines); !made) return made;
  (void)set_sysctl("net.ipv6.conf." + spec.bridge + ".disable_ipv6", "1");
  (void)set_sysctl("net.ipv6.conf." + spec.vxlan + ".disable_ipv6", "1");
  return {};
}

Result<> set_overlay_peers(const OverlaySpec& spec, const std::vector<std::string>& addresses) {
  std::string commands = fmt::format("flush set {} peers\n", peer_table(spec));
  if (!addresses.empty())
    commands += fmt::format("add element {} peers {{ {} }}\n", peer_table(spec), join(addresses, ", "));
  if (auto filtered = run_nft(commands); !filtered) return filtered;
  return set_flood_peers(spec.vxlan, addresses);
}

Result<> remove_peer_filter(const OverlaySpec& spec) {
  return run_nft(fmt::format("add table {0}\ndelete table {0}\n", peer_table(spec)));
}

Result<> keep_dhcp_at(const std::string& tap) {
  if (auto made = make_dhcp_filter(); !made) return made;
  return run_nft(fmt::format("add element {} taps {{ \"{}\" }}\n", dhcp_table, tap));
}

Result<> forget_dhcp_at(const std::string& tap) {
  // Adding it first makes deleting it right whether it was there or not.
  if (auto made = make_dhcp_filter(); !made) return made;
  return run_nft(
      fmt::format("add element {0} taps {{ \"{1}\" }}\ndelete element {0} taps {{ \"{1}\" }}\n", dhcp_table, tap));
}

Result<std::unique_ptr<Overlay>> Overlay::set_up(OverlaySpec spec) {
  if (auto made = make_overlay_devices(spec); !made) return fail(made.error().within("overlay"));
  if (auto set = set_sysctls(spec); !set) return fail(set.error().within("overlay"));
  if (auto set = set_guest_routes(spec); !set) return fail(set.error().within("overlay"));
  return std::unique_ptr<Overlay>{new Overlay{std::move(spec)}};
}

Result<> Overlay::set_peers(const std::vector<std::string>& addresses) { return set_overlay_peers(spec_, addresses); }

}  // namespace godwit::hostnet
