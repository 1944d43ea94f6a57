// The one check before every `cont`.
#include "migrate/handover.hpp"

#include <gtest/gtest.h>

namespace godwit::migrate {
namespace {

// Rule 7, over everything that the check looks at: only the owner, and never out of a hand-over.
TEST(AuthorizeCont, AStartIsOfAFreshOneThatItsOwnerHas) {
  ContRequest request{
      .reason = ContReason::start, .self = "a", .ownership = {"u", "a", 5, "", 5}, .run_state = "prelaunch"};
  EXPECT_TRUE(authorize_cont(request));
  for (const char* state : {"paused", "postmigrate", "inmigrate", "running"}) {
    request.run_state = state;
    EXPECT_FALSE(authorize_cont(request)) << state;
  }
  request.run_state = "prelaunch";
  request.ownership.node_name = "b";
  EXPECT_FALSE(authorize_cont(request));
  request.ownership = {"u", "a", 5, "m1", 5};
  EXPECT_FALSE(authorize_cont(request));
}

TEST(AuthorizeCont, OverItsDomain) {
  int allowed = 0;
  for (const auto reason : {ContReason::roll_back, ContReason::take_back, ContReason::target, ContReason::unpause})
    for (const std::string owner : {"s", "t", ""})
      for (const std::string mark : {"", "m1", "m2"})
        for (const std::string run_state : {"inmigrate", "finish-migrate", "postmigrate", "paused", "io-error",
                                            "running", "prelaunch", "shutdown", ""})
          for (const bool sent : {false, true})
            for (const bool marker : {false, true})
              for (const std::int64_t started : {1, 9})
                for (const auto status :
                     {MigrationStatus::none, MigrationStatus::active, MigrationStatus::pre_switchover,
                      MigrationStatus::device, MigrationStatus::completed}) {
                  const ContRequest r{reason,
                                      "s",
                                      reason == ContReason::unpause ? "" : "m1",
                                      {"u", owner, 5, mark, started},
                                      5,
                                      sent,
                                      marker,
                                      run_state,
                                      status};
                  if (!authorize_cont(r)) continue;
                  ++allowed;
                  EXPECT_EQ(owner, "s");
                  EXPECT_TRUE(run_state == "paused" || (run_state == "postmigrate" && reason != ContReason::unpause) ||
                              (run_state == "prelaunch" && reason == ContReason::target) ||
                              (run_state == "io-error" && reason == ContReason::unpause))
                      << run_state;
                  EXPECT_NE(status, MigrationStatus::pre_switchover);
                  EXPECT_NE(status, MigrationStatus::device);
                  if (reason == ContReason::target) EXPECT_TRUE(marker && mark == "m1");
                  if (reason == ContReason::roll_back) EXPECT_TRUE(!sent || mark != "m1");
                  if (reason == ContReason::take_back) EXPECT_NE(mark, "m1");
                  if (reason == ContReason::roll_back || reason == ContReason::take_back) EXPECT_LE(started, 5);
                  if (reason == ContReason::unpause && !mark.empty()) EXPECT_EQ(status, MigrationStatus::active);
                }
  EXPECT_GT(allowed, 10);
}

}  // namespace
}  // namespace godwit::migrate
