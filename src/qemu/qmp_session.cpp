#include "qemu/qmp_session.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "qemu/qmp_line_splitter.hpp"
#include "qemu/qmp_message.hpp"
#include "qemu/qmp_socket.hpp"

namespace godwit::qemu {
struct QmpSession::State {
  QmpHandlers handlers;
  UniqueFd socket;
  UniqueFd wake;  ///< eventfd: ends the reader

  std::mutex send_mutex;  ///< one command's bytes at a time; also held while an id is given
  std::mutex mutex;       ///< guards everything below
  std::condition_variable changed;
  std::optional<Greeting> greeting;
  bool closed = false;
  std::string closed_reason;
  std::int64_t last_id = 0;
  std::map<std::int64_t, std::optional<Result<json::Value>>> pending;
  bool oob = false;

  std::jthread reader;  ///< last: ends before the rest goes

  ~State() {
    ::eventfd_write(wake.get(), 1);
    if (reader.joinable()) reader.join();
  }

  void take(QmpMessage message) {
    if (auto* event = std::get_if<Event>(&message)) {
      if (handlers.on_event) handlers.on_event(*event);
      return;
    }
    const std::lock_guard lock{mutex};
    if (auto* hello = std::get_if<Greeting>(&message)) greeting = *hello;
    if (auto* reply = std::get_if<Reply>(&message)) {
      const auto waiting = pending.find(reply->id);
      if (waiting != pending.end()) waiting->second = std::move(reply->outcome);
    }
    changed.notify_all();
  }

  /// Why the stream is over; nothing while it isn't.
  std::optional<std::string> read_some(QmpLineSplitter& splitter) {
    std::array<char, 16384> buffer;
    const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) return "the monitor's stream ended";
    if (n < 0) {
      if (errno == EINTR || errno == EAGAIN) return std::nullopt;
      return fmt::format("monitor: {}", std::strerror(errno));
    }
    auto lines = splitter.feed({buffer.data(), static_cast<std::size_t>(n)});
    if (!lines) return lines.error().message;
    for (const std::string& line : *lines) {
      auto message = parse_qmp(line);
      if (!message) return message.error().message;
      take(std::move(*message));
    }
    return std::nullopt;
  }

  void read() {
    QmpLineSplitter splitter;
    for (;;) {
      pollfd polled[2] = {{socket.get(), POLLIN, 0}, {wake.get(), POLLIN, 0}};
      if (::poll(polled, 2, -1) < 0 && errno != EINTR) return;
      if (polled[1].revents != 0) return;
      if (polled[0].revents == 0) continue;
      const auto reason = read_some(splitter);
      if (!reason) continue;
      {
        const std::lock_guard lock{mutex};
        closed = true;
        closed_reason = *reason;
        changed.notify_all();
      }
      if (handlers.on_closed) handlers.on_closed(*reason);
      return;
    }
  }

  /// Waits until `ready()` or the end of the stream; false at the deadline.
  template <class Ready>
  bool wait(std::unique_lock<std::mutex>& lock, Deadline deadline, Ready ready) {
    const auto enough = [&] { return closed || ready(); };
    if (deadline.at() == Instant::max()) {
      changed.wait(lock, enough);
      return true;
    }
    return changed.wait_until(lock, deadline.at(), enough);
  }

  Result<> await_greeting(Deadline deadline) {
    std::unique_lock lock{mutex};
    if (!wait(lock, deadline, [&] { return greeting.has_value(); })) {
      return fail(Code::timeout, "the monitor sent no greeting (another client may be connected)");
    }
    if (!greeting) return fail(Code::unavailable, closed_reason);
    return {};
  }

  Result<json::Value> execute(const std::string& command, const json::Value& arguments, Deadline deadline,
                              std::span<const int> fds, bool out_of_band) {
    if (std::this_thread::get_id() == reader.get_id()) {
      return fail(Code::internal, command + ": a monitor's handler must not execute commands");
    }
    if (fds.size() > most_fds) return fail(Code::invalid, command + ": too many descriptors");
    std::int64_t id = 0;
    {
      const std::lock_guard order{send_mutex};
      {
        const std::lock_guard lock{mutex};
        if (closed) return fail(Code::unavailable, command + ": " + closed_reason);
        id = ++last_id;
        pending.emplace(id, std::nullopt);
      }
      if (auto sent = send_all(socket.get(), write_command(command, arguments, id, out_of_band), fds, deadline);
          !sent) {
        // Half a command would spoil the next one.
        if (sent.error().code == Code::timeout) ::shutdown(socket.get(), SHUT_RDWR);
        const std::lock_guard lock{mutex};
        pending.erase(id);
        return fail(sent.error().within(command));
      }
    }
    std::unique_lock lock{mutex};
    const bool in_time = wait(lock, deadline, [&] { return pending.at(id).has_value(); });
    auto entry = pending.extract(id);
    if (entry.mapped()) {
      auto& outcome = *entry.mapped();
      if (!outcome) return fail(outcome.error().within(command));
      return std::move(*outcome);
    }
    if (!in_time) return fail(Code::timeout, command + ": QEMU did not answer in time");
    return fail(Code::unavailable, command + ": " + closed_reason);
  }
};

QmpSession::QmpSession(std::unique_ptr<State> state) : state_{std::move(state)} {}
QmpSession::~QmpSession() = default;

Result<std::unique_ptr<QmpSession>> QmpSession::connect(const std::filesystem::path& socket, QmpHandlers handlers,
                                                        Deadline deadline, bool oob) {
  auto connected = connect_to(socket, deadline);
  if (!connected) return fail(connected.error());
  auto session = over(std::move(*connected), std::move(handlers), deadline, oob);
  if (!session) return fail(session.error().within(socket.string()));
  return session;
}

Result<std::unique_ptr<QmpSession>> QmpSession::over(UniqueFd socket, QmpHandlers handlers, Deadline deadline,
                                                     bool oob) {
  auto state = std::make_unique<State>();
  state->handlers = std::move(handlers);
  state->socket = std::move(socket);
  state->wake.reset(::eventfd(0, EFD_CLOEXEC));
  if (!state->wake) return fail_errno("eventfd");
  state->reader = std::jthread{[raw = state.get()] { raw->read(); }};
  if (auto greeted = state->await_greeting(deadline); !greeted) return fail(greeted.error());
  state->oob = oob && state->greeting->oob;
  json::Object arguments;
  if (state->oob) arguments["enable"] = json::Array{"oob"};
  if (auto ready = state->execute("qmp_capabilities", arguments, deadline, {}, false); !ready) {
    return fail(ready.error());
  }
  return std::unique_ptr<QmpSession>{new QmpSession{std::move(state)}};
}

Result<json::Value> QmpSession::execute(const std::string& command, const json::Value& arguments, Deadline deadline,
                                        std::span<const int> fds) {
  return state_->execute(command, arguments, deadline, fds, false);
}

Result<json::Value> QmpSession::execute_oob(const std::string& command, const json::Value& arguments,
                                            Deadline deadline) {
  if (!state_->oob) return fail(Code::method_not_allowed, command + ": this monitor takes nothing out of band");
  return state_->execute(command, arguments, deadline, {}, true);
}

bool QmpSession::open() const {
  const std::lock_guard lock{state_->mutex};
  return !state_->closed;
}

bool QmpSession::has_oob() const { return state_->oob; }

std::string QmpSession::version() const {
  const std::lock_guard lock{state_->mutex};
  return state_->greeting->version;
}

}  // namespace godwit::qemu
