// Time, injected: whoever needs "now" takes a Clock, so that tests decide what time it is.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace godwit {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// The machine's own clocks. Stateless: one object may serve all threads.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// A point in time by which something must be done.
class Deadline {
 public:
  [[nodiscard]] static Deadline after(Duration d) { return Deadline{std::chrono::steady_clock::now() + d}; }
  [[nodiscard]] static Deadline never() { return Deadline{Instant::max()}; }
  [[nodiscard]] Instant at() const { return at_; }
  [[nodiscard]] bool passed() const { return at_ != Instant::max() && std::chrono::steady_clock::now() >= at_; }
  /// What is left in whole milliseconds for poll(2): rounded up, 0 when passed, -1 for never.
  [[nodiscard]] int poll_timeout() const;

 private:
  explicit Deadline(Instant at) : at_{at} {}
  Instant at_;
};

/// RFC 3339 in UTC, whole seconds: metav1.Time ("2026-11-01T10:00:00Z").
[[nodiscard]] std::string format_time(WallTime t);
/// RFC 3339 in UTC with microseconds: metav1.MicroTime.
[[nodiscard]] std::string format_micro_time(WallTime t);
[[nodiscard]] Result<WallTime> parse_time(std::string_view text);

/// Sleeps; returns early, with false, when told to stop.
bool sleep_for(Duration d, const std::stop_token& stop);

}  // namespace godwit
