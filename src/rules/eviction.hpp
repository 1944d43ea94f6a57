// Evictions: what `kubectl drain` is answered, and how a VMI leaves a node that it must leave. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::rules {

inline constexpr auto evacuation_annotation = "kubevirt.io/evacuationMigration";  ///< of a VMIM: the node to leave
inline constexpr auto drain_taint = "kubevirt.io/drain";                          ///< with NoSchedule

/// The answer to an eviction of a pod.
struct EvictionAnswer {
  std::string refusal = {};    ///< "" : the pod may be deleted; else 429, with KubeVirt's words
  std::string mark_node = {};  ///< not "": status.evacuationNodeName to be set to this, first
};
/// `vmi` is the one that the pod is a launcher of; null: there is none. Whatever isn't a living launcher may go.
[[nodiscard]] EvictionAnswer answer_eviction(const json::Value& pod, const json::Value* vmi);
[[nodiscard]] bool is_living_launcher(const json::Value& pod);

/// What to do about one VMI that may have to leave its node.
struct Evacuation {
  bool unmark = false;                    ///< it has left: take status.evacuationNodeName away
  std::string leave = {};                 ///< not "": create a migration away from this node
  std::optional<Duration> wait_for = {};  ///< too many failed lately: look again then
};
/// `migrations` are all VMIMs of the VMI; `node` is the one it is on (null: unknown).
[[nodiscard]] Evacuation evacuation_of(const json::Value& vmi, const json::Value* node,
                                       const std::vector<const json::Value*>& migrations, WallTime now);

/// The VMIM that moves it away.
[[nodiscard]] json::Value evacuation_migration(const json::Value& vmi, const std::string& node);

/// `conditions` with EvictionRequested as status.evacuationNodeName asks for it.
[[nodiscard]] json::Array with_eviction_condition(json::Array conditions, const json::Value& vmi, std::string_view now);

}  // namespace godwit::rules
