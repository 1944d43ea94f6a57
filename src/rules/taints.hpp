// Taints of nodes and what tolerates them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "json/value.hpp"

namespace godwit::rules {

/// Does one of the pod's tolerations cover the taint, effect included?
[[nodiscard]] bool tolerates(const json::Value& pod, const json::Value& taint);

/// The node's taints as its conditions and its cordon ask for: not-ready, unreachable (each NoSchedule and NoExecute),
/// memory-, disk-, pid-pressure, network-unavailable, unschedulable (NoSchedule). Taints of other keys stay, and come
/// first; what is there already keeps its time.
[[nodiscard]] json::Array taints_by_conditions(const json::Value& node, std::string_view now);

/// How long a pod may stay on a node with these NoExecute taints, counted from when they were seen: nothing: for ever;
/// 0: it has to go at once.
[[nodiscard]] std::optional<std::int64_t> seconds_until_eviction(const json::Value& pod, const json::Value& node);

/// A new pod tolerates not-ready and unreachable for five minutes unless it says otherwise, as on Kubernetes.
void add_default_tolerations(json::Value& pod);

}  // namespace godwit::rules
