#include "local/machines.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/gateway.hpp"

namespace godwit::local {
namespace {

using hostnet::ip;
using hostnet::ip_batch;

std::vector<std::string> peers_of_gateway(const Cluster& cluster) {
  std::vector<std::string> addresses;
  for (const LocalNode& node : cluster.nodes) addresses.push_back(node.address);
  return addresses;
}

Result<> make_node(const Cluster& cluster, const LocalNode& node) {
  std::vector<std::string> lines{
      fmt::format("netns add {}", node.ns),
      fmt::format("link add {} type veth peer name underlay netns {}", node.link, node.ns),
      fmt::format("link set {} master {} up", node.link, cluster.bridge()),
  };
  if (auto made = ip_batch(lines); !made) return fail(made.error().within(node.name));
  auto inside = ip({"-n", node.ns, "link", "set", "lo", "up"});
  if (inside) inside = ip({"-n", node.ns, "address", "add", node.address + "/24", "dev", "underlay"});
  if (inside) inside = ip({"-n", node.ns, "link", "set", "underlay", "up"});
  // Nothing beyond the cluster can be reached from a node: what has no route fails at once.
  if (inside) inside = ip({"-n", node.ns, "route", "add", "unreachable", "default", "metric", "4278198272"});
  if (!inside) return fail(inside.error().within(node.name));
  return {};
}

/// Both directions of a node's link, as the bridge sees them, at the rate.
Result<> limit_link(const LocalNode& node, const std::string& rate) {
  for (const std::vector<std::string>& where :
       {std::vector<std::string>{"tc", "qdisc"}, {"tc", "-n", node.ns, "qdisc"}}) {
    std::vector<std::string> argv = where;
    const std::string device = where.size() == 2 ? node.link : "underlay";
    for (const std::string& word : {std::string{"replace"}, std::string{"dev"}, device, std::string{"root"},
                                    std::string{"tbf"}, std::string{"rate"}, rate, std::string{"burst"},
                                    std::string{"256kb"}, std::string{"latency"}, std::string{"50ms"}}) {
      argv.push_back(word);
    }
    auto done = run_checked({.argv = argv}, Deadline::after(std::chrono::seconds{20}));
    if (!done) return fail(done.error().within("--link-rate " + rate));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> taken_addresses() {
  std::vector<std::string> taken;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-o", "-4", "address", "show"}, {"-4", "route", "show", "table", "all"}}) {
    const auto shown = ip(arguments);
    if (!shown) return fail(shown.error());
    for (const std::string& line : split(*shown, '\n')) {
      for (const std::string& word : split(line, ' ')) {
        if (std::count(word.begin(), word.end(), '.') == 3) taken.push_back(word);
      }
    }
  }
  return taken;
}

Result<> make_network(Cluster& cluster) {
  cluster.forwarding_before = hostnet::get_sysctl("net.ipv4.ip_forward").value_or("1") == "1";
  const auto routes = ip({"-4", "route", "show", "type", "unreachable"});
  cluster.owns_range_route = routes && routes->find(cluster.cidr) == std::string::npos;
  if (auto saved = save(cluster); !saved) return saved;
  if (cluster.owns_range_route) {
    if (auto made = ip({"route", "add", "unreachable", cluster.cidr, "metric", "4278198272"}); !made)
      return fail(made.error());
  }
  auto made = ip_batch({fmt::format("link add {} type bridge stp_state 0 forward_delay 0", cluster.bridge()),
                        fmt::format("address add {}/24 dev {}", cluster.server_address(), cluster.bridge()),
                        fmt::format("link set {} up", cluster.bridge())});
  if (!made) return made;
  for (const LocalNode& node : cluster.nodes) {
    if (auto ready = make_node(cluster, node); !ready) return ready;
    if (cluster.link_rate.empty()) continue;
    if (auto limited = limit_link(node, cluster.link_rate); !limited) return limited;
  }
  if (auto gateway = hostnet::set_up_gateway(cluster.gateway_spec()); !gateway) return gateway;
  if (auto set = hostnet::set_sysctl("net.ipv4.ip_forward", "1"); !set) return set;
  return hostnet::set_flood_peers(cluster.gateway_spec().overlay.vxlan, peers_of_gateway(cluster));
}

Result<> remove_network(const Cluster& cluster) {
  Result<> outcome = hostnet::remove_gateway(cluster.gateway_spec());
  const auto note = [&](const Result<std::string>& done) {
    if (!done) outcome = fail(done.error());
  };
  const auto namespaces = ip({"netns", "list"}).value_or("");
  for (const LocalNode& node : cluster.nodes) {
    if (hostnet::index_of(node.link) != 0) note(ip({"link", "del", "dev", node.link}));
    if (("\n" + namespaces).find("\n" + node.ns) != std::string::npos) note(ip({"netns", "del", node.ns}));
  }
  if (hostnet::index_of(cluster.bridge()) != 0) note(ip({"link", "del", "dev", cluster.bridge()}));
  const auto routes = ip({"-4", "route", "show", "type", "unreachable"}).value_or("");
  if (cluster.owns_range_route && routes.find(cluster.cidr) != std::string::npos)
    note(ip({"route", "del", "unreachable", cluster.cidr}));
  if (!cluster.forwarding_before) {
    if (auto set = hostnet::set_sysctl("net.ipv4.ip_forward", "0"); !set) outcome = set;
  }
  return outcome;
}

Result<> set_link(const LocalNode& node, bool up) {
  auto done = ip({"link", "set", "dev", node.link, up ? "up" : "down"});
  if (!done) return fail(done.error());
  return {};
}

std::vector<int> processes_in(const LocalNode& node) {
  struct stat wanted{};
  if (::stat(("/run/netns/" + node.ns).c_str(), &wanted) != 0) return {};
  std::vector<int> found;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) return found;
  while (const dirent* entry = ::readdir(processes)) {
    const auto pid = parse_number<int>(std::string_view{static_cast<const char*>(entry->d_name)});
    if (!pid) continue;
    struct stat its{};
    if (::stat(fmt::format("/proc/{}/ns/net", *pid).c_str(), &its) == 0 && its.st_ino == wanted.st_ino &&
        its.st_dev == wanted.st_dev) {
      found.push_back(*pid);
    }
  }
  ::closedir(processes);
  return found;
}

}  // namespace godwit::local
