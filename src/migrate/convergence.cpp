#include "migrate/convergence.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::migrate {

ConvergenceState begin_convergence(const ConvergenceLimits& limits) {
  ConvergenceState out;
  out.downtime_limit_ms = std::min(limits.first_downtime_ms, limits.most_downtime_ms);
  return out;
}

ConvergenceAdvice advise(ConvergenceState& s, const ConvergenceLimits& limits, const ConvergenceSample& now) {
  ConvergenceAdvice out;
  if (s.remaining < 0 || now.remaining_bytes < s.remaining) s.progress_at_ms = now.elapsed_ms;
  s.remaining = now.remaining_bytes;
  if (now.passes > s.passes) {
    const bool stuck = s.passes >= 2 && now.remaining_bytes > s.remaining_at_pass / 10 * 9;
    s.passes = now.passes;
    s.remaining_at_pass = now.remaining_bytes;
    if (stuck && s.downtime_limit_ms < limits.most_downtime_ms) {
      s.downtime_limit_ms = std::min(s.downtime_limit_ms * 2, limits.most_downtime_ms);
      out.downtime_limit_ms = s.downtime_limit_ms;
    }
  }
  constexpr std::int64_t giga = 1'000'000'000;
  const auto allowed =
      std::max<std::int64_t>((limits.memory_bytes + giga - 1) / giga, 1) * limits.completion_timeout_per_gib;
  if (limits.progress_timeout > 0 && now.elapsed_ms - s.progress_at_ms > limits.progress_timeout * 1000)
    out.give_up = fmt::format("Live migration stuck for {} seconds and has been aborted", limits.progress_timeout);
  else if (allowed > 0 && now.elapsed_ms > allowed * 1000)
    out.give_up = fmt::format("Live migration is not completed after {} seconds and has been aborted", allowed);
  return out;
}

}  // namespace godwit::migrate
