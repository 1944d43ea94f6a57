// Which waiting pod is next, and which changes are worth another try. Pure.
#pragma once

#include "json/value.hpp"
#include "rules/placement.hpp"

namespace godwit::rules {

/// Higher priority first, then the older, then by name.
[[nodiscard]] bool goes_first(const json::Value& pod, const json::Value& other);

/// Something that happened in the cluster, as far as it may let a waiting pod in.
enum class ClusterChange : unsigned char {
  none,
  node,        ///< one came, or what it offers or forbids changed
  pod_gone,    ///< one ended or went: there is room
  pod_placed,  ///< one was bound, or a bound one's labels changed: there is company
  claim,       ///< a claim or volume came or changed
  labels,      ///< of a namespace
};
[[nodiscard]] bool may_help(ClusterChange change, const BlockedBy& blocked);

/// What a change of a node means (null `before`: it came; null `after`: it went). Heartbeats mean nothing.
[[nodiscard]] ClusterChange node_change(const json::Value* before, const json::Value* after);
[[nodiscard]] ClusterChange pod_change(const json::Value* before, const json::Value* after);
/// Of a claim or volume: only what binding depends on counts.
[[nodiscard]] ClusterChange claim_change(const json::Value* before, const json::Value* after);

/// Whether the pod waits for this scheduler to place it.
[[nodiscard]] bool needs_node(const json::Value& pod);
/// Whether the pod itself changed in a way that another try may go otherwise.
[[nodiscard]] bool asks_differently(const json::Value& before, const json::Value& after);

}  // namespace godwit::rules
