#include "cli/live_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace godwit::cli {

LiveLine::LiveLine(std::FILE* out) : out_{out}, terminal_{::isatty(::fileno(out)) == 1} {}

void LiveLine::show(std::string_view text) {
  const std::string_view phase = text.substr(0, text.find(':'));
  if (!terminal_) {
    if (phase != phase_) fmt::print(out_, "{}\n", phase);
  } else {
    winsize size{};
    const std::size_t width =
        ::ioctl(::fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
    fmt::print(out_, "\r\033[K{}", text.substr(0, width));
    shown_ = true;
  }
  std::fflush(out_);
  phase_ = phase;
}

void LiveLine::note(std::string_view text) {
  clear();
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

void LiveLine::clear() {
  if (shown_) fmt::print(out_, "\r\033[K");
  shown_ = false;
  std::fflush(out_);
}

}  // namespace godwit::cli
