// What the agent says of its guests in a VMI's status. Pure edits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "json/value.hpp"
#include "node/guest_plan.hpp"
#include "node/instance_record.hpp"

namespace godwit::node {

struct RunningGuest {
  const InstanceRecord& record;
  const std::string& node;
};

/// Phase Running, Ready, interfaces with their addresses, the pod, labels.
void set_running(json::Value& vmi, const RunningGuest& guest, WallTime now);
/// Final phase and conditions of a guest that has ended.
void set_ended(json::Value& vmi, bool succeeded, std::string_view reason, WallTime now);

/// JSON patch operations that go into the same write as "started": the migration is complete.
[[nodiscard]] json::Array migration_completed(WallTime now);
/// migrationState of an attempt that ended with the guest still here.
void set_migration_failed(json::Value& vmi, const std::string& migration_uid, std::string_view reason, bool aborted,
                          WallTime now);

}  // namespace godwit::node
