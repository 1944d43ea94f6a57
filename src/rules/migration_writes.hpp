// What the migration controller writes: patches as values.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"
#include "rules/migration_phase.hpp"

namespace godwit::rules {

/// JSON patch of the VMIM's status for a step: phase with its time stamp, condition, and once final the copy of the
/// VMI's migrationState; guarded by the phase it was in. Null when the step changes nothing of it.
[[nodiscard]] json::Value migration_status_patch(const json::Value& vmim, const MigrationStep& step,
                                                 const json::Value* vmi, WallTime now);

/// JSON patch of the VMI that hands it off: guarded by uid, owner, epoch and the absence of another attempt.
/// `source_pod` is the pod of the node that runs the guest now.
[[nodiscard]] Result<json::Value> hand_off_patch(const json::Value& vmi, const json::Value& vmim,
                                                 const json::Value& target_pod, const std::string& source_pod,
                                                 const json::Value& configuration);

/// JSON patch of the VMI: abortRequested, and (`end`) the attempt's end, guarded against an attempt that has begun.
[[nodiscard]] json::Value abort_patch(const json::Value& vmi, const std::string& vmim_uid, bool abort, bool end,
                                      const std::string& reason, WallTime now);

}  // namespace godwit::rules
