#include "local/machines.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
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

std::string range_route(const char* verb, const Cluster& cluster) {
  return fmt::format("route {} unreachable {} metric {}", verb, cluster.cidr, cluster.range_metric());
}

/// The underlay bridges of other clusters on this machine.
std::vector<std::filesystem::path> bridges_of_others(const Cluster& cluster) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& device : std::filesystem::directory_iterator{"/sys/class/net", ignored}) {
    const std::string name = device.path().filename();
    if (name.size() == cluster.bridge().size() && name.starts_with("gw") && name.ends_with("br") &&
        name != cluster.bridge())
      found.push_back(device.path());
  }
  return found;
}

/// A bridge's alias: the clusters tell each other, as the last one to go must restore what the first one found.
constexpr const char* forwarding_was_off = "forwarding-was-off";

bool forwarding_before_all_clusters(const Cluster& cluster) {
  for (const std::filesystem::path& bridge : bridges_of_others(cluster)) {
    if (trim(read_file(bridge / "ifalias").value_or("")) == forwarding_was_off) return false;
  }
  return hostnet::get_sysctl("net.ipv4.ip_forward").value_or("1") == "1";
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
  cluster.forwarding_before = forwarding_before_all_clusters(cluster);
  if (auto saved = save(cluster); !saved) return saved;
  auto made = ip_batch({range_route("replace", cluster),
                        fmt::format("link add {} type bridge stp_state 0 forward_delay 0", cluster.bridge()),
                        fmt::format("link set {} alias {}", cluster.bridge(),
                                    cluster.forwarding_before ? "forwarding-was-on" : forwarding_was_off),
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
  return hostnet::set_overlay_peers(cluster.gateway_spec().overlay, peers_of_gateway(cluster));
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
  if (routes.find(fmt::format("unreachable {} metric {}", cluster.cidr, cluster.range_metric())) != std::string::npos) {
    if (auto removed = ip_batch({range_route("del", cluster)}); !removed) outcome = removed;
  }
  if (!cluster.forwarding_before && bridges_of_others(cluster).empty()) {
    if (auto set = hostnet::set_sysctl("net.ipv4.ip_forward", "0"); !set) outcome = set;
  }
  return outcome;
}

Result<> set_link(const LocalNode& node, bool whole) {
  // A disabled port drops frames silently, as a broken path does; with the link down, senders would be told.
  auto done = run_checked({.argv = {"bridge", "link", "set", "dev", node.link, "state", whole ? "3" : "0"}},
                          Deadline::after(std::chrono::seconds{20}));
  if (!done) return fail(done.error());
  return {};
}

}  // namespace godwit::local
