// What a fresh local cluster is given through its API: storage class, network, KubeVirt object.
#pragma once

#include <stop_token>

#include "base/result.hpp"
#include "kube/client.hpp"
#include "local/cluster.hpp"

namespace godwit::local {

/// Waits for the server and connects as its administrator.
[[nodiscard]] Result<kube::Client> wait_for_server(const Cluster& cluster, Deadline deadline);
[[nodiscard]] Result<> bootstrap(const kube::Client& client, const Cluster& cluster);
/// Code::timeout names the nodes that are not Ready.
[[nodiscard]] Result<> wait_for_nodes(const kube::Client& client, const Cluster& cluster, Deadline deadline);
[[nodiscard]] bool is_ready(const json::Value& node);

}  // namespace godwit::local
