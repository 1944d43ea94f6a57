#include "cli/migration_view.hpp"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

json::Value migration(std::string_view status) {
  json::Value object = json::Object{{"spec", json::Object{{"vmiName", "vm1"}}}};
  json::set(object, "/status", *json::parse(status));
  return object;
}

TEST(MigrationView, TellsWhatItDoesInEachPhase) {
  EXPECT_EQ(progress_line(json::Object{}), "Pending: waiting for its turn");
  EXPECT_EQ(progress_line(migration(R"({"phase":"Scheduling"})")),
            "Scheduling: choosing a node and starting QEMU there");
  EXPECT_EQ(progress_line(migration(R"({"phase":"Running"})")), "Running");
  EXPECT_EQ(progress_line(migration(R"({"phase":"Failed"})")), "Failed");
}

TEST(MigrationView, TellsWhatIsLeft) {
  const auto running = migration(
      R"({"phase":"Running","progress":{"totalBytes":1048576,"remainingBytes":262144,"transferredBytes":2048,
          "throughputBytesPerSecond":4096,"dirtyRateBytesPerSecond":1024,"precopyRounds":2,"etaSeconds":64,
          "expectedDowntimeMs":30}})");
  EXPECT_EQ(progress_line(running),
            "Running:  75 %, 2.0 KiB sent, 256.0 KiB left, 4.0 KiB/s, the guest dirties 1.0 KiB/s, round 2, about 64 s "
            "to go, a pause of 30 ms expected");
}

TEST(MigrationView, StaysBetweenNoneAndAllWhateverTheFigures) {
  const auto odd = migration(R"({"phase":"Running","progress":{"totalBytes":10,"remainingBytes":1000}})");
  EXPECT_TRUE(progress_line(odd).starts_with("Running:   0 %")) << progress_line(odd);
}

TEST(MigrationView, SumsUp) {
  const auto done = migration(
      R"({"phase":"Succeeded","migrationState":{"sourceNode":"a","targetNode":"b"},"result":{"totalMs":500,
          "downtimeMs":12,"transferredBytes":1024,"throughputBytesPerSecond":2048,"precopyRounds":1}})");
  EXPECT_TRUE(is_over(done) && has_succeeded(done));
  EXPECT_EQ(summary_line(done),
            "vm1 moved from a to b in 500 ms: downtime 12 ms, 1.0 KiB sent at 2.0 KiB/s in 1 pre-copy round");
}

TEST(MigrationView, SumsUpWhereTheTimeWent) {
  const auto done =
      migration(R"({"phase":"Succeeded","result":{"setupMs":30,"phasesMs":{"setup":31,"copying":538,"paused":27}}})");
  EXPECT_TRUE(summary_line(done).ends_with("; setup 31 ms, copying 538 ms, paused 27 ms")) << summary_line(done);
  const auto brief = migration(R"({"phase":"Succeeded","result":{"setupMs":30}})");
  EXPECT_TRUE(summary_line(brief).ends_with("; setup 30 ms")) << summary_line(brief);
}

TEST(MigrationView, SumsUpWithoutFigures) {
  const auto done = migration(R"({"phase":"Succeeded","migrationState":{"sourceNode":"a","targetNode":"b"}})");
  EXPECT_EQ(summary_line(done), "vm1 moved from a to b");
}

}  // namespace
}  // namespace godwit::cli
