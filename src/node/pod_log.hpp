// Logs of launcher pods, what `kubectl logs` shows: what the agent does for a guest, and QEMU's own messages. They stay
// after the guest has ended, until its pod is gone.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace godwit::node {

struct LogLine {
  std::string stamp;  ///< RFC 3339 with microseconds; "" when nobody knows
  std::string text;
  bool operator==(const LogLine&) const = default;
};

/// What of a log is asked for; as the Kubernetes API has it.
struct LogSelection {
  bool follow = false;
  bool timestamps = false;
  std::optional<std::size_t> tail_lines = {};
  std::optional<WallTime> since = {};
  std::optional<std::size_t> limit_bytes = {};
};

/// "2026-12-01T10:00:00.123456Z text" apart; a line without a time has that of the line before it. Pure.
[[nodiscard]] LogLine parse_log_line(std::string_view line, const std::string& stamp_before);
/// By time; those of `first` before those of `second` at the same time. Pure.
[[nodiscard]] std::vector<LogLine> merge_by_time(std::vector<LogLine> first, std::vector<LogLine> second);
/// The lines that `since` and `tail_lines` leave. Pure.
[[nodiscard]] std::vector<LogLine> select(std::vector<LogLine> lines, const LogSelection& selection);

/// Thread-safe: lines are appended whole. Below `directory` there is one for each pod.
class PodLogs {
 public:
  explicit PodLogs(std::filesystem::path directory) : directory_{std::move(directory)} {}

  void note(const std::string& pod_uid, std::string_view text) const;
  /// Keeps QEMU's log, which goes with QEMU's directory, beside the agent's.
  void add_qemu_log(const std::string& pod_uid, const std::filesystem::path& qemu_log) const;
  void remove(const std::string& pod_uid) const;
  /// Removes the logs of all other pods.
  void keep_only(const std::set<std::string>& pod_uids) const;

  /// Gives text to `sink` until all of it is told; when following, until `is_live` says false and all is told, the sink
  /// says false, or a stop. Code::not_found when there is no log.
  [[nodiscard]] Result<> stream(const std::string& pod_uid, const LogSelection& selection,
                                const std::function<bool()>& is_live, const std::function<bool(std::string_view)>& sink,
                                const std::stop_token& stop) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace godwit::node
