// Affinity and anti-affinity between pods. For this folder's own use.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rules/placement_cluster.hpp"

namespace godwit::rules {

/// What one pod's place means to others, worked out once for all nodes.
class PodAffinity {
 public:
  /// All three outlive this.
  PodAffinity(const json::Value& pod, const ClusterView& cluster, const std::vector<Candidate>& all);

  /// Required terms: the pod's own, then those of the pods that run already.
  [[nodiscard]] std::optional<Misfit> misfit(const json::Value& node) const;
  /// Preferred terms of both sides, and the required affinity of running pods: weights, summed.
  [[nodiscard]] std::int64_t score(const json::Value& node) const;

 private:
  using Domain = std::pair<std::string, std::string>;  ///< topology key, its value
  void look_at(const json::Value& other, const json::Value& there);
  void weigh(const json::Value& other, const json::Value& there);
  [[nodiscard]] bool means(const json::Value& term, const json::Value& from, const json::Value& other) const;
  [[nodiscard]] bool all_mean(const json::Array& terms, const json::Value& other) const;
  [[nodiscard]] bool near_enough(const json::Value& node) const;
  static std::optional<Domain> domain(const json::Value& term, const json::Value& node);

  const json::Value& pod_;
  const ClusterView& cluster_;
  const json::Array& near_;     ///< the pod's required terms
  const json::Array& apart_;    ///<
  std::set<Domain> wanted_;     ///< domains with a pod that all of `near_` mean
  std::set<Domain> unwanted_;   ///< domains with a pod that one of `apart_` means
  std::set<Domain> forbidden_;  ///< domains of pods that don't want this one
  std::map<Domain, std::int64_t> weights_;
};

}  // namespace godwit::rules
