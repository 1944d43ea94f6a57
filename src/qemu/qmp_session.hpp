// One connection to a QMP monitor: commands from any thread, events to a callback.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "json/value.hpp"

namespace godwit::qemu {

/// An asynchronous message of QEMU: "STOP", "RESUME", "MIGRATION" {"status": …}, "SHUTDOWN" …
struct Event {
  std::string name;
  json::Value data = json::Object{};
  WallTime timestamp = {};
};

/// Both run on the session's reader thread: they must not block for long, must not execute commands (refused with
/// Code::internal) and must not destroy the session.
struct QmpHandlers {
  std::function<void(const Event&)> on_event = {};
  /// Once, when the monitor's stream has ended or is no QMP any more; not called by the session's destruction.
  std::function<void(const std::string& reason)> on_closed = {};
};

class QmpSession {
 public:
  /// Connects to the monitor's unix socket (an absent or refusing one is tried again until the deadline), awaits the
  /// greeting and negotiates, with the capability `oob` when asked for and offered.
  /// Code::timeout: no greeting in time. Code::unavailable: the stream ended.
  [[nodiscard]] static Result<std::unique_ptr<QmpSession>> connect(const std::filesystem::path& socket,
                                                                   QmpHandlers handlers, Deadline deadline,
                                                                   bool oob = false);
  /// The same over a connected, non-blocking socket.
  [[nodiscard]] static Result<std::unique_ptr<QmpSession>> over(UniqueFd socket, QmpHandlers handlers,
                                                                Deadline deadline, bool oob = false);
  ~QmpSession();
  QmpSession(const QmpSession&) = delete;
  QmpSession& operator=(const QmpSession&) = delete;

  /// Sends a command and awaits its reply's "return". `fds` go along with it (for getfd, add-fd) and stay the caller's.
  /// Errors: not_found (no such command), invalid (QEMU's GenericError, its desc as message), timeout (the command may
  /// still take effect; its late reply is dropped), unavailable (the stream has ended).
  [[nodiscard]] Result<json::Value> execute(const std::string& command, const json::Value& arguments, Deadline deadline,
                                            std::span<const int> fds = {});
  /// The same, run by QEMU at once, ahead of whatever hangs. Code::method_not_allowed without the capability.
  [[nodiscard]] Result<json::Value> execute_oob(const std::string& command, const json::Value& arguments,
                                                Deadline deadline);
  /// False as soon as the stream has ended.
  [[nodiscard]] bool open() const;
  [[nodiscard]] bool has_oob() const;
  /// "10.0.2"
  [[nodiscard]] std::string version() const;

 private:
  struct State;
  explicit QmpSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace godwit::qemu
