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

TEST(Convergence, GivesUpWithoutProgressAndAfterTheTime) {
  ConvergenceLimits limits;
  limits.memory_bytes = std::int64_t{2} << 30;
  auto state = begin_convergence(limits);
  EXPECT_FALSE(advise(state, limits, {0, 1, 1000}).give_up);
  EXPECT_FALSE(advise(state, limits, {149000, 3, 1000}).give_up);
  EXPECT_TRUE(advise(state, limits, {151000, 4, 1000}).give_up);
  state = begin_convergence(limits);
  EXPECT_FALSE(advise(state, limits, {299000, 1, 1000}).give_up);
  EXPECT_TRUE(advise(state, limits, {301000, 2, 10}).give_up);
}

}  // namespace
}  // namespace godwit::migrate
