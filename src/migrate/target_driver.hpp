// The target's side of one migration, executed: an incoming QEMU, the tunnel's listening end and the API, steered by
// the pure machine.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "migrate/ports.hpp"
#include "migrate/source_driver.hpp"

namespace godwit::migrate {

struct TargetSpec {
  std::string migration_uid;
  std::string self;        ///< this node
  std::string source;      ///< the other node: its certificate is demanded
  std::string address;     ///< where the tunnel listens
  int first_port = 49152;  ///< the tunnel takes the first free port of the range
  int last_port = 49215;
  Credentials credentials;
  std::filesystem::path
      directory;  ///< of this attempt, existing, writable for QEMU's uid (it makes its incoming socket there)
  std::filesystem::path program;  ///< this binary
  int qemu_uid = 107;
  std::int64_t bandwidth_limit = 0;
  int channels = 1;
  bool adopt = false;
};

struct TargetPorts {
  std::shared_ptr<QemuPort> qemu;  ///< started with -incoming defer -S, tap detached
  std::shared_ptr<OwnershipPort> ownership;
  std::shared_ptr<NetworkPort> network;
  std::shared_ptr<Marker> marker;
  /// JSON patch operations to go into the same write as "started" (migrationState.completed, phase, conditions …).
  std::function<json::Array()> started_extra = {};
  /// The tunnel listens on this port and QEMU waits behind it: publish the address now. Called on the driver's thread.
  std::function<void(int port)> on_listening = {};
};

struct TargetOutcome {
  enum class End : std::uint8_t {
    running,      ///< the guest runs here, "started" is written: this QEMU is the VMI's
    abandoned,    ///< the attempt ended before its commit; the QEMU was killed
    given_back,   ///< QEMU died or could not continue before it ever ran: ownership is the source's again
    guest_lost,   ///< committed and marked as started, but the QEMU is dead: fail the VMI and release
    stopped,      ///< the VMI was deleted after the commit: QEMU was killed, release follows by the agent
    interrupted,  ///< the driver was destroyed first: adopt
  };
  End end = End::interrupted;
  std::string reason = {};
};

/// Runs on a thread of its own from construction; `on_end` is called on it once. Destruction leaves QEMU and the tunnel
/// as they are.
class TargetDriver {
 public:
  TargetDriver(TargetSpec spec, TargetPorts ports, std::function<void(const TargetOutcome&)> on_end);
  ~TargetDriver();
  TargetDriver(const TargetDriver&) = delete;
  TargetDriver& operator=(const TargetDriver&) = delete;

  /// The VMI as the watch shows it: tells of the commit, of the end of the attempt, of deletion. Call it for every
  /// change.
  void observe(const json::Value& vmi);
  /// The VMI or its migration is gone.
  void abandon(std::string reason);
  void on_qemu_event(const std::string& name, const json::Value& data);
  /// May the user unpause the guest now? Refused until "started" is written.
  [[nodiscard]] bool unpause_allowed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace godwit::migrate
