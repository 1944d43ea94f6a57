#include "rules/placement.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/objects.hpp"
#include "rules/placement_cluster.hpp"
#include "rules/placement_nodes.hpp"
#include "rules/placement_pods.hpp"
#include "rules/placement_scores.hpp"
#include "rules/placement_spread.hpp"
#include "rules/placement_volumes.hpp"

namespace godwit::rules {
namespace {

using Histogram = std::map<std::string, int>;

/// "1 Insufficient memory, 2 node(s) were unschedulable", sorted as text.
std::string listed(const Histogram& counts) {
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : counts) reasons.push_back(fmt::format("{} {}", count, reason));
  std::sort(reasons.begin(), reasons.end());
  return join(reasons, ", ");
}

bool less_important_pods(const Candidate& candidate, std::int64_t priority) {
  return std::any_of(candidate.pods.begin(), candidate.pods.end(),
                     [&](const json::Value* pod) { return json::int_at(*pod, "/spec/priority") < priority; });
}

/// What would come of making room. Nothing is ever thrown out here, and where Kubernetes might, this says so.
std::string about_preemption(const json::Value& pod, const std::vector<Candidate>& all,
                             const std::vector<Misfit>& found) {
  if (json::string_at(pod, "/spec/preemptionPolicy") == "Never") {
    return "preemption: not eligible due to preemptionPolicy=Never.";
  }
  Histogram counts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!found[i].pods_in_the_way) {
      ++counts["Preemption is not helpful for scheduling"];
    } else if (less_important_pods(all[i], json::int_at(pod, "/spec/priority"))) {
      ++counts["not built yet: preemption of pods with a lower priority"];
    } else {
      ++counts["No preemption victims found for incoming pod"];
    }
  }
  return fmt::format("preemption: 0/{} nodes are available: {}.", all.size(), listed(counts));
}

Placement nowhere(const json::Value& pod, const std::vector<Candidate>& all, const std::vector<Misfit>& found,
                  const std::string& for_all) {
  Placement placement;
  Histogram counts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const auto& reason : found[i].reasons) ++counts[reason];
    const auto reasons = join(found[i].reasons, ", ");
    placement.per_node.push_back(
        found[i].detail.empty() ? fmt::format("{}: {}", name_of_object(*all[i].node), reasons)
                                : fmt::format("{}: {} ({})", name_of_object(*all[i].node), reasons, found[i].detail));
    placement.blocked.nodes |= found[i].blocked.nodes;
    placement.blocked.capacity |= found[i].blocked.capacity;
    placement.blocked.pods |= found[i].blocked.pods;
    placement.blocked.volumes |= found[i].blocked.volumes;
  }
  placement.message = fmt::format("0/{} nodes are available: {}. {}", all.size(),
                                  for_all.empty() ? listed(counts) : for_all, about_preemption(pod, all, found));
  return placement;
}

}  // namespace

Placement place(const json::Value& pod, const ClusterView& cluster) {
  const auto all = candidates_of(cluster);
  if (all.empty()) return {"", "no nodes available to schedule pods", {}, {.nodes = true}};
  if (const auto reason = unready_claim(pod, cluster)) {
    return nowhere(pod, all, std::vector<Misfit>(all.size(), Misfit{{*reason}, {}, false, {.volumes = true}}), *reason);
  }
  const auto only = named_nodes(pod);
  if (only && only->empty()) {
    const std::string reason = "pod affinity terms conflict";
    return nowhere(pod, all, std::vector<Misfit>(all.size(), Misfit{{reason}, {}, false, {.nodes = true}}), reason);
  }
  const PodAffinity affinity{pod, cluster, all};
  const Spreading spreading{pod, all};
  const auto misfit_of = [&](const Candidate& candidate) -> std::optional<Misfit> {
    if (only && !only->contains(name_of_object(*candidate.node))) {
      return Misfit{{"node(s) didn't satisfy plugin(s) [NodeAffinity]"}, {}, false, {.nodes = true}};
    }
    if (auto misfit = node_misfit(pod, candidate)) return misfit;
    if (!volumes_reach(pod, cluster, *candidate.node)) {
      return Misfit{{"node(s) had volume node affinity conflict"}, {}, false, {.nodes = true, .volumes = true}};
    }
    if (auto misfit = spreading.misfit(*candidate.node)) return misfit;
    return affinity.misfit(*candidate.node);
  };
  std::vector<Misfit> found;
  std::vector<const Candidate*> fitting;
  for (const auto& candidate : all) {
    auto misfit = misfit_of(candidate);
    if (!misfit) fitting.push_back(&candidate);
    found.push_back(std::move(misfit).value_or(Misfit{}));
  }
  if (fitting.empty()) return nowhere(pod, all, found, "");
  const auto scores = scores_of(pod, fitting, affinity, spreading);
  std::size_t best = 0;
  for (std::size_t i = 1; i < fitting.size(); ++i) {
    const bool better =
        scores[i] > scores[best] || (scores[i] == scores[best] && fitting[i]->pods.size() < fitting[best]->pods.size());
    if (better) best = i;
  }
  return {name_of_object(*fitting[best]->node), {}, {}, {}};
}

}  // namespace godwit::rules
