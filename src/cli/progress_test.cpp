#include "cli/progress.hpp"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

TEST(Progress, IsThePhaseUntilBytesMove) {
  EXPECT_EQ(progress_line(json::Object{}), "Pending");
  EXPECT_EQ(progress_line(*json::parse(R"({"status":{"phase":"Scheduling"}})")), "Scheduling");
}

TEST(Progress, TellsWhatIsLeft) {
  const auto migration = json::parse(
      R"({"status":{"phase":"Running","progress":{"totalBytes":1048576,"remainingBytes":262144,"throughputBytesPerSecond":2048,"precopyRounds":2}}})");
  EXPECT_EQ(progress_line(*migration), "Running   75%  256.0 KiB left, 2.0 KiB/s, round 2");
}

TEST(Summary, NamesBothNodes) {
  const auto migration = json::parse(
      R"({"status":{"migrationState":{"sourceNode":"a","targetNode":"b"},"result":{"totalMs":500,"downtimeMs":12,"transferredBytes":1024,"throughputBytesPerSecond":2048,"precopyRounds":3}}})");
  EXPECT_EQ(summary_of(*migration),
            "a → b in 500 ms, downtime 12 ms; 1.0 KiB moved at 2.0 KiB/s in 3 pre-copy rounds\n");
}

}  // namespace
}  // namespace godwit::cli
