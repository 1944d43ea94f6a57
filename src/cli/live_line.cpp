#include "cli/live_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

namespace godwit::cli {

LiveLine::LiveLine() : terminal_{::isatty(STDOUT_FILENO) == 1} {}

void LiveLine::show(std::string_view text) {
  const std::string_view phase = text.substr(0, text.find(':'));
  if (!terminal_) {
    if (phase != phase_) fmt::print("{}\n", phase);
  } else {
    winsize size{};
    const std::size_t width =
        ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
    fmt::print("\r\033[K{}", text.substr(0, width));
    shown_ = true;
  }
  std::fflush(stdout);
  phase_ = phase;
}

void LiveLine::clear() {
  if (shown_) fmt::print("\r\033[K");
  shown_ = false;
  std::fflush(stdout);
}

}  // namespace godwit::cli
