// The single filters of placement; for this folder's own use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json/value.hpp"

namespace godwit::rules {

struct Amounts {
  std::int64_t milli_cpu = 0;
  std::int64_t memory = 0;
  std::int64_t pods = 0;
  Amounts& operator+=(const Amounts& more);
};
[[nodiscard]] Amounts requests_of_pod(const json::Value& pod);
[[nodiscard]] Amounts allocatable_of(const json::Value& node);

/// A node with the live pods bound to it.
struct Candidate {
  const json::Value* node = nullptr;
  std::vector<const json::Value*> pods = {};
  Amounts used = {};
};

/// A reason as the scheduler words it, and what a person wants to know on top ("" : nothing).
struct Misfit {
  std::string reason;
  std::string detail;
};

/// Why the node itself can't take the pod: readiness, cordon, taints, selector, affinity, capacity. Empty: it can.
[[nodiscard]] std::vector<Misfit> misfits(const json::Value& pod, const Candidate& candidate);
/// Required pod affinity and anti-affinity, which look at the whole cluster.
[[nodiscard]] std::vector<Misfit> pod_misfits(const json::Value& pod, const Candidate& candidate,
                                              const std::vector<Candidate>& all);

}  // namespace godwit::rules
