#include "qemu/death_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace godwit::qemu {
namespace {

constexpr std::streamoff longest_tail = 2048;
constexpr std::size_t most_lines = 8;

bool readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

/// Nothing when the process isn't our child.
std::optional<int> reap(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace

std::string last_words(const std::filesystem::path& log) {
  std::ifstream file{log, std::ios::binary | std::ios::ate};
  if (!file) return {};
  const std::streamoff size = file.tellg();
  const std::streamoff begin = size > longest_tail ? size - longest_tail : 0;
  std::string tail(static_cast<std::size_t>(size - begin), '\0');
  file.seekg(begin);
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  std::vector<std::string> lines = split(trim(tail), '\n');
  if (begin > 0 && lines.size() > 1) lines.erase(lines.begin());  // cut in its middle
  for (std::string& line : lines) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && parse_time(line.substr(0, space))) line.erase(0, space + 1);
  }
  if (lines.size() > most_lines) lines.erase(lines.begin(), lines.end() - most_lines);
  return join(lines, "\n");
}

std::string MachineExit::describe() const {
  std::string text = status ? fmt::format("QEMU ended with status {}", *status) : std::string{"QEMU ended"};
  if (!last_words.empty()) text += ": " + last_words;
  return text;
}

DeathWatch::DeathWatch(UniqueFd pidfd, std::filesystem::path log, std::function<void()> before_exit,
                       std::function<void(const MachineExit&)> on_exit)
    : pidfd_{std::move(pidfd)},
      wake_{::eventfd(0, EFD_CLOEXEC)},
      log_{std::move(log)},
      before_exit_{std::move(before_exit)},
      on_exit_{std::move(on_exit)},
      thread_{[this] { run(); }} {}

DeathWatch::~DeathWatch() {
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void DeathWatch::run() {
  for (;;) {
    pollfd polled[2] = {{pidfd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    if (polled[0].revents != 0) break;
  }
  MachineExit ended;
  ended.status = reap(pidfd_.get());
  ended.last_words = last_words(log_);
  if (before_exit_) before_exit_();
  {
    const std::lock_guard lock{mutex_};
    exit_ = ended;
    changed_.notify_all();
  }
  if (on_exit_) on_exit_(ended);
}

bool DeathWatch::alive() const {
  const std::lock_guard lock{mutex_};
  return !exit_ && !readable(pidfd_.get());
}

std::optional<MachineExit> DeathWatch::exit() const {
  const std::lock_guard lock{mutex_};
  return exit_;
}

Result<MachineExit> DeathWatch::wait(Deadline deadline) {
  std::unique_lock lock{mutex_};
  const auto dead = [this] { return exit_.has_value(); };
  if (deadline.at() == Instant::max()) {
    changed_.wait(lock, dead);
  } else if (!changed_.wait_until(lock, deadline.at(), dead)) {
    return fail(Code::timeout, "QEMU still runs");
  }
  return *exit_;
}

Result<> DeathWatch::signal(int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH) {
    return fail_errno("cannot signal QEMU");
  }
  return {};
}

}  // namespace godwit::qemu
