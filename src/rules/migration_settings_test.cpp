#include "rules/migration_settings.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(std::string_view text) { return *json::parse_yaml(text); }

TEST(MigrationConfiguration, OverlaysTheDefaults) {
  const auto kubevirt =
      yaml("{spec: {configuration: {migrations: {bandwidthPerMigration: 64Mi, allowAutoConverge: true}}}}");
  const auto all = migration_configuration(&kubevirt);
  EXPECT_EQ(json::string_at(all, "/bandwidthPerMigration"), "64Mi");
  EXPECT_TRUE(json::bool_at(all, "/allowAutoConverge"));
  EXPECT_EQ(json::int_at(all, "/completionTimeoutPerGiB"), 150);
}

TEST(MigrationConfiguration, LimitsHaveKubevirtsDefaults) {
  EXPECT_EQ(migration_limits(nullptr).in_cluster, 5);
  EXPECT_EQ(migration_limits(nullptr).outbound_per_node, 2);
  const auto kubevirt = yaml("{spec: {configuration: {migrations: {parallelMigrationsPerCluster: 1}}}}");
  EXPECT_EQ(migration_limits(&kubevirt).in_cluster, 1);
  EXPECT_EQ(migration_limits(&kubevirt).outbound_per_node, 2);
}

TEST(MigrationSettings, AreReadFromWhatWasHandedOff) {
  json::Value vmi = json::Object{};
  json::set(vmi, "/status/migrationState/migrationConfiguration", migration_configuration(nullptr));
  auto settings = migration_settings(vmi);
  EXPECT_EQ(settings.bytes_per_second, 0);
  EXPECT_FALSE(settings.auto_converge);
  EXPECT_EQ(settings.completion_timeout_per_gib, 150);
  EXPECT_EQ(settings.progress_timeout, 150);
  EXPECT_FALSE(settings.most_downtime_ms);

  json::set(vmi, "/status/migrationState/migrationConfiguration",
            yaml("{bandwidthPerMigration: 64Mi, allowAutoConverge: true, completionTimeoutPerGiB: 0, "
                 "progressTimeout: 7, maxDowntimeMs: 20}"));
  settings = migration_settings(vmi);
  EXPECT_EQ(settings.bytes_per_second, 64 << 20);
  EXPECT_TRUE(settings.auto_converge);
  EXPECT_EQ(settings.completion_timeout_per_gib, 0);
  EXPECT_EQ(settings.progress_timeout, 7);
  EXPECT_EQ(settings.most_downtime_ms, 20);
}

TEST(MigrationSettings, BandwidthMayBeANumber) {
  const auto vmi = yaml("{status: {migrationState: {migrationConfiguration: {bandwidthPerMigration: 1000000}}}}");
  EXPECT_EQ(migration_settings(vmi).bytes_per_second, 1000000);
}

}  // namespace
}  // namespace godwit::rules
