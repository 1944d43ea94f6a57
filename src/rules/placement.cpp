#include "rules/placement.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/objects.hpp"
#include "rules/placement_filters.hpp"

namespace godwit::rules {
namespace {

std::string node_of_pod(const json::Value& pod, const ClusterView& cluster) {
  auto node = json::string_at(pod, "/spec/nodeName");
  if (!node.empty()) return node;
  const auto assumed = cluster.assumed.find(uid_of(pod));
  return assumed == cluster.assumed.end() ? std::string{} : assumed->second;
}

std::vector<Candidate> candidates_of(const ClusterView& cluster) {
  std::vector<Candidate> all;
  for (const auto* node : cluster.nodes) all.push_back({node});
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return name_of_object(*a.node) < name_of_object(*b.node); });
  std::map<std::string, Candidate*> by_name;
  for (auto& candidate : all) by_name[name_of_object(*candidate.node)] = &candidate;
  for (const auto* pod : cluster.pods) {
    if (is_final(*pod)) continue;
    const auto found = by_name.find(node_of_pod(*pod, cluster));
    if (found == by_name.end()) continue;
    found->second->pods.push_back(pod);
    found->second->used += requests_of_pod(*pod);
  }
  return all;
}

/// 0 to 100: what would stay free, less one for each pod that is there already (spreads small guests).
double score(const json::Value& pod, const Candidate& candidate) {
  const auto all = allocatable_of(*candidate.node);
  auto used = candidate.used;
  used += requests_of_pod(pod);
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole <= 0 ? 0.0 : 1.0 - static_cast<double>(part) / static_cast<double>(whole);
  };
  return 50.0 * (share(used.milli_cpu, all.milli_cpu) + share(used.memory, all.memory)) -
         static_cast<double>(candidate.pods.size());
}

std::string explain(const std::vector<Candidate>& all, const std::vector<std::vector<Misfit>>& found) {
  if (all.empty()) return "no nodes available to schedule pods";
  std::map<std::string, int> counts;
  std::vector<std::string> by_node;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<std::string> words;
    for (const auto& misfit : found[i]) {
      ++counts[misfit.reason];
      words.push_back(misfit.detail.empty() ? misfit.reason : fmt::format("{} ({})", misfit.reason, misfit.detail));
    }
    by_node.push_back(fmt::format("{}: {}", name_of_object(*all[i].node), join(words, ", ")));
  }
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : counts) reasons.push_back(fmt::format("{} {}", count, reason));
  std::sort(reasons.begin(), reasons.end());
  return fmt::format("0/{} nodes are available: {}. {}.", all.size(), join(reasons, ", "), join(by_node, "; "));
}

}  // namespace

Placement place(const json::Value& pod, const ClusterView& cluster) {
  const auto all = candidates_of(cluster);
  std::vector<std::vector<Misfit>> found;
  const Candidate* best = nullptr;
  double best_score = 0;
  for (const auto& candidate : all) {
    auto reasons = misfits(pod, candidate);
    if (reasons.empty()) reasons = pod_misfits(pod, candidate, all);
    const auto mark = reasons.empty() ? score(pod, candidate) : 0;
    if (reasons.empty() && (best == nullptr || mark > best_score)) {
      best = &candidate;
      best_score = mark;
    }
    found.push_back(std::move(reasons));
  }
  if (best != nullptr) return {name_of_object(*best->node), ""};
  return {"", explain(all, found)};
}

}  // namespace godwit::rules
