// One line that changes in place on a terminal; elsewhere a line for each new phase.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace godwit::cli {

class LiveLine {
 public:
  /// Writes to `out`, which is not closed.
  explicit LiveLine(std::FILE* out);
  ~LiveLine() { clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  /// "Phase: details". Cut to the terminal's width.
  void show(std::string_view text);
  /// A line that stays, whole; show again what follows it.
  void note(std::string_view text);
  void clear();

 private:
  std::FILE* out_;
  bool terminal_ = false;
  bool shown_ = false;
  std::string phase_;
};

}  // namespace godwit::cli
