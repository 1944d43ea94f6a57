#include "hostnet/source_guard.hpp"

#include <fmt/format.h>

#include "hostnet/nftables.hpp"

namespace godwit::hostnet {
namespace {

std::string table_of(const std::string& tap) { return "netdev godwit-source-" + tap; }

}  // namespace

Result<> guard_sources(const PortSpec& port) {
  // In its ARP a masqueraded guest is what it believes to be; its packets are translated by now (TCX and clsact come
  // before this hook).
  const bool masquerade = port.binding == Binding::masquerade;
  const std::string arp_address = masquerade ? masquerade_guest : port.pod_ip;
  const std::string table = table_of(port.tap);
  return run_nft(fmt::format(R"(add table {0}
delete table {0}
table {0} {{
  chain ingress {{
    type filter hook ingress device "{1}" priority 0; policy drop;
    ether saddr != {2} drop
    ether type arp arp saddr ether {2} arp saddr ip {{ {3}, 0.0.0.0 }} accept
    ether type ip udp sport 67 drop
    ether type ip ip saddr {4} accept
    ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
  }}
}}
)",
                             table, port.tap, port.mac, arp_address, port.pod_ip));
}

Result<> unguard_sources(const std::string& tap) {
  // Adding it first makes deleting it right whether it was there or not.
  return run_nft(fmt::format("add table {0}\ndelete table {0}\n", table_of(tap)));
}

}  // namespace godwit::hostnet
