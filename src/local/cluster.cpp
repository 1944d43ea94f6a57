#include "local/cluster.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/data_format.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace godwit::local {
namespace {

constexpr int slices = 16;  // of a range: each a /24 for the underlay and a /20 for guests
constexpr int most_nodes = 64;
constexpr std::int64_t state_format = 1;  // of cluster.json

struct Range {
  std::uint32_t first = 0;
  int prefix = 32;
  [[nodiscard]] std::uint32_t last() const { return prefix >= 32 ? first : first | (~0U >> prefix); }
  [[nodiscard]] bool touches(const Range& other) const { return first <= other.last() && other.first <= last(); }
};

std::string text_of(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, (address >> 16U) & 255U, (address >> 8U) & 255U, address & 255U);
}

std::optional<Range> range_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  Range range;
  const std::vector<std::string> parts = split(text.substr(0, slash), '.');
  if (parts.size() != 4) return std::nullopt;
  for (const std::string& part : parts) {
    const auto number = parse_number<unsigned>(part);
    if (!number || *number > 255) return std::nullopt;
    range.first = (range.first << 8U) | *number;
  }
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number<int>(text.substr(slash + 1));
    if (!prefix || *prefix < 0 || *prefix > 32) return std::nullopt;
    range.prefix = *prefix;
  }
  return range;
}

/// FNV-1a, folded: the same directory always has the same id.
std::string id_of(const std::filesystem::path& directory) {
  std::uint32_t hash = 2166136261U;
  for (const char c : directory.string()) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("{:04x}", (hash >> 16U) ^ (hash & 0xffffU));
}

}  // namespace

hostnet::GatewaySpec Cluster::gateway_spec() const {
  return {.overlay = {.address = server_address(),
                      .pod_cidr = pod_cidr,
                      .gateway = gateway,
                      .vni = vni,
                      .mtu = pod_mtu,
                      .bridge = "gw" + id + "pods",
                      .vxlan = "gw" + id + "vx"},
          .prefix_length = 20,
          .table = "godwit-" + id};
}

const LocalNode* Cluster::find(const std::string& name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const LocalNode& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

Result<Cluster> plan_cluster(const Plan& plan, const std::vector<std::string>& taken) {
  const auto whole = range_of(plan.cidr);
  if (!whole || whole->prefix > 15) {
    return fail(Code::invalid,
                fmt::format("--cidr {}: write an IPv4 range of /15 or larger, such as 198.18.0.0/15", plan.cidr));
  }
  if (plan.nodes < 1 || plan.nodes > most_nodes) {
    return fail(Code::invalid, fmt::format("--nodes {}: from 1 to {}", plan.nodes, most_nodes));
  }
  Cluster cluster{.directory = plan.directory,
                  .id = id_of(plan.directory),
                  .cidr = plan.cidr,
                  .underlay_prefix = {},
                  .pod_cidr = {},
                  .gateway = {},
                  .node_memory = plan.node_memory,
                  .link_rate = plan.link_rate,
                  .nodes = {}};
  for (int slice = 0; slice < slices; ++slice) {
    const Range underlay{whole->first + (static_cast<std::uint32_t>(slice) << 8U), 24};
    const Range pods{whole->first + (1U << 16U) + (static_cast<std::uint32_t>(slice) << 12U), 20};
    const bool free = std::none_of(taken.begin(), taken.end(), [&](const std::string& text) {
      const auto used = range_of(text);
      // The range's own unreachable route, of another cluster here, takes no slice.
      return used && used->prefix > whole->prefix && (used->touches(underlay) || used->touches(pods));
    });
    if (!free) continue;
    const std::string text = text_of(underlay.first);
    cluster.underlay_prefix = text.substr(0, text.rfind('.') + 1);
    cluster.pod_cidr = text_of(pods.first) + "/20";
    cluster.gateway = text_of(pods.first + 1);
    cluster.vni = 100 + slice;
    break;
  }
  if (cluster.pod_cidr.empty()) {
    return fail(Code::conflict, fmt::format("all {} slices of {} are in use; stop a cluster, or choose another --cidr",
                                            slices, plan.cidr));
  }
  for (int i = 1; i <= plan.nodes; ++i) {
    cluster.nodes.push_back({.name = fmt::format("node-{}", i),
                             .ns = fmt::format("gw{}-{}", cluster.id, i),
                             .link = fmt::format("gw{}u{}", cluster.id, i),
                             .address = fmt::format("{}{}", cluster.underlay_prefix, 10 + i)});
  }
  return cluster;
}

json::Value to_json(const Cluster& c) {
  json::Array nodes;
  for (const LocalNode& node : c.nodes) {
    nodes.push_back(json::Object{{"name", node.name},
                                 {"namespace", node.ns},
                                 {"link", node.link},
                                 {"address", node.address},
                                 {"killed", node.killed}});
  }
  return json::Object{{"format", state_format},
                      {"directory", c.directory.string()},
                      {"id", c.id},
                      {"cidr", c.cidr},
                      {"underlayPrefix", c.underlay_prefix},
                      {"podCIDR", c.pod_cidr},
                      {"gateway", c.gateway},
                      {"nodeMemory", c.node_memory},
                      {"linkRate", c.link_rate},
                      {"vni", c.vni},
                      {"forwardingBefore", c.forwarding_before},
                      {"nodes", std::move(nodes)}};
}

Result<Cluster> cluster_of(const json::Value& v) {
  Cluster c{.directory = json::string_at(v, "/directory"),
            .id = json::string_at(v, "/id"),
            .cidr = json::string_at(v, "/cidr"),
            .underlay_prefix = json::string_at(v, "/underlayPrefix"),
            .pod_cidr = json::string_at(v, "/podCIDR"),
            .gateway = json::string_at(v, "/gateway"),
            .node_memory = json::int_at(v, "/nodeMemory"),
            .link_rate = json::string_at(v, "/linkRate"),
            .vni = static_cast<int>(json::int_at(v, "/vni", 1)),
            .forwarding_before = json::bool_at(v, "/forwardingBefore", true),
            .nodes = {}};
  for (const json::Value& node : json::array_at(v, "/nodes")) {
    c.nodes.push_back({.name = json::string_at(node, "/name"),
                       .ns = json::string_at(node, "/namespace"),
                       .link = json::string_at(node, "/link"),
                       .address = json::string_at(node, "/address"),
                       .killed = json::bool_at(node, "/killed")});
  }
  if (c.id.empty() || c.nodes.empty()) return fail(Code::invalid, "cluster.json is not whole");
  return c;
}

Result<> save(const Cluster& cluster) {
  return write_file(cluster.state_file(), json::write_pretty(to_json(cluster)) + "\n");
}

Result<Cluster> load_cluster(const std::filesystem::path& directory) {
  const auto text = read_file(directory / "cluster.json");
  if (!text && text.error().code == Code::not_found) {
    return fail(Code::not_found, fmt::format("no cluster in {}; start one with `godwit local up --dir {}`",
                                             directory.string(), directory.string()));
  }
  if (!text) return fail(text.error());
  const auto value = json::parse(*text);
  if (!value) return fail(value.error().within((directory / "cluster.json").string()));
  if (auto known = check_format(json::int_at(*value, "/format", state_format), state_format); !known)
    return fail(known.error().within(directory.string()));
  return cluster_of(*value);
}

}  // namespace godwit::local
