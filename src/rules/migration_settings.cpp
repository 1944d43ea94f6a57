#include "rules/migration_settings.hpp"

#include <algorithm>
#include <string>

#include "rules/objects.hpp"

namespace godwit::rules {
json::Value migration_configuration(const json::Value* kubevirt) {
  json::Object configuration{{"nodeDrainTaintKey", "kubevirt.io/drain"},
                             {"parallelOutboundMigrationsPerNode", 2},
                             {"parallelMigrationsPerCluster", 5},
                             {"allowAutoConverge", false},
                             {"bandwidthPerMigration", "0"},
                             {"completionTimeoutPerGiB", 150},
                             {"progressTimeout", 150},
                             {"unsafeMigrationOverride", false},
                             {"allowPostCopy", false},
                             {"disableTLS", false}};
  if (kubevirt == nullptr) return configuration;
  for (const auto& [field, value] : json::object_at(*kubevirt, "/spec/configuration/migrations")) {
    if (!value.is_null()) configuration[field] = value;
  }
  return configuration;
}

MigrationLimits migration_limits(const json::Value* kubevirt) {
  const auto all = migration_configuration(kubevirt);
  return {.in_cluster = json::int_at(all, "/parallelMigrationsPerCluster"),
          .outbound_per_node = json::int_at(all, "/parallelOutboundMigrationsPerNode")};
}

MigrationSettings migration_settings(const json::Value& vmi) {
  const std::string at = "/status/migrationState/migrationConfiguration/";
  MigrationSettings out;
  out.bytes_per_second = std::max<std::int64_t>(bytes_at(vmi, at + "bandwidthPerMigration"), 0);
  out.auto_converge = json::bool_at(vmi, at + "allowAutoConverge");
  out.completion_timeout_per_gib = json::int_at(vmi, at + "completionTimeoutPerGiB", out.completion_timeout_per_gib);
  out.progress_timeout = json::int_at(vmi, at + "progressTimeout", out.progress_timeout);
  if (const auto most = json::int_at(vmi, at + "maxDowntimeMs"); most > 0) out.most_downtime_ms = most;
  return out;
}

}  // namespace godwit::rules
