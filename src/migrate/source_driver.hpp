// The source's side of one migration, executed: QEMU, the tunnel and the API, steered by the pure machine
// (handover.hpp).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "migrate/ports.hpp"

namespace godwit::migrate {

/// Files of this node's certificate (CN system:node:<name>, for both ends) and of the cluster's CA. PEM.
struct Credentials {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path ca;
};

struct SourceSpec {
  std::string migration_uid;
  std::string self;            ///< this node
  std::string target;          ///< the other node
  std::string target_address;  ///< "IP" of migrationState.targetNodeAddress
  int target_port = 0;         ///< from migrationState.targetDirectMigrationNodePorts
  Credentials credentials;
  std::filesystem::path
      directory;  ///< of this attempt, existing; sockets and the tunnel's log go there (path < 80 bytes)
  std::filesystem::path program;                      ///< this binary, to be run as `program tunnel …`
  int qemu_uid = 107;                                 ///< who must be able to connect to the tunnel's socket
  std::int64_t memory_bytes = 0;                      ///< of the guest
  std::int64_t bandwidth_limit = 0;                   ///< bytes a second; 0 = none
  int channels = 1;                                   ///< > 1: QEMU's multifd
  bool auto_converge = false;                         ///< slow the guest's CPUs down while passes don't shrink
  std::int64_t completion_timeout_per_gib = 150;      ///< seconds; see ConvergenceLimits
  std::int64_t progress_timeout = 150;                ///< seconds
  std::optional<std::int64_t> most_downtime_ms = {};  ///< of the pause; absent: ConvergenceLimits' own
  bool adopt = false;  ///< the agent restarted during this attempt: resolve what QEMU and the API say
};

struct SourcePorts {
  std::shared_ptr<QemuPort> qemu;
  std::shared_ptr<OwnershipPort> ownership;
  std::shared_ptr<NetworkPort> network;
  std::shared_ptr<ProgressSink> progress;
};

struct SourceOutcome {
  enum class End : std::uint8_t {
    succeeded,    ///< the target runs: this QEMU may be killed now (the agent does it)
    failed,       ///< the guest runs here again; `reason` says what was wrong
    cancelled,    ///< the guest runs here again
    guest_lost,   ///< this QEMU is dead and the target hadn't loaded everything
    superseded,   ///< somebody else owns the guest or nobody does: this QEMU is stale, kill it, never continue it
    interrupted,  ///< the driver was destroyed first; nothing was touched: adopt
  };
  End end = End::interrupted;
  std::string reason = {};
  Summary summary = {};
};

/// Runs on a thread of its own from construction; `on_end` is called on it once. Destruction stops the thread within a
/// second and leaves QEMU and the tunnel as they are.
class SourceDriver {
 public:
  SourceDriver(SourceSpec spec, SourcePorts ports, std::function<void(const SourceOutcome&)> on_end);
  ~SourceDriver();
  SourceDriver(const SourceDriver&) = delete;
  SourceDriver& operator=(const SourceDriver&) = delete;

  /// The VMI as the watch shows it: tells of the target's "started", of a give-back, of deletion.
  void observe(const json::Value& vmi);
  /// A QMP event of this QEMU ("MIGRATION", "STOP", …), or its death ("GODWIT_EXIT").
  void on_qemu_event(const std::string& name, const json::Value& data);
  /// The user's abort (migrationState.abortRequested). No effect after the commit.
  void cancel(std::string reason);
  /// Calls `act` (the user's unpause) and holds the switch-over back meanwhile. False, and not called: from
  /// pre-switchover until the attempt has ended.
  [[nodiscard]] bool before_switchover(const std::function<void()>& act) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace godwit::migrate
