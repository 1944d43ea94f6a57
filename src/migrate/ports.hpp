// What a migration's drivers need from the agent around them: interfaces, so that tests can stand in for all of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::migrate {

/// What became of a guarded write.
enum class Write : std::uint8_t {
  applied,
  refused,  ///< surely not applied (409, 422, or the request never left the host)
  unknown,  ///< timed out, 5xx, broken connection: it may still apply later
};

struct WriteReply {
  Write outcome = Write::unknown;
  json::Value vmi = {};  ///< the VMI after the write, when applied
  std::string message = {};
};

/// The one VMI in the API. Thread-safe.
class OwnershipPort {
 public:
  virtual ~OwnershipPort() = default;
  /// A linearizable GET. Code::not_found when the VMI is gone.
  [[nodiscard]] virtual Result<json::Value> read(Deadline deadline) = 0;
  /// A JSON patch that guards itself (rules::guarded_patch).
  [[nodiscard]] virtual WriteReply write(const json::Value& json_patch, Deadline deadline) = 0;
  /// When the API last answered anything (a watch event, a renewed lease). No switch-over starts when this is older
  /// than a second.
  [[nodiscard]] virtual Instant last_answer() = 0;
};

/// The QEMU process over its two monitors. Thread-safe.
class QemuPort {
 public:
  virtual ~QemuPort() = default;
  /// In-band command; the value is the reply's "return". Code::unavailable when the process is gone.
  [[nodiscard]] virtual Result<json::Value> execute(const std::string& command, const json::Value& arguments,
                                                    Deadline deadline) = 0;
  /// The same over the out-of-band monitor, for when the in-band one hangs (yank).
  [[nodiscard]] virtual Result<json::Value> execute_oob(const std::string& command, const json::Value& arguments,
                                                        Deadline deadline) = 0;
  [[nodiscard]] virtual bool alive() = 0;
  /// Kills the process (SIGKILL) and returns once it is dead.
  virtual Result<> kill(Deadline deadline) = 0;
};

/// The guest's network on this host: it follows the owner. Thread-safe.
class NetworkPort {
 public:
  virtual ~NetworkPort() = default;
  virtual Result<> attach() = 0;    ///< the tap joins the pod network
  virtual Result<> detach() = 0;    ///< nothing reaches or leaves the guest's tap
  virtual Result<> announce() = 0;  ///< tells the network that the guest is here (after `cont`)
};

/// The started-marker of one VMI on this host's disk: written and synced before a target's first `cont`.
class Marker {
 public:
  virtual ~Marker() = default;
  /// Does beforehand what takes time, so that writing within the guest's pause is quick. The marker isn't present yet.
  virtual Result<> prepare(const std::string& migration_uid) = 0;
  virtual Result<> write(const std::string& migration_uid) = 0;
  [[nodiscard]] virtual bool present(const std::string& migration_uid) = 0;
};

/// A migration's figures while it runs (vmim.status.progress). Bytes of guest memory; milliseconds.
struct Progress {
  std::int64_t elapsed_ms = 0;
  std::int64_t total_bytes = 0;
  std::int64_t transferred_bytes = 0;
  std::int64_t remaining_bytes = 0;
  std::int64_t dirty_rate_bytes_per_second = 0;
  std::int64_t throughput_bytes_per_second = 0;
  std::int64_t precopy_rounds = 0;
  std::int64_t eta_seconds = 0;
  std::int64_t expected_downtime_ms = 0;
  std::int64_t throttle_percent = 0;  ///< how much of their time the guest's CPUs are held (auto-converge)
};

/// Its figures at the end (vmim.status.result).
struct Summary {
  std::int64_t total_ms = 0;
  std::int64_t downtime_ms = 0;
  std::int64_t setup_ms = 0;
  std::int64_t transferred_bytes = 0;
  std::int64_t throughput_bytes_per_second = 0;
  std::int64_t precopy_rounds = 0;
  std::int64_t setup_phase_ms = 0;    ///< begin … first byte
  std::int64_t copying_phase_ms = 0;  ///< first byte … guest paused
  std::int64_t paused_phase_ms = 0;   ///< guest paused … source completed
  std::int64_t commit_phase_ms = 0;   ///< source completed … commit written
  std::int64_t resume_phase_ms = 0;   ///< commit written … "started" seen
};
[[nodiscard]] json::Value to_json(const Progress& progress);
[[nodiscard]] json::Value to_json(const Summary& summary);

/// Where progress goes. Called on the driver's thread; must not block for long.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void progress(const Progress& progress) = 0;
};

}  // namespace godwit::migrate
