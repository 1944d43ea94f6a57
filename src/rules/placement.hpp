// Where may a pod run, and where best? kube-scheduler's filters, score and words, as a pure function.
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
};

struct Placement {
  std::string node;     ///< "" : it fits nowhere
  std::string message;  ///< then: "0/3 nodes are available: 1 Insufficient memory, … ." and the reasons by node
};

/// Deterministic: among equally good nodes the first by name.
[[nodiscard]] Placement place(const json::Value& pod, const ClusterView& cluster);

}  // namespace godwit::rules
