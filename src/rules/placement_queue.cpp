#include "rules/placement_queue.hpp"

#include <algorithm>
#include <initializer_list>
#include <tuple>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

bool differ(const json::Value& before, const json::Value& after, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const char* part) {
    const auto* a = json::find(before, part);
    const auto* b = json::find(after, part);
    return (a == nullptr) != (b == nullptr) || (a != nullptr && !json::equal(*a, *b));
  });
}

bool is_placed(const json::Value& pod) { return !json::string_at(pod, "/spec/nodeName").empty() && !is_final(pod); }

auto rank(const json::Value& pod) {
  return std::tuple{-json::int_at(pod, "/spec/priority"), json::string_at(pod, "/metadata/creationTimestamp"),
                    json::string_at(pod, "/metadata/namespace"), name_of_object(pod)};
}

}  // namespace

bool goes_first(const json::Value& pod, const json::Value& other) { return rank(pod) < rank(other); }

bool may_help(ClusterChange change, const BlockedBy& blocked) {
  switch (change) {
    case ClusterChange::none: return false;
    case ClusterChange::node: return blocked.nodes || blocked.capacity || blocked.pods;
    case ClusterChange::pod_gone: return blocked.capacity || blocked.pods;
    case ClusterChange::pod_placed: return blocked.pods;
    case ClusterChange::claim: return blocked.volumes;
    case ClusterChange::labels: return blocked.pods;
  }
  return true;
}

ClusterChange node_change(const json::Value* before, const json::Value* after) {
  // A node less helps too: with it goes what was counted there, for spreading and affinity.
  if (before == nullptr || after == nullptr) return ClusterChange::node;
  if (differ(*before, *after, {"/spec", "/metadata/labels", "/status/allocatable"})) return ClusterChange::node;
  for (const auto* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"}) {
    if (condition_status(*before, type) != condition_status(*after, type)) return ClusterChange::node;
  }
  return ClusterChange::none;
}

ClusterChange pod_change(const json::Value* before, const json::Value* after) {
  const bool was = before != nullptr && is_placed(*before);
  const bool is = after != nullptr && is_placed(*after);
  if (was && !is) return ClusterChange::pod_gone;
  if (!was && is) return ClusterChange::pod_placed;
  if (!was) return ClusterChange::none;
  // One that is on its way out no longer counts for spreading.
  if (is_deleting(*before) != is_deleting(*after)) return ClusterChange::pod_gone;
  return differ(*before, *after, {"/metadata/labels", "/spec"}) ? ClusterChange::pod_placed : ClusterChange::none;
}

ClusterChange claim_change(const json::Value* before, const json::Value* after) {
  if (before == nullptr || after == nullptr) return ClusterChange::claim;
  if (differ(*before, *after, {"/status/phase", "/spec/volumeName", "/spec/nodeAffinity"})) return ClusterChange::claim;
  return ClusterChange::none;
}

bool needs_node(const json::Value& pod) {
  const auto scheduler = json::string_at(pod, "/spec/schedulerName");
  return (scheduler.empty() || scheduler == "default-scheduler") && json::string_at(pod, "/spec/nodeName").empty() &&
         !is_deleting(pod) && !is_final(pod);
}

bool asks_differently(const json::Value& before, const json::Value& after) {
  return differ(before, after, {"/spec", "/metadata/labels"});
}

}  // namespace godwit::rules
