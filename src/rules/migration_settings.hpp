// How migrations are done: the KubeVirt object's spec.configuration.migrations over KubeVirt's defaults. What it says
// when a migration is handed off is copied into the VMI and holds for that migration.
#pragma once

#include <cstdint>
#include <optional>

#include "json/value.hpp"

namespace godwit::rules {

/// As migrationState.migrationConfiguration: the defaults overlaid with the object's fields. `kubevirt` may be null.
[[nodiscard]] json::Value migration_configuration(const json::Value* kubevirt);

/// How many migrations may run at a time.
struct MigrationLimits {
  std::int64_t in_cluster = 5;
  std::int64_t outbound_per_node = 2;
};
[[nodiscard]] MigrationLimits migration_limits(const json::Value* kubevirt);

/// What the drivers of one migration go by.
struct MigrationSettings {
  std::int64_t bytes_per_second = 0;  ///< 0: no limit
  bool auto_converge = false;
  std::int64_t completion_timeout_per_gib = 150;  ///< seconds; 0: none
  std::int64_t progress_timeout = 150;            ///< seconds; 0: none
  std::optional<std::int64_t> most_downtime_ms;   ///< only when somebody has chosen it
};
/// Of vmi.status.migrationState.migrationConfiguration.
[[nodiscard]] MigrationSettings migration_settings(const json::Value& vmi);

}  // namespace godwit::rules
