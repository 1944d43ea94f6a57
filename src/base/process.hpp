// Child processes: one owner, noticed at once when they die (pidfd), never left behind by accident.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/confinement.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit {

/// How a program is to be started. A value: build it, test it, then run it.
struct ProcessSpec {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH
  std::map<std::string, std::string> extra_environment = {};
  std::optional<std::filesystem::path> stdout_file =
      {};  ///< appended; standard error follows unless stderr_file is set
  std::optional<std::filesystem::path> stderr_file = {};
  std::vector<std::pair<int, int>> inherited =
      {};  ///< our descriptor → its number in the child (all others are closed)
  std::optional<std::pair<uid_t, gid_t>> user = {};  ///< dropped to, with no supplementary groups and no_new_privs
  std::optional<int> network_namespace = {};         ///< descriptor of the namespace that the child joins
  bool own_session = false;                          ///< setsid: survives its parent's terminal and process group
  /// Directories of cgroups, one a hierarchy. The child enters them before it does anything else.
  std::vector<std::filesystem::path> cgroups = {};
  std::optional<Confinement> confinement = {};  ///< instead of network_namespace
};

/// How a process ended: its exit status, or 128 + signal.
struct Exit {
  int status = 0;
  [[nodiscard]] bool ok() const { return status == 0; }
};

/// A running child. Destruction kills it (SIGKILL) and reaps it, unless it was detached.
class Process {
 public:
  [[nodiscard]] static Result<Process> spawn(const ProcessSpec& spec);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable when the process has ended; for poll(2).
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] bool running() const;
  Result<> signal(int number) const;
  /// Waits for the end; Code::timeout when it still runs at the deadline.
  [[nodiscard]] Result<Exit> wait(Deadline deadline);
  /// Leaves it running on its own; returns its pid.
  pid_t detach();

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_{pid}, pidfd_{std::move(pidfd)} {}
  void end();
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::optional<Exit> exit_ = {};
};

/// What a finished program printed.
struct Output {
  Exit exit;
  std::string out;
  std::string err;
};

/// Runs a program to its end and collects what it prints. Code::timeout kills it.
[[nodiscard]] Result<Output> run_program(ProcessSpec spec, Deadline deadline, const std::string& input = {});
/// The same, where a non-zero exit is an error that quotes standard error.
[[nodiscard]] Result<std::string> run_checked(ProcessSpec spec, Deadline deadline, const std::string& input = {});

}  // namespace godwit
