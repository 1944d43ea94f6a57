// One QEMU process with its two monitors. It outlives this program: the next one adopts it.
//
// Nothing here decides whether a guest may run: `cont` belongs to whoever knows the owner.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"
#include "qemu/command_line.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::qemu {

/// How a QEMU process is started. If we are root it is confined: it sees nothing of the host but reachable_paths(),
/// no network and no other process.
struct RunOptions {
  std::filesystem::path directory;  ///< of this QEMU alone; made, or taken over, for the user
  std::optional<std::pair<uid_t, gid_t>> user = std::pair<uid_t, gid_t>{107, 107};  ///< none: our own
  std::string program = "qemu-system-x86_64";
  std::vector<std::filesystem::path> cgroups = {};  ///< their directories, one a hierarchy; entered before all else
  /// Directories beside its own that the process may use, for sockets made later. Must exist.
  std::vector<std::filesystem::path> socket_directories = {};
  Duration start_timeout = std::chrono::seconds{20};  ///< until both monitors answer
};

/// How a QEMU ended.
struct MachineExit {
  std::optional<int> status = {};              ///< exit status or 128 + signal; unknown for an adopted one
  std::string last_words = {};                 ///< the last lines that it wrote to standard error
  [[nodiscard]] std::string describe() const;  ///< "QEMU ended with status 1: …"
};

/// query-status.
struct RunStatus {
  std::string state;  ///< "running", "paused", "prelaunch", "inmigrate", "postmigrate", "finish-migrate", "shutdown" …
  bool running = false;  ///< the guest's CPUs run
};

/// Both run on threads of the machine: they must not block for long, not execute commands, not destroy the machine.
struct MachineHandlers {
  std::function<void(const Event&)> on_event = {};       ///< of the in-band monitor
  std::function<void(const MachineExit&)> on_exit = {};  ///< once, when the process is dead
};

/// Where QEMU's own messages are, a line each with its time, when it runs in that directory.
[[nodiscard]] std::filesystem::path log_of(const std::filesystem::path& directory);

class Machine {
 public:
  /// Starts a stopped QEMU and connects to it. When that fails the process is killed and the error quotes its words.
  [[nodiscard]] static Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, const RunOptions& options,
                                                              MachineHandlers handlers);
  /// Takes over the QEMU that an earlier program started in the directory. Code::gone: it has ended (its last words are
  /// in the message); Code::not_found: none was ever started there. Events since then are lost: ask for the status.
  [[nodiscard]] static Result<std::unique_ptr<Machine>> adopt(const std::filesystem::path& directory,
                                                              MachineHandlers handlers, Deadline deadline);
  /// The process of that directory, dead or alive, is dead afterwards; for one that must not be adopted.
  static Result<> kill_stale(const std::filesystem::path& directory, Deadline deadline);
  /// Disconnects. QEMU lives on.
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] bool alive() const;
  /// How it ended, once it has.
  [[nodiscard]] std::optional<MachineExit> exit() const;
  [[nodiscard]] const std::filesystem::path& directory() const;
  [[nodiscard]] MachinePaths paths() const;

  /// See QmpSession. Code::unavailable when the process is dead.
  [[nodiscard]] Result<json::Value> execute(const std::string& command, const json::Value& arguments, Deadline deadline,
                                            std::span<const int> fds = {});
  [[nodiscard]] Result<json::Value> execute_oob(const std::string& command, const json::Value& arguments,
                                                Deadline deadline);

  [[nodiscard]] Result<RunStatus> status(Deadline deadline);
  /// Lets the guest's CPUs run. QEMU itself refuses nearly nothing here, not even in `inmigrate` and `postmigrate`.
  Result<> cont(Deadline deadline);
  Result<> stop(Deadline deadline);
  Result<> system_powerdown(Deadline deadline);  ///< the guest's power button
  Result<> system_reset(Deadline deadline);
  Result<> quit(Deadline deadline);             ///< orderly end of the process; the guest is not asked. Waits for it
  Result<> kill(Deadline deadline);             ///< SIGKILL; returns once it is dead
  Result<MachineExit> wait(Deadline deadline);  ///< Code::timeout when it still lives

 private:
  struct State;
  explicit Machine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace godwit::qemu
