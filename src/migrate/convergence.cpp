#include "migrate/convergence.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::migrate {

ConvergenceState begin_convergence(const ConvergenceLimits& limits) {
  ConvergenceState out;
  out.downtime_limit_ms = limits.first_downtime_ms;
  return out;
}

ConvergenceAdvice advise(ConvergenceState& s, const ConvergenceLimits& limits, const ConvergenceSample& now) {
  ConvergenceAdvice out;
  if (s.least_remaining == 0 || now.remaining_bytes < s.least_remaining) {
    s.least_remaining = now.remaining_bytes;
    s.progress_at_ms = now.elapsed_ms;
  }
  if (now.passes > s.passes) {
    const bool stuck = s.passes >= 2 && now.remaining_bytes > s.remaining_at_pass / 10 * 9;
    s.passes = now.passes;
    s.remaining_at_pass = now.remaining_bytes;
    if (stuck && s.downtime_limit_ms < limits.most_downtime_ms) {
      s.downtime_limit_ms = std::min(s.downtime_limit_ms * 2, limits.most_downtime_ms);
      out.downtime_limit_ms = s.downtime_limit_ms;
    }
  }
  constexpr std::int64_t gib = std::int64_t{1} << 30;
  const auto allowed_ms =
      std::max<std::int64_t>((limits.memory_bytes + gib - 1) / gib, 1) * limits.completion_timeout_per_gib * 1000;
  if (limits.completion_timeout_per_gib > 0 && now.elapsed_ms > allowed_ms)
    out.give_up = fmt::format("not complete after {} s", now.elapsed_ms / 1000);
  else if (limits.progress_timeout > 0 &&
           now.elapsed_ms - s.progress_at_ms > std::int64_t{limits.progress_timeout} * 1000)
    out.give_up = fmt::format("no progress for {} s", limits.progress_timeout);
  return out;
}

}  // namespace godwit::migrate
