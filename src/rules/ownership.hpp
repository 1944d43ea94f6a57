// Who may run a guest: the owner, the transitions that change it, and the one rule that admission enforces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// The owner of a VMI's guest: status.nodeName and status.handover. The owner's agent alone may start or continue a
/// QEMU.
struct Ownership {
  std::string uid;                 ///< metadata.uid
  std::string node_name;           ///< status.nodeName: the owner; "" = nobody
  std::int64_t epoch = 0;          ///< raised by every transition: ends late words of earlier attempts
  std::string migration_uid;       ///< the attempt that is under way; "" = none
  std::int64_t started_epoch = 0;  ///< the epoch at which an owner last began to run the guest (claim, started)

  /// The attempt whose target has reported that it has loaded everything; no claim to the guest (report_loaded_patch).
  std::string loaded_uid = {};

  bool operator==(const Ownership&) const = default;
};

/// Reads a VMI. Code::conflict when its controller hasn't written the initial status yet.
[[nodiscard]] Result<Ownership> read_ownership(const json::Value& vmi);

/// The status that the VMI controller writes first: {phase: Pending, nodeName: "", handover: {…}}.
[[nodiscard]] json::Value initial_status();

enum class Transition : std::uint8_t {
  claim,            ///< nobody, or self without a QEMU (late writes end) → self, to start one; a new run
  release,          ///< self → nobody, once the process is dead; ends an attempt
  begin_migration,  ///< the source marks the attempt
  abort_attempt,    ///< the source takes the mark away: the opposite write, after which no commit of it can apply
  commit,           ///< source → target; the mark stays until the target has started
  started,          ///< the target has continued its QEMU (marker on disk first); takes the mark away
  give_back,        ///< target → source, only without the started-marker and with the target's process dead
  fence,            ///< a confirmed fence clears the owner; the mark stays for a target that has loaded everything
  take_over_after_fence,  ///< nobody → target of the marked attempt, which has loaded everything
};
[[nodiscard]] std::string_view name_of(Transition transition);

/// A transition with its parties.
struct Change {
  Transition transition = Transition::claim;
  std::string self;                ///< the node whose agent writes (unused by fence)
  std::string peer = {};           ///< commit: the target; give_back: the source
  std::string migration_uid = {};  ///< the attempt: needed by all but claim, release, fence
};

/// What the transition makes of it. Code::conflict when it isn't allowed from there: somebody else decided meanwhile.
[[nodiscard]] Result<Ownership> apply(const Ownership& before, const Change& change);

/// The JSON patch of the transition: tests uid, nodeName, epoch and migrationUID, then writes, then `extra` operations
/// (status fields that must change in the same write). 409 and 422 mean: not applied.
[[nodiscard]] Result<json::Value> guarded_patch(const Ownership& before, const Change& change,
                                                const json::Array& extra = {});

/// The target of the attempt that is under way says that its QEMU has everything: should the source's QEMU die now, the
/// source's agent may commit forward. Guarded as the transitions are, but the epoch stays: a commit on its way must not
/// be refused for it.
[[nodiscard]] json::Value report_loaded_patch(const Ownership& before);

/// Admission: may `user` make this change of a VMI? `before` is null for a creation. Changes of other fields are not
/// judged. Code::forbidden says which field and why.
[[nodiscard]] Result<> check_ownership_change(const json::Value& before, const json::Value& after,
                                              const std::string& user);

/// "system:node:alpha" → "alpha"; nothing for other users.
[[nodiscard]] std::optional<std::string> node_of_user(std::string_view user);

}  // namespace godwit::rules
