#include "base/clock.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>

#include <fmt/format.h>

namespace godwit {

int Deadline::poll_timeout() const {
  if (at_ == Instant::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

namespace {

std::tm utc_of(WallTime t) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(t));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return utc;
}

std::string date_and_time(const std::tm& utc) {
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace

std::string format_time(WallTime t) { return date_and_time(utc_of(t)) + "Z"; }

std::string format_micro_time(WallTime t) {
  const auto fraction =
      std::chrono::duration_cast<std::chrono::microseconds>(t - std::chrono::floor<std::chrono::seconds>(t)).count();
  return fmt::format("{}.{:06}Z", date_and_time(utc_of(t)), fraction);
}

Result<WallTime> parse_time(std::string_view text) {
  std::tm utc{};
  const std::string copy{text};
  int consumed = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
                  &utc.tm_min, &utc.tm_sec, &consumed) != 6) {
    return fail(Code::invalid, "not an RFC 3339 time: \"" + copy + "\"");
  }
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  std::string_view rest = std::string_view{copy}.substr(static_cast<std::size_t>(consumed));
  std::int64_t nanoseconds = 0;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    std::int64_t unit = 100'000'000;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      nanoseconds += (rest.front() - '0') * unit;
      unit /= 10;
      rest.remove_prefix(1);
    }
  }
  std::int64_t offset_seconds = 0;
  if (rest != "Z" && rest != "z") {
    int hours = 0;
    int minutes = 0;
    if (rest.size() != 6 || (rest.front() != '+' && rest.front() != '-') ||
        std::sscanf(std::string{rest.substr(1)}.c_str(), "%2d:%2d", &hours, &minutes) != 2) {
      return fail(Code::invalid, "not an RFC 3339 time: \"" + copy + "\"");
    }
    offset_seconds = (hours * 3600 + minutes * 60) * (rest.front() == '-' ? -1 : 1);
  }
  const WallTime whole = std::chrono::system_clock::from_time_t(timegm(&utc)) - std::chrono::seconds{offset_seconds};
  return whole + std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{nanoseconds});
}

bool sleep_for(Duration d, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock{mutex};
  wake.wait_for(lock, stop, d, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace godwit
