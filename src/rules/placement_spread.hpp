// topologySpreadConstraints, and the spreading of VMs that state none. For this folder's own use.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/placement_cluster.hpp"

namespace godwit::rules {

/// The pod's constraints, counted once for all nodes.
class Spreading {
 public:
  /// Both outlive this.
  Spreading(const json::Value& pod, const std::vector<Candidate>& all);

  /// Constraints with DoNotSchedule.
  [[nodiscard]] std::optional<Misfit> misfit(const json::Value& node) const;
  /// Constraints with ScheduleAnyway, and the default one: less is better. Nothing: the node has no such domain.
  [[nodiscard]] std::optional<double> crowding(const json::Value& node) const;
  /// Whether there is anything to score.
  [[nodiscard]] bool prefers() const { return !soft_.empty(); }

 private:
  struct Constraint {
    std::string key;
    std::int64_t max_skew = 1;
    std::int64_t min_domains = 1;
    json::Value selector;
    bool honour_affinity = true;
    bool honour_taints = false;
    std::map<std::string, std::int64_t> counts = {};  ///< matching pods by domain, of the nodes that count
  };
  [[nodiscard]] Constraint read(const json::Value& constraint) const;
  void count(std::vector<Constraint>& constraints, const std::vector<Candidate>& all, bool all_keys) const;
  [[nodiscard]] std::int64_t matching(const Constraint& constraint, const Candidate& there) const;

  const json::Value& pod_;
  std::vector<Constraint> hard_;
  std::vector<Constraint> soft_;
};

}  // namespace godwit::rules
