// The cluster as placement sees it: nodes with the pods on them and what these use. For this folder's own use.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rules/placement.hpp"

namespace godwit::rules {

struct Amounts {
  std::int64_t milli_cpu = 0;
  std::int64_t memory = 0;
  std::int64_t pods = 0;
  std::map<std::string, std::int64_t> others = {};  ///< ephemeral-storage, devices.kubevirt.io/kvm, …
  Amounts& operator+=(const Amounts& more);
};
/// What the pod asks for: all containers together, or the largest init container if that is more, and its overhead.
[[nodiscard]] Amounts requests_of_pod(const json::Value& pod);
[[nodiscard]] Amounts allocatable_of(const json::Value& node);

/// A node with the live pods bound to it.
struct Candidate {
  const json::Value* node = nullptr;
  std::vector<const json::Value*> pods = {};
  Amounts used = {};
  Amounts allocatable = {};
  /// With what its conditions ask for: nobody has to have written that yet.
  json::Array taints = {};
};

/// Why a node can't take a pod, all found by one and the same filter.
struct Misfit {
  std::vector<std::string> reasons;  ///< as the scheduler words them
  std::string detail = {};           ///< what a person wants to know on top
  /// Whether the node could take it once less important pods were gone.
  bool pods_in_the_way = false;
  BlockedBy blocked = {};
};

/// By name of the node.
[[nodiscard]] std::vector<Candidate> candidates_of(const ClusterView& cluster);
/// The value of the node's label, or nullptr: an empty value is a value.
[[nodiscard]] const json::Value* domain_of(const json::Value& node, const std::string& topology_key);

}  // namespace godwit::rules
