// A local cluster as a value: its names, addresses and files. Kept in DIR/cluster.json from before anything is made
// until after all of it is gone, so that `down` can clean up after any crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "hostnet/gateway.hpp"
#include "json/value.hpp"

namespace godwit::local {

struct LocalNode {
  std::string name;     ///< "node-1"
  std::string ns;       ///< network namespace: "gw1a2b-1"
  std::string link;     ///< the underlay bridge's end of its veth
  std::string address;  ///< on the underlay
  bool killed = false;  ///< by `local kill`: not to be started again
  bool operator==(const LocalNode&) const = default;
};

struct Cluster {
  std::filesystem::path directory;
  std::string id;               ///< four hexadecimal digits
  std::string cidr;             ///< the whole range, with an unreachable route behind it
  std::string underlay_prefix;  ///< "198.18.7." of a /24
  std::string pod_cidr;         ///< a /20
  std::string gateway;          ///< of the pod network, on this machine
  std::int64_t node_memory = 0;
  std::string link_rate;  ///< for tbf: "1gbit"; "": unlimited
  int vni = 1;
  bool forwarding_before = true;  ///< net.ipv4.ip_forward as it was before the first cluster on this machine
  std::vector<LocalNode> nodes;

  [[nodiscard]] std::string bridge() const { return "gw" + id + "br"; }
  /// Each cluster has an unreachable route for the range of its own, told apart by its metric (its slice): clusters
  /// that share a range come and go independently.
  [[nodiscard]] std::uint32_t range_metric() const { return 4278198272U + static_cast<std::uint32_t>(vni); }
  [[nodiscard]] std::string server_address() const { return underlay_prefix + "1"; }
  [[nodiscard]] std::string server_url() const { return "https://" + server_address() + ":6443"; }
  [[nodiscard]] std::filesystem::path server_data() const { return directory / "server"; }
  [[nodiscard]] std::filesystem::path node_data(const LocalNode& node) const { return directory / "nodes" / node.name; }
  [[nodiscard]] std::filesystem::path shared() const { return directory / "shared"; }
  [[nodiscard]] std::filesystem::path kubeconfig() const { return directory / "kubeconfig"; }
  [[nodiscard]] std::filesystem::path state_file() const { return directory / "cluster.json"; }
  [[nodiscard]] std::filesystem::path supervisor_pid() const { return directory / "supervisor.pid"; }
  [[nodiscard]] hostnet::GatewaySpec gateway_spec() const;
  [[nodiscard]] const LocalNode* find(const std::string& name) const;
  bool operator==(const Cluster&) const = default;
};

/// What the overlay leaves of the underlay's 1500 bytes.
inline constexpr int pod_mtu = 1450;

struct Plan {
  std::filesystem::path directory;
  int nodes = 3;
  std::int64_t node_memory = 0;
  std::string link_rate;
  std::string cidr = "198.18.0.0/15";
};

/// Names and addresses of a new cluster. `taken` are the addresses and routes of this machine ("198.18.0.1",
/// "198.19.0.0/20"): the first slice of the range that none of them touches is taken. Code::invalid for a range that is
/// too small; Code::conflict when all slices are taken. Pure.
[[nodiscard]] Result<Cluster> plan_cluster(const Plan& plan, const std::vector<std::string>& taken);

[[nodiscard]] json::Value to_json(const Cluster& cluster);
[[nodiscard]] Result<Cluster> cluster_of(const json::Value& value);
[[nodiscard]] Result<> save(const Cluster& cluster);
/// Code::not_found: no cluster there.
[[nodiscard]] Result<Cluster> load_cluster(const std::filesystem::path& directory);

}  // namespace godwit::local
