#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "cli/verbs.hpp"
#include "http/websocket.hpp"

namespace godwit::cli {
namespace {

using std::chrono::seconds;

constexpr char leave_key = 0x1d;  // Ctrl-]
constexpr seconds reconnect_patience{15};

/// The terminal passes every key on, until the owner goes.
class RawTerminal {
 public:
  RawTerminal() : changed_{::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before_) == 0} {
    if (!changed_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  [[nodiscard]] bool is_terminal() const { return changed_; }

 private:
  termios before_{};
  bool changed_;
};

void write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

Result<std::unique_ptr<http::WebSocket>> open_console(const Session& session, const std::string& name) {
  const http::ClientOptions& options = session.client.transport().options();
  http::Request request;
  request.path = fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/console",
                             session.ns, name);
  if (!options.bearer_token.empty()) request.headers.set("authorization", "Bearer " + options.bearer_token);
  return http::connect_websocket(options.base_url, options.tls, request, "plain.kubevirt.io",
                                 Deadline::after(seconds{10}));
}

/// The guest may have moved: its console is at another host then.
Result<std::unique_ptr<http::WebSocket>> open_again(const Session& session, const std::string& name) {
  const Deadline deadline = Deadline::after(reconnect_patience);
  for (;;) {
    auto socket = open_console(session, name);
    if (socket || deadline.passed() || socket.error().code == Code::not_found) return socket;
    (void)sleep_for(std::chrono::milliseconds{200}, {});
  }
}

/// Copies between terminal and guest. True: the user has left; false: the stream ended.
bool converse(http::WebSocket& socket, bool terminal) {
  std::atomic<bool> ended = false;
  std::jthread reader{[&] {
    for (;;) {
      const auto message = socket.receive(Deadline::never());
      if (!message || !*message) break;
      write_out(**message);
    }
    ended = true;
  }};
  bool left = false;
  std::optional<Deadline> last_call;  // piped input has ended: what the guest still says is awaited for a while
  while (!ended && !left) {
    pollfd p{last_call ? -1 : STDIN_FILENO, POLLIN, 0};
    if (::poll(&p, 1, 100) > 0) {
      char bytes[1024];
      const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
      const std::string_view typed{bytes, n > 0 ? static_cast<std::size_t>(n) : 0};
      left = terminal && typed.find(leave_key) != std::string_view::npos;
      if (n <= 0)
        last_call = Deadline::after(seconds{2});
      else if (!left && !socket.send(typed))
        break;
    }
    if (last_call && last_call->passed()) left = true;
  }
  socket.close();
  return left;
}

}  // namespace

Result<> console(const Session& session, const std::string& name) {
  auto socket = open_console(session, name);
  if (!socket) return fail(socket.error());
  const RawTerminal terminal;
  if (terminal.is_terminal()) fmt::print(stderr, "Connected to {}. Ctrl-] leaves.\r\n", name);
  while (!converse(**socket, terminal.is_terminal())) {
    fmt::print(stderr, "\r\nThe stream has ended; connecting again.\r\n");
    socket = open_again(session, name);
    if (!socket) return fail(socket.error());
  }
  return {};
}

}  // namespace godwit::cli
