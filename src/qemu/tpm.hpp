// swtpm: the process that is a guest's TPM. QEMU alone speaks to it, and it ends when QEMU does.
//
// QEMU carries the TPM's state to the other side of a migration; the swtpm there takes it from QEMU, whatever its state
// directory holds. A state directory that both hosts share keeps the state for the guest's next start.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

namespace godwit::qemu {

struct TpmOptions {
  std::filesystem::path directory;  ///< of the QEMU: socket, log and pid file are made there
  std::filesystem::path state;      ///< made, and given to the user, if it isn't there
  std::optional<std::pair<uid_t, gid_t>> user = {};
  bool incoming = false;                            ///< takes its state from a migration
  std::vector<std::filesystem::path> cgroups = {};  ///< QEMU's: it counts as a part of it
};

class TpmEmulator {
 public:
  /// Returns once it listens. Code::unavailable when there is no swtpm here; errors quote its words.
  [[nodiscard]] static Result<TpmEmulator> start(const TpmOptions& options, Deadline deadline);
  /// QEMU is connected to it: from now on it lives as long as QEMU. Otherwise it is killed with this object.
  void leave() { (void)process_.detach(); }

 private:
  explicit TpmEmulator(Process process) : process_{std::move(process)} {}
  Process process_;
};

/// Its command line. `releases_lock`: it knows how to hand the lock on a shared state directory over. Pure.
[[nodiscard]] std::vector<std::string> tpm_command(const TpmOptions& options, bool releases_lock);

/// Ends one that was left in that directory by a start that was broken off.
void end_tpm(const std::filesystem::path& directory);

}  // namespace godwit::qemu
