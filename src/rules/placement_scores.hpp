// Which of the nodes that can take a pod is best. For this folder's own use.
#pragma once

#include <vector>

#include "rules/placement_cluster.hpp"
#include "rules/placement_pods.hpp"
#include "rules/placement_spread.hpp"

namespace godwit::rules {

/// kube-scheduler's scores with its weights: taints that are better avoided (3), preferred node affinity, spreading and
/// pods' preferences (2 each), room left and its balance (1 each); each 0 to 100. In the order of `fitting`.
[[nodiscard]] std::vector<std::int64_t> scores_of(const json::Value& pod, const std::vector<const Candidate*>& fitting,
                                                  const PodAffinity& affinity, const Spreading& spreading);

}  // namespace godwit::rules
