#include "trial/display.hpp"

#include <unistd.h>

#include <fmt/format.h>

namespace godwit::trial {

Display::Display() : terminal_{::isatty(STDERR_FILENO) == 1} {}

void Display::step(const std::string& text) {
  end_progress();
  fmt::print(stderr, "• {}\n", text);
}

void Display::progress(const std::string& text) {
  if (text == last_) return;
  if (terminal_) {
    fmt::print(stderr, "\r\033[K  {}", text);
    std::fflush(stderr);
  } else {
    fmt::print(stderr, "  {}\n", text);
  }
  last_ = text;
}

void Display::end_progress() {
  if (terminal_ && !last_.empty()) fmt::print(stderr, "\n");
  last_.clear();
}

}  // namespace godwit::trial
