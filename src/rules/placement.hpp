// Where may a pod run, and where best? kube-scheduler's filters, scores and words, as a pure function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json/value.hpp"

namespace godwit::rules {

/// What is known when a pod is placed. The pointers live as long as the call.
struct ClusterView {
  std::vector<const json::Value*> nodes;
  std::vector<const json::Value*> pods;             ///< all of the cluster; unbound and ended ones are passed over
  std::map<std::string, std::string> assumed = {};  ///< pod uid → node, for bindings that `pods` doesn't show yet
  std::vector<const json::Value*> namespaces = {};  ///< for the namespace selectors of pod affinity
  std::vector<const json::Value*> claims = {};      ///< PersistentVolumeClaims
  std::vector<const json::Value*> volumes = {};     ///< PersistentVolumes
};

/// What kept a pod from being placed; several may hold. Tells which changes are worth another try.
struct BlockedBy {
  bool nodes = false;     ///< cordons, taints, labels; or there are no nodes
  bool capacity = false;  ///< too little room
  bool pods = false;      ///< affinity, anti-affinity, spreading
  bool volumes = false;   ///< claims that aren't bound, volumes that are elsewhere
};

struct Placement {
  std::string node;                   ///< "" : it fits nowhere
  std::string message = {};           ///< then: "0/3 nodes are available: 1 Insufficient memory, … ."
  std::vector<std::string> per_node;  ///< then: "node01: Insufficient memory (1.0 GiB wanted, …)", a line a node
  BlockedBy blocked = {};
};

/// Deterministic whatever the order of what is known: among equally good nodes the one with fewer pods, then the first
/// by name.
[[nodiscard]] Placement place(const json::Value& pod, const ClusterView& cluster);

}  // namespace godwit::rules
