// The hand-over of a guest, pure: what each side does next on each event. Follows tests/model/*.pml, phase by phase.
//
// step() takes a state and an event and gives the new state and what to do, as data; drivers do it and report back as
// events. No I/O, no clock. Writes carry the guard of the ownership that the state knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "migrate/ports.hpp"
#include "qemu/migration.hpp"
#include "rules/ownership.hpp"

namespace godwit::migrate {

using qemu::MigrationStatus;
using rules::Change;
using rules::Ownership;
using rules::Transition;

/// Everything that can happen to either side.
struct Event {
  enum class Kind : std::uint8_t {
    begin,        ///< a new attempt
    adopt,        ///< the agent restarted: `qemu`, `ownership` and `marker` say what was found
    wrote,        ///< outcome of the last write; `ownership` when applied
    read,         ///< a linearizable read: `ownership` and `deleted`
    read_failed,  ///< no answer
    gone,         ///< the VMI no longer exists
    observed,     ///< the watch: `ownership` and `deleted`
    qemu,         ///< `qemu` was asked for just now
    qemu_dead,
    api_checked,      ///< source: `fresh`: the API answered within the last second
    cancel,           ///< source: the user's abort; target: the agent abandons the attempt. `reason`
    failed,           ///< the stream could not be set up, stalled, took too long. `reason`
    out_of_patience,  ///< the API gives no usable answer for too long while the guest is paused
    prepared,         ///< target: QEMU waits behind a listening tunnel
    marked,           ///< target: the started-marker is on disk
    continued,        ///< `cont` succeeded
    cont_failed,      ///< `reason`
    overdue,          ///< target: everything is loaded, and no commit has come for a while
  };
  Kind kind = Kind::begin;
  std::optional<Ownership> ownership = {};
  bool deleted = false;
  std::optional<bool> paused = {};  ///< with ownership: the guest's user wants it to stand still
  Write write = Write::unknown;
  MigrationStatus qemu = MigrationStatus::none;
  bool running = false;  ///< with qemu: vCPUs run
  bool marker = false;
  bool fresh = false;
  std::int64_t marked_epoch = 0;  ///< adopt, source: as kept on disk; 0 = unknown
  std::string reason = {};
};

struct Action {
  enum class Kind : std::uint8_t {
    write,         ///< the guarded write of `change` on what the state knows → wrote
    read,          ///< after a pause when `again` → read, read_failed, gone
    start_stream,  ///< source: tunnel, capabilities, migrate → qemu, failed
    check_api,     ///< source, in pre-switchover: when did the API last answer? → api_checked
    continue_switchover,
    migrate_cancel,  ///< vCPUs resume when they ran → qemu
    cont,            ///< through authorize_cont → continued, cont_failed
    stay_paused,     ///< in its place: the user wants the guest to stand still → continued
    announce,        ///< the network follows the owner: attach (before cont) and announce (after)
    attach_network,
    detach_network,
    prepare,        ///< target: capabilities, incoming, tunnel → prepared, failed
    write_marker,   ///< target → marked, failed
    kill,           ///< this QEMU → qemu_dead
    report_loaded,  ///< target: rules::report_loaded_patch → wrote
    end,            ///< the driver is done; the state says how
  };
  Kind kind = Kind::read;
  Change change = {};
  bool again = false;
  bool operator==(const Action& other) const {
    return kind == other.kind && again == other.again && change.transition == other.change.transition;
  }
};
using Actions = std::vector<Action>;

// The source ---------------------------------------------------------------------------------------------------------

enum class SourcePhase : std::uint8_t {
  idle,
  marking,
  streaming,
  switching,
  committing,
  reading,
  retracting,
  committed,
  resuming,
  ended
};
enum class SourceEnd : std::uint8_t { none, succeeded, failed, cancelled, guest_lost, superseded };

struct SourceState {
  std::string self, target, migration_uid;
  SourcePhase phase = SourcePhase::idle;
  Ownership known = {};  ///< as last read or written: the guard
  std::int64_t marked_epoch =
      0;              ///< of begin_migration: nobody may have started the guest since, or our memory is stale
  bool sent = false;  ///< a commit may be on its way
  bool rolling_back = false;
  bool checking = false;  ///< pre-switchover: the API is being asked
  bool all_sent = false;  ///< QEMU may have given everything away: the target may have it all
  bool dead = false;      ///< our QEMU
  bool paused = false;    ///< the user wants the guest to stand still
  bool cancelled = false;
  int refusals = 0;  ///< of the commit, with the guard holding
  int waits = 0;     ///< our QEMU is dead: looks for the target's report
  std::string reason = {};
  SourceEnd end = SourceEnd::none;
};

/// Advances the source. Unknown combinations change nothing.
[[nodiscard]] Actions step(SourceState& state, const Event& event);

// The target ---------------------------------------------------------------------------------------------------------

enum class TargetPhase : std::uint8_t {
  idle,
  preparing,
  waiting,
  loaded,
  marking,
  continuing,
  reporting,
  giving_back,
  killing,
  bereft,  ///< QEMU is dead, and the attempt the source's to end: by taking the mark away, or by a commit to give back
  ended
};
enum class TargetEnd : std::uint8_t { none, running, abandoned, given_back, guest_lost, stopped };

struct TargetState {
  std::string self, source, migration_uid;
  TargetPhase phase = TargetPhase::idle;
  Ownership known = {};
  bool seen_marked = false;  ///< the attempt has been under way
  bool everything = false;   ///< QEMU has loaded all
  bool marker = false;
  bool dead = false;
  bool deleted = false;
  bool paused = false;  ///< the user wants the guest to stand still
  int cont_failures = 0;
  std::string reason = {};
  TargetEnd end = TargetEnd::none;
};

[[nodiscard]] Actions step(TargetState& state, const Event& event);

// Both ---------------------------------------------------------------------------------------------------------------

/// Why somebody wants to send `cont`.
enum class ContReason : std::uint8_t {
  start,      ///< owner: a fresh QEMU that has never run
  roll_back,  ///< source, completed, before a commit
  take_back,  ///< source, completed, the target gave ownership back
  target,     ///< target, after the commit and the marker
  unpause,    ///< the user
};
struct ContRequest {
  ContReason reason = ContReason::unpause;
  std::string self = {};             ///< this node
  std::string migration_uid = {};    ///< of the attempt concerned; unpause and start: empty
  Ownership ownership = {};          ///< as last read for certain
  std::int64_t marked_epoch = 0;     ///< roll_back, take_back
  bool commit_perhaps_sent = false;  ///< roll_back
  bool marker = false;               ///< target
  std::string run_state;             ///< query-status: "paused", "postmigrate", "inmigrate" …
  MigrationStatus migration = MigrationStatus::none;
};
/// The one check before every `cont` (rule 7). Code::forbidden says why not.
[[nodiscard]] Result<> authorize_cont(const ContRequest& request);

[[nodiscard]] std::string_view name_of(SourcePhase phase);
[[nodiscard]] std::string_view name_of(TargetPhase phase);

}  // namespace godwit::migrate
