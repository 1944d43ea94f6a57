#include "cli/console_relay.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace godwit::cli {
namespace {

constexpr char leave_key = 0x1d;  // Ctrl-]
constexpr auto quiet_time = std::chrono::seconds{3};

bool print(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Prints what the guest says, on a thread of its own, until the stream ends.
class Printer {
 public:
  explicit Printer(http::WebSocket& socket) : socket_{socket}, thread_{[this] { run(); }} {}
  ~Printer() { socket_.close(); }
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;
  [[nodiscard]] int ended() const { return ended_.get(); }
  [[nodiscard]] bool output_closed() const { return output_closed_; }
  /// How long the guest has been quiet.
  [[nodiscard]] Duration quiet() const { return std::chrono::steady_clock::now() - last_.load(); }

 private:
  void run() {
    for (;;) {
      const auto message = socket_.receive(Deadline::never());
      if (!message || !*message) break;
      last_ = std::chrono::steady_clock::now();
      if (!print(**message)) {
        output_closed_ = true;
        break;
      }
    }
    ::eventfd_write(ended_.get(), 1);
  }

  http::WebSocket& socket_;
  UniqueFd ended_{::eventfd(0, EFD_CLOEXEC)};
  std::atomic<Instant> last_ = std::chrono::steady_clock::now();
  std::atomic<bool> output_closed_ = false;
  std::jthread thread_;  // the last: it uses all of the above
};

}  // namespace

bool ConsoleRelay::read_input() {
  char buffer[4096];
  const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n <= 0) {
    input_over_ = true;
    return !terminal_.interactive();
  }
  std::string_view bytes{buffer, static_cast<std::size_t>(n)};
  if (const auto key = bytes.find(leave_key); terminal_.interactive() && key != std::string_view::npos) return false;
  pending_ += bytes;
  return true;
}

ConsoleRelay::End ConsoleRelay::carry(http::WebSocket& socket) {
  Printer printer{socket};
  for (;;) {
    if (!pending_.empty()) {
      if (!socket.send(pending_)) return End::broken;
      pending_.clear();
    }
    pollfd watched[] = {
        {printer.ended(), POLLIN, 0}, {terminal_.signals(), POLLIN, 0}, {input_over_ ? -1 : STDIN_FILENO, POLLIN, 0}};
    if (::poll(watched, std::size(watched), input_over_ ? 100 : -1) < 0 && errno != EINTR) return End::left;
    if (watched[1].revents != 0) return End::left;
    if (watched[0].revents != 0) return printer.output_closed() ? End::left : End::broken;
    if (watched[2].revents != 0 && !read_input()) return End::left;
    if (input_over_ && pending_.empty() && printer.quiet() >= quiet_time) return End::left;
  }
}

bool ConsoleRelay::wait(Duration duration) {
  const Deadline deadline = Deadline::after(duration);
  while (!deadline.passed()) {
    // Only a person's keys are read here: a pipe can wait.
    pollfd watched[] = {{terminal_.signals(), POLLIN, 0},
                        {terminal_.interactive() && !input_over_ ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(watched, std::size(watched), deadline.poll_timeout()) < 0 && errno != EINTR) return false;
    if (watched[0].revents != 0) return false;
    if (watched[1].revents != 0 && !read_input()) return false;
  }
  return true;
}

}  // namespace godwit::cli
