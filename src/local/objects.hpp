// The objects that make a bare API server a cluster for virtual machines, and waiting until it is one.
#pragma once

#include <vector>

#include "kube/client.hpp"
#include "local/plan.hpp"

namespace godwit::local {

struct ClusterObject {
  kube::Resource resource;
  json::Value object;
};

/// Pure: KubeVirt's namespace and CR, the default storage class, the pod network's description.
[[nodiscard]] std::vector<ClusterObject> cluster_objects(const ClusterPlan& plan);
/// Creates them, or makes them so.
[[nodiscard]] Result<> apply_objects(const kube::Client& client, const ClusterPlan& plan);

/// The admin's connection, once the server answers.
[[nodiscard]] Result<kube::Client> connect_when_ready(const ClusterPlan& plan, Deadline deadline);
/// Names of the plan's nodes that the API does not call Ready.
[[nodiscard]] Result<std::vector<std::string>> nodes_not_ready(const kube::Client& client, const ClusterPlan& plan);
/// Waits; Code::timeout names those that are still missing.
[[nodiscard]] Result<> wait_for_nodes(const kube::Client& client, const ClusterPlan& plan, Deadline deadline);

}  // namespace godwit::local
