#include "outbound.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "net.hpp"

namespace godwit::guest {

using Time = std::chrono::steady_clock;

std::string Outbound::open(const std::string& address, std::uint16_t port) {
  (void)close();
  const std::lock_guard lock{mutex_};
  const int fd = connect_tcp(address, port);
  if (fd < 0) return "error connect " + address + ": " + std::strerror(errno);
  echoed_ = 0;
  longest_gap_ms_ = 0;
  state_ = "open";
  thread_ = std::jthread{[this, fd](const std::stop_token& token) { work(token, fd); }};
  return "ok " + describe();
}

void Outbound::work(const std::stop_token& stop, int fd) {
  LineStream stream{fd};
  auto last = Time::now();
  while (!stop.stop_requested()) {
    const std::string line = std::to_string(echoed_ + 1);
    const auto answer = stream.write_line(line) ? stream.read_line() : std::nullopt;
    if (answer != line && answer != line + " " + line) {  // a plain echo, or the numbered one of another guest
      state_ = "broken";
      return;
    }
    const auto now = Time::now();
    longest_gap_ms_ =
        std::max<long long>(longest_gap_ms_, std::chrono::duration_cast<std::chrono::milliseconds>(now - last).count());
    last = now;
    echoed_ += 1;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

std::string Outbound::close() {
  {
    const std::lock_guard lock{mutex_};
    const bool was_open = thread_.joinable();
    thread_ = {};
    if (was_open && state_.load() == std::string_view{"open"}) state_ = "closed";
  }
  return "ok " + describe();
}

std::string Outbound::describe() const {
  return std::string{"state="} + state_.load() + " echoed=" + std::to_string(echoed_.load()) +
         " longest_gap_ms=" + std::to_string(longest_gap_ms_.load());
}

}  // namespace godwit::guest
