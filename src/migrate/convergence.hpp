// How patient a pre-copy is: the downtime limit it may use, and when it is given up. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace godwit::migrate {

struct ConvergenceLimits {
  std::int64_t first_downtime_ms = 50;
  std::int64_t most_downtime_ms = 300;
  std::int64_t completion_timeout_per_gib = 150;  ///< seconds for each 10^9 bytes, begun ones counted; 0 = none
  std::int64_t progress_timeout = 150;            ///< seconds in which what remains never fell; 0 = none
  std::int64_t memory_bytes = 0;
};

/// What query-migrate says now.
struct ConvergenceSample {
  std::int64_t elapsed_ms = 0;
  std::int64_t passes = 0;  ///< dirty-sync-count
  std::int64_t remaining_bytes = 0;
};

struct ConvergenceState {
  std::int64_t downtime_limit_ms = 0;
  std::int64_t passes = 0;
  std::int64_t remaining_at_pass = 0;  ///< what was left when the last pass began
  std::int64_t remaining = -1;         ///< at the last sample; -1: none yet
  std::int64_t progress_at_ms = 0;     ///< when it last fell
};

struct ConvergenceAdvice {
  std::optional<std::int64_t> downtime_limit_ms = {};  ///< set this now
  std::optional<std::string> give_up = {};             ///< abort, with this reason
};

[[nodiscard]] ConvergenceState begin_convergence(const ConvergenceLimits& limits);
/// Times out as KubeVirt does, with its words: any fall of what remains is progress, so that a guest that dirties
/// memory as fast as it is sent is ended by the completion timeout alone. A new pass that starts with no less than nine
/// tenths of the last one doubles the limit, up to the most.
[[nodiscard]] ConvergenceAdvice advise(ConvergenceState& state, const ConvergenceLimits& limits,
                                       const ConvergenceSample& now);

}  // namespace godwit::migrate
