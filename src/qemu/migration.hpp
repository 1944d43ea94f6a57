// QEMU's migration commands, typed. What they mean for a hand-over is decided elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::qemu {

/// How a command gets to QEMU: Machine::execute, or a port of the caller's that forwards to it.
using Execute = std::function<Result<json::Value>(const std::string& command, const json::Value& arguments, Deadline)>;

/// The status of query-migrate and of the MIGRATION event.
enum class MigrationStatus : std::uint8_t {
  none,
  setup,
  wait_unplug,
  active,
  pre_switchover,
  device,
  postcopy_device,
  postcopy_active,
  postcopy_paused,
  postcopy_recover_setup,
  postcopy_recover,
  completed,
  cancelling,
  cancelled,
  failed,
  colo,
  unknown,  ///< a word of a newer QEMU
};
[[nodiscard]] MigrationStatus migration_status_of(std::string_view word);
[[nodiscard]] std::string_view word_of(MigrationStatus status);
/// The status that a MIGRATION event tells; nothing for other events.
[[nodiscard]] std::optional<MigrationStatus> migration_status_of(const Event& event);

/// Guest memory, in bytes unless said otherwise.
struct RamInfo {
  std::int64_t transferred = 0;  ///< over the wire, so far
  std::int64_t remaining = 0;
  std::int64_t total = 0;
  std::int64_t duplicate = 0;  ///< zero pages
  std::int64_t normal = 0;     ///< pages that were sent
  std::int64_t normal_bytes = 0;
  std::int64_t precopy_bytes = 0;
  std::int64_t postcopy_bytes = 0;
  std::int64_t downtime_bytes = 0;
  std::int64_t multifd_bytes = 0;
  std::int64_t postcopy_requests = 0;
  std::int64_t dirty_sync_count = 0;  ///< passes begun
  std::int64_t dirty_pages_rate = 0;  ///< pages a second
  std::int64_t page_size = 4096;
  double mbps = 0;  ///< megabits a second, as QEMU measured it
};

/// query-migrate, of either side. Absent figures are 0.
struct MigrationInfo {
  MigrationStatus status = MigrationStatus::none;
  RamInfo ram = {};
  std::int64_t total_ms = 0;              ///< 0 while `completed` is fresh: the final figures come a moment later
  std::int64_t downtime_ms = 0;           ///< final
  std::int64_t expected_downtime_ms = 0;  ///< while active
  std::int64_t setup_ms = 0;
  std::int64_t throttle_percent = 0;  ///< auto-converge
  std::string error_desc = {};
  std::vector<std::string> blocked_reasons = {};  ///< why this machine can't be migrated at all
  json::Value socket_address = {};                ///< where an incoming side listens: a list, or null
};
[[nodiscard]] MigrationInfo parse_migration_info(const json::Value& query_migrate);

/// Everything that matters, always sent as a whole: QEMU keeps what an earlier migration of the process had set.
struct MigrationParameters {
  std::int64_t max_bandwidth = 0;  ///< bytes a second; 0 = no limit
  std::int64_t downtime_limit_ms = 300;
  std::int64_t available_switchover_bandwidth = 0;  ///< bytes a second, for the estimate; 0 = QEMU measures
  std::int64_t max_postcopy_bandwidth = 0;
  int multifd_channels = 2;   ///< used with the capability "multifd" only; equal on both sides
  int throttle_initial = 20;  ///< auto-converge, percent
  int throttle_increment = 10;
  int max_throttle = 99;
  int announce_initial_ms = 50;  ///< the target's; rounds 0 = QEMU announces nothing by itself
  int announce_max_ms = 550;
  int announce_rounds = 0;
  int announce_step_ms = 100;
};
[[nodiscard]] json::Value to_json(const MigrationParameters& parameters);

/// What may be changed while a migration is active.
struct LiveParameters {
  std::optional<std::int64_t> max_bandwidth = {};  ///< 0 = no limit
  std::optional<std::int64_t> downtime_limit_ms = {};
  std::optional<int> throttle_initial = {};
  std::optional<int> throttle_increment = {};
};

/// The commands, over one QEMU's two monitors. Thread-safe when the two functions are.
class Migration {
 public:
  Migration(Execute in_band, Execute out_of_band) : in_band_{std::move(in_band)}, oob_{std::move(out_of_band)} {}

  // Before a migration, on both sides; "multifd" and the postcopy ones alike on both.
  /// Exactly these are on and every other one that QEMU knows is off. Code::invalid when QEMU lacks one of them.
  Result<> set_capabilities(const std::set<std::string>& enabled, Deadline deadline);
  [[nodiscard]] Result<std::set<std::string>> known_capabilities(Deadline deadline);
  Result<> set_parameters(const MigrationParameters& parameters, Deadline deadline);
  Result<> adjust(const LiveParameters& parameters, Deadline deadline);

  /// Target: listens ("unix:/path", "tcp:0.0.0.0:0"). A failure leaves the process alive, with status failed and the
  /// reason in error_desc, where QEMU can (from 9.1 on).
  Result<> incoming(const std::string& uri, Deadline deadline);
  /// Source: begins. `resume` re-enters a paused post-copy.
  Result<> migrate(const std::string& uri, Deadline deadline, bool resume = false);
  /// Never after start_postcopy: the guest would be lost. Refused here once the status says postcopy.
  Result<> cancel(Deadline deadline);
  /// Leaves pre-switchover.
  Result<> continue_from_pre_switchover(Deadline deadline);
  Result<> start_postcopy(Deadline deadline);
  [[nodiscard]] Result<MigrationInfo> query(Deadline deadline);
  /// After `completed`: queries until the final figures are there.
  [[nodiscard]] Result<MigrationInfo> query_final(Deadline deadline);

  // Out of band: they work while the in-band monitor hangs.
  Result<> yank(Deadline deadline);  ///< cuts the stream
  Result<> pause_postcopy(Deadline deadline);
  Result<> recover_postcopy(const std::string& uri, Deadline deadline);

  /// Gratuitous announcements of the guest's addresses, from all its NICs. Milliseconds.
  Result<> announce_self(int initial_ms, int max_ms, int rounds, int step_ms, Deadline deadline);

 private:
  Execute in_band_;
  Execute oob_;
};

}  // namespace godwit::qemu
