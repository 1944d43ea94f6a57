// The terminal of an interactive verb: raw while it lasts, as it was afterwards.
#pragma once

#include <termios.h>

#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::cli {

/// Makes standard input raw if it is a terminal. Signals that would end the program come through `signals()` instead,
/// so that the terminal is put back first. One at a time, made before any thread.
class Terminal {
 public:
  [[nodiscard]] static Result<Terminal> enter();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  [[nodiscard]] bool interactive() const { return before_.has_value(); }
  /// Readable when SIGINT, SIGTERM or SIGHUP came.
  [[nodiscard]] int signals() const { return signals_.get(); }

 private:
  Terminal() = default;
  std::optional<termios> before_;
  UniqueFd signals_;
};

}  // namespace godwit::cli
