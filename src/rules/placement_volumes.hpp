// What a pod's claims mean for its place. For this folder's own use.
#pragma once

#include <optional>
#include <string>

#include "rules/placement.hpp"

namespace godwit::rules {

/// Why the pod must wait for its claims wherever it goes, in the scheduler's words; nothing: all are bound.
[[nodiscard]] std::optional<std::string> unready_claim(const json::Value& pod, const ClusterView& cluster);
/// Whether all volumes that its claims are bound to can be used on the node.
[[nodiscard]] bool volumes_reach(const json::Value& pod, const ClusterView& cluster, const json::Value& node);

}  // namespace godwit::rules
