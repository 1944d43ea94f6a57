#include "rules/placement_scores.hpp"

#include <algorithm>
#include <cmath>

#include "rules/placement_nodes.hpp"
#include "rules/taints.hpp"

namespace godwit::rules {
namespace {

constexpr std::int64_t best = 100;
// What a pod that asks for nothing is counted as, so that such pods don't all go to one node.
constexpr std::int64_t usual_milli_cpu = 100;
constexpr std::int64_t usual_memory = 200LL * 1024 * 1024;

using Scores = std::vector<std::int64_t>;

/// The highest becomes 100, in proportion; all 0 when none is above 0.
Scores to_highest(Scores raw) {
  const auto highest = raw.empty() ? 0 : *std::max_element(raw.begin(), raw.end());
  for (auto& each : raw) each = highest > 0 ? best * each / highest : 0;
  return raw;
}

/// 100 for none, 0 for the most.
Scores fewest(Scores raw) {
  const auto most = raw.empty() ? 0 : *std::max_element(raw.begin(), raw.end());
  for (auto& each : raw) each = most > 0 ? best - best * each / most : best;
  return raw;
}

/// From the lowest (0) to the highest (100).
Scores stretched(Scores raw) {
  if (raw.empty()) return raw;
  const auto [low, high] = std::minmax_element(raw.begin(), raw.end());
  const auto lowest = *low;
  const auto range = *high - *low;
  for (auto& each : raw) each = range > 0 ? best * (each - lowest) / range : 0;
  return raw;
}

std::int64_t better_avoided(const json::Value& pod, const Candidate& candidate) {
  return std::count_if(candidate.taints.begin(), candidate.taints.end(), [&](const json::Value& taint) {
    return json::string_at(taint, "/effect") == "PreferNoSchedule" && !tolerates(pod, taint);
  });
}

std::int64_t preferred_affinity(const json::Value& pod, const json::Value& node) {
  std::int64_t sum = 0;
  for (const auto& term :
       json::array_at(pod, "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution")) {
    const auto* preference = json::find(term, "/preference");
    if (preference != nullptr && term_holds(*preference, node)) sum += json::int_at(term, "/weight");
  }
  return sum;
}

Scores spread_scores(const std::vector<const Candidate*>& fitting, const Spreading& spreading) {
  Scores scores(fitting.size(), 0);
  if (!spreading.prefers()) return scores;
  std::vector<std::optional<double>> crowds;
  double most = 0;
  double least = -1;
  for (const auto* candidate : fitting) {
    const auto crowd = spreading.crowding(*candidate->node);
    crowds.push_back(crowd);
    if (!crowd) continue;
    most = std::max(most, *crowd);
    least = least < 0 ? *crowd : std::min(least, *crowd);
  }
  for (std::size_t i = 0; i < fitting.size(); ++i) {
    if (!crowds[i]) continue;
    scores[i] = most <= 0 ? best : std::llround(static_cast<double>(best) * (most + least - *crowds[i]) / most);
  }
  return scores;
}

struct Shares {
  double cpu;
  double memory;
};

/// Parts of the node in use once the pod is there.
Shares shares_with(const Amounts& wanted, const Candidate& candidate) {
  const auto share = [](std::int64_t used, std::int64_t all) {
    return all <= 0 ? 1.0 : std::min(1.0, static_cast<double>(used) / static_cast<double>(all));
  };
  return {share(candidate.used.milli_cpu + wanted.milli_cpu, candidate.allocatable.milli_cpu),
          share(candidate.used.memory + wanted.memory, candidate.allocatable.memory)};
}

std::int64_t room_left(const Shares& shares) {
  return static_cast<std::int64_t>(static_cast<double>(best) * (2.0 - shares.cpu - shares.memory) / 2.0);
}

std::int64_t balance(const Shares& shares) {
  return static_cast<std::int64_t>(static_cast<double>(best) * (1.0 - std::abs(shares.cpu - shares.memory) / 2.0));
}

}  // namespace

std::vector<std::int64_t> scores_of(const json::Value& pod, const std::vector<const Candidate*>& fitting,
                                    const PodAffinity& affinity, const Spreading& spreading) {
  auto wanted = requests_of_pod(pod);
  if (wanted.milli_cpu == 0) wanted.milli_cpu = usual_milli_cpu;
  if (wanted.memory == 0) wanted.memory = usual_memory;
  Scores taints;
  Scores nodes;
  Scores pods;
  Scores sum;
  for (const auto* candidate : fitting) {
    taints.push_back(better_avoided(pod, *candidate));
    nodes.push_back(preferred_affinity(pod, *candidate->node));
    pods.push_back(affinity.score(*candidate->node));
    const auto shares = shares_with(wanted, *candidate);
    sum.push_back(room_left(shares) + balance(shares));
  }
  taints = fewest(std::move(taints));
  nodes = to_highest(std::move(nodes));
  pods = stretched(std::move(pods));
  const auto spread = spread_scores(fitting, spreading);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += 3 * taints[i] + 2 * (nodes[i] + pods[i] + spread[i]);
  return sum;
}

}  // namespace godwit::rules
