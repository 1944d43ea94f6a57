// Filters that look at one node: cordon, taints, selector and affinity, room. For this folder's own use.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "rules/placement_cluster.hpp"

namespace godwit::rules {

/// The first filter that refuses the pod, in kube-scheduler's order; nothing: none does. Bound claims come later.
[[nodiscard]] std::optional<Misfit> node_misfit(const json::Value& pod, const Candidate& candidate);
/// The pod's nodeSelector and required node affinity.
[[nodiscard]] bool selects_node(const json::Value& pod, const json::Value& node);
/// One nodeSelectorTerm: all of it must hold; an empty one matches nothing.
[[nodiscard]] bool term_holds(const json::Value& term, const json::Value& node);
/// The first taint that keeps the pod off (NoSchedule, NoExecute), or nullptr.
[[nodiscard]] const json::Value* untolerated_taint(const json::Value& pod, const json::Array& taints);
/// The only nodes that the pod's required affinity names (matchFields metadata.name); nothing: it names none.
[[nodiscard]] std::optional<std::set<std::string>> named_nodes(const json::Value& pod);

}  // namespace godwit::rules
