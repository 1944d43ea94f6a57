#include "cli/terminal.hpp"

#include <sys/signalfd.h>

#include <csignal>
#include <utility>

namespace godwit::cli {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

Result<Terminal> Terminal::enter() {
  Terminal terminal;
  const sigset_t set = ending_signals();
  terminal.signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!terminal.signals_) return fail_errno("signalfd");
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  termios settings{};
  if (::tcgetattr(STDIN_FILENO, &settings) == 0) {
    termios raw = settings;
    ::cfmakeraw(&raw);
    if (::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) return fail_errno("terminal");
    terminal.before_ = settings;
  }
  return terminal;
}

Terminal::Terminal(Terminal&& other) noexcept
    : before_{std::exchange(other.before_, std::nullopt)}, signals_{std::move(other.signals_)} {}

Terminal::~Terminal() {
  if (before_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
  if (!signals_) return;
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace godwit::cli
