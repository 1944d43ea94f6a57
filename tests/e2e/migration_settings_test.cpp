// What the KubeVirt object says of migrations is what they do.
#include <fmt/format.h>

#include <thread>

#include "e2e/cluster_fixture.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

constexpr std::int64_t share = 16 << 20;  // bytes a second

class MigrationSettingsTest : public GuestTest {
 protected:
  void TearDown() override {
    if (ClusterEnvironment::instance().usable()) set_migrations("null");
    GuestTest::TearDown();
  }

  void set_migrations(const std::string& settings) const {
    const auto patch = json::parse(fmt::format(R"({{"spec":{{"configuration":{{"migrations":{}}}}}}})", settings));
    const auto done = client().patch(kubevirts, {.ns = "kubevirt", .name = "kubevirt"}, kube::PatchType::merge, *patch);
    EXPECT_TRUE(done) << done.error().message;
    (void)sleep_for(std::chrono::milliseconds{300}, {});  // the controller reads it from its watch
  }
};

/// The guest dirties memory faster than its share of the link carries it.
TEST_F(MigrationSettingsTest, ShareTimeoutAndAutoConverge) {
  boot("governed");
  (void)tell("dirty 30 60");
  const std::string home = node();
  set_migrations(R"({"parallelMigrationsPerCluster":0})");
  auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  (void)sleep_for(std::chrono::seconds{1}, {});
  const auto waiting = client().get(virtual_machine_instance_migrations, *migration);
  ASSERT_TRUE(waiting) << waiting.error().message;
  EXPECT_EQ(json::string_at(*waiting, "/status/phase"), "Pending");
  // The wider limit lets it go by itself; the rest is read at its hand-off.
  set_migrations(
      fmt::format(R"({{"parallelMigrationsPerCluster":5,"bandwidthPerMigration":"{}Mi","completionTimeoutPerGiB":12}})",
                  share >> 20));
  json::Value ended = wait_for_end(*migration);
  EXPECT_EQ(json::string_at(ended, "/status/phase"), "Failed");
  EXPECT_EQ(json::string_at(ended, "/status/migrationState/failureReason"),
            "Live migration is not completed after 12 seconds and has been aborted");
  EXPECT_EQ(node(), home);
  expect_guest_intact();

  set_migrations(fmt::format(R"({{"bandwidthPerMigration":"{}Mi","allowAutoConverge":true,
                                  "completionTimeoutPerGiB":60}})",
                             share >> 20));
  migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  std::int64_t held = 0;
  EXPECT_TRUE(eventually([&] {
    const auto now = client().get(virtual_machine_instance_migrations, *migration);
    held = std::max(held, json::int_at(*now, "/status/progress/throttlePercent"));
    return held > 0 || json::string_at(*now, "/status/phase") == "Failed";
  }));
  EXPECT_GE(held, 50);
  // The dirtier makes up for lost time, so that no throttle stops it; whoever relents now is the guest.
  EXPECT_EQ(tell("dirty stop").at("errors"), "0");
  ended = wait_for_end(*migration);
  EXPECT_EQ(json::string_at(ended, "/status/phase"), "Succeeded") << json::write_pretty(ended);
  EXPECT_NE(node(), home);
  std::int64_t copying = 0;
  ASSERT_TRUE(eventually([&] {  // the source reports its figures last
    ended = client().get(virtual_machine_instance_migrations, *migration).value_or(ended);
    return (copying = json::int_at(ended, "/status/result/phasesMs/copying")) > 0;
  }));
  const auto rate = json::int_at(ended, "/status/result/transferredBytes") * 1000 / copying;
  EXPECT_LT(rate, share * 5 / 4);
  EXPECT_GT(rate, share / 2);
  RecordProperty("bytes_per_second", std::to_string(rate));
  expect_guest_intact();
}

}  // namespace
}  // namespace godwit
