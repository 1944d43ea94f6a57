// The phases of a VirtualMachineInstanceMigration: what its controller does next, as a function of what is.
//
//   "" → Pending → Scheduling → Scheduled → PreparingTarget → TargetReady → Running → Succeeded | Failed
//
// One step at a time; the caller writes it and asks again with what the API answered, until nothing is left to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::rules {

struct MigrationView {
  const json::Value* vmim = nullptr;        ///< never null
  const json::Value* vmi = nullptr;         ///< null: it doesn't exist
  const json::Value* target_pod = nullptr;  ///< null: it doesn't exist (read for certain once it had been created)
  bool slot_free = true;                    ///< the limits let this one start
  WallTime now;
};

struct Note {
  bool warning = false;
  std::string reason;
  std::string message;
};

struct MigrationStep {
  std::string phase = {};          ///< the phase to write; "" : unchanged
  bool create_target_pod = false;  ///< before the phase is written
  bool hand_off = false;           ///< write vmi.status.migrationState, before the phase is written
  bool request_abort = false;      ///< write migrationState.abortRequested
  bool end_attempt = false;        ///< no agent will report it: write migrationState failed and completed as well
  bool delete_target_pod = false;
  bool note_abort = false;  ///< condition migrationAbortRequested
  bool remove_finalizer = false;
  bool delete_migration = false;  ///< its VMI doesn't exist any more
  bool wait_for_slot = false;
  std::optional<Duration> look_again = {};
  std::vector<Note> notes = {};  ///< events on the VMIM

  [[nodiscard]] bool nothing() const;
};

[[nodiscard]] MigrationStep next_step(const MigrationView& view);

/// Does it occupy a slot of the limits? (Scheduling … Running.)
[[nodiscard]] bool is_running_migration(const json::Value& vmim);
/// vmi.status.migrationState is this migration's.
[[nodiscard]] bool is_handed_off(const json::Value& vmi, const std::string& vmim_uid);

inline constexpr auto migration_finalizer = "kubevirt.io/migrationJobFinalize";

}  // namespace godwit::rules
