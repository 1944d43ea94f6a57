#include "migrate/convergence.hpp"

#include <gtest/gtest.h>

namespace godwit::migrate {
namespace {

TEST(Convergence, ShrinkingPassesKeepTheLimit) {
  const ConvergenceLimits limits;
  auto state = begin_convergence(limits);
  std::int64_t left = 1 << 30;
  for (int pass = 1; pass < 8; ++pass, left /= 2)
    EXPECT_FALSE(advise(state, limits, {pass * 1000, pass, left}).downtime_limit_ms);
  EXPECT_EQ(state.downtime_limit_ms, 50);
}

TEST(Convergence, StuckPassesRaiseItToTheMost) {
  const ConvergenceLimits limits;
  auto state = begin_convergence(limits);
  std::int64_t highest = 0;
  for (int pass = 1; pass < 12; ++pass) {
    const auto advice = advise(state, limits, {pass * 1000, pass, 400 << 20});
    if (advice.downtime_limit_ms) highest = *advice.downtime_limit_ms;
    EXPECT_FALSE(advice.give_up);
  }
  EXPECT_EQ(highest, 300);
}

TEST(Convergence, GivesUpAfterTheTimeForEachBegunGigabyte) {
  ConvergenceLimits limits;
  limits.memory_bytes = std::int64_t{1} << 30;  // a little more than 10^9: counts as two
  auto state = begin_convergence(limits);
  EXPECT_FALSE(advise(state, limits, {299000, 1, 1000}).give_up);
  const auto advice = advise(state, limits, {301000, 2, 10});
  ASSERT_TRUE(advice.give_up);
  EXPECT_EQ(*advice.give_up, "Live migration is not completed after 300 seconds and has been aborted");
}

TEST(Convergence, GivesUpWithoutProgress) {
  const ConvergenceLimits limits{.completion_timeout_per_gib = 0};
  auto state = begin_convergence(limits);
  EXPECT_FALSE(advise(state, limits, {0, 1, 1000}).give_up);
  EXPECT_FALSE(advise(state, limits, {149000, 3, 1000}).give_up);
  const auto advice = advise(state, limits, {151000, 4, 1000});
  ASSERT_TRUE(advice.give_up);
  EXPECT_EQ(*advice.give_up, "Live migration stuck for 150 seconds and has been aborted");
}

TEST(Convergence, AnyFallIsProgressEvenWhenAPassBeganWithMore) {
  const ConvergenceLimits limits{.completion_timeout_per_gib = 0};
  auto state = begin_convergence(limits);
  (void)advise(state, limits, {0, 1, 1 << 20});
  (void)advise(state, limits, {1000, 1, 10});
  for (int second = 2; second < 2000; ++second) {
    const std::int64_t left = second % 100 == 0 ? 1 << 30 : (1 << 30) - second % 100;
    EXPECT_FALSE(advise(state, limits, {second * 1000, 2, left}).give_up) << second;
  }
}

TEST(Convergence, ZeroIsNever) {
  const ConvergenceLimits limits{.completion_timeout_per_gib = 0, .progress_timeout = 0};
  auto state = begin_convergence(limits);
  EXPECT_FALSE(advise(state, limits, {0, 1, 1000}).give_up);
  EXPECT_FALSE(advise(state, limits, {1'000'000'000, 9, 1000}).give_up);
}

TEST(Convergence, AShortestPauseIsNotExceeded) {
  const ConvergenceLimits limits{.most_downtime_ms = 20};
  auto state = begin_convergence(limits);
  EXPECT_EQ(state.downtime_limit_ms, 20);
  for (int pass = 1; pass < 12; ++pass)
    EXPECT_FALSE(advise(state, limits, {pass * 1000, pass, 400 << 20}).downtime_limit_ms);
}

}  // namespace
}  // namespace godwit::migrate
