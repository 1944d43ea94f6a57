#include "migrate/handover.hpp"

#include <fmt/format.h>

namespace godwit::migrate {
namespace {

Failure forbid(const ContRequest& r, std::string_view why) {
  return fail(Code::forbidden,
              fmt::format("the guest must not be continued here: {} (owner \"{}\", epoch {}, run state {})", why,
                          r.ownership.node_name, r.ownership.epoch, r.run_state));
}

/// Statuses of which QEMU itself takes the guest on, or has given it away.
bool in_hand_over(MigrationStatus status) {
  switch (status) {
    case MigrationStatus::pre_switchover:
    case MigrationStatus::device:
    case MigrationStatus::postcopy_device:
    case MigrationStatus::postcopy_active:
    case MigrationStatus::postcopy_paused:
    case MigrationStatus::postcopy_recover_setup:
    case MigrationStatus::postcopy_recover:
    case MigrationStatus::cancelling: return true;
    default: return false;
  }
}

Result<> authorize_source(const ContRequest& r) {
  if (r.run_state != "postmigrate" && r.run_state != "paused") return forbid(r, "its migration has not completed");
  if (r.ownership.started_epoch > r.marked_epoch) return forbid(r, "the guest has run elsewhere since");
  const bool marked = r.ownership.migration_uid == r.migration_uid;
  if (r.reason == ContReason::roll_back && marked && r.commit_perhaps_sent)
    return forbid(r, "a commit may be on its way");
  if (r.reason == ContReason::take_back && marked) return forbid(r, "the target has not given it back");
  return {};
}

Result<> authorize_target(const ContRequest& r) {
  if (r.ownership.migration_uid != r.migration_uid) return forbid(r, "that attempt is over");
  if (!r.marker) return forbid(r, "the started-marker is not on disk");
  if (r.run_state != "paused" && r.run_state != "prelaunch") return forbid(r, "it has not loaded everything");
  return {};
}

}  // namespace

Result<> authorize_cont(const ContRequest& r) {
  if (r.self.empty() || r.ownership.node_name != r.self) return forbid(r, "this node is not its owner");
  if (r.run_state == "inmigrate" || r.run_state == "finish-migrate") return forbid(r, "its migration is under way");
  if (in_hand_over(r.migration)) return forbid(r, "its hand-over is under way");
  switch (r.reason) {
    case ContReason::roll_back:
    case ContReason::take_back: return authorize_source(r);
    case ContReason::target: return authorize_target(r);
    case ContReason::start:
      if (r.run_state != "prelaunch") return forbid(r, "it is not a fresh one");
      if (!r.ownership.migration_uid.empty()) return forbid(r, "a migration is under way");
      return {};
    case ContReason::unpause:
      if (r.run_state != "paused" && r.run_state != "io-error") return forbid(r, "it is not paused");
      // With the mark on, a target has not started yet, or a source may have completed. A source that still copies may
      // run.
      if (!r.ownership.migration_uid.empty() && r.migration != MigrationStatus::setup &&
          r.migration != MigrationStatus::active)
        return forbid(r, "its hand-over is under way");
      return {};
  }
  return forbid(r, "unknown reason");
}

std::string_view name_of(SourcePhase phase) {
  switch (phase) {
    case SourcePhase::idle: return "idle";
    case SourcePhase::marking: return "marking";
    case SourcePhase::streaming: return "streaming";
    case SourcePhase::switching: return "switching";
    case SourcePhase::committing: return "committing";
    case SourcePhase::reading: return "reading";
    case SourcePhase::retracting: return "retracting";
    case SourcePhase::committed: return "committed";
    case SourcePhase::resuming: return "resuming";
    case SourcePhase::ended: return "ended";
  }
  return "unknown";
}

std::string_view name_of(TargetPhase phase) {
  switch (phase) {
    case TargetPhase::idle: return "idle";
    case TargetPhase::preparing: return "preparing";
    case TargetPhase::waiting: return "waiting";
    case TargetPhase::loaded: return "loaded";
    case TargetPhase::marking: return "marking";
    case TargetPhase::continuing: return "continuing";
    case TargetPhase::reporting: return "reporting";
    case TargetPhase::giving_back: return "giving_back";
    case TargetPhase::killing: return "killing";
    case TargetPhase::bereft: return "bereft";
    case TargetPhase::ended: return "ended";
  }
  return "unknown";
}

}  // namespace godwit::migrate
