#include "node/troubles.hpp"

#include <gtest/gtest.h>

namespace godwit::node {
namespace {

using namespace std::chrono_literals;

TEST(Troubles, WhatPassesByItselfIsToldOnlyWhenItLasts) {
  Troubles troubles;
  const Instant begin{};
  EXPECT_FALSE(troubles.meet("u", "not bound yet", true, begin).tell);
  EXPECT_FALSE(troubles.meet("u", "not bound yet", true, begin + 9s).tell);
  EXPECT_TRUE(troubles.meet("u", "not bound yet", true, begin + 10s).tell);
  EXPECT_FALSE(troubles.meet("u", "not bound yet", true, begin + 60s).tell);
  EXPECT_TRUE(troubles.meet("u", "not bound yet", true, begin + 70s).tell);
}

TEST(Troubles, AnErrorIsToldAtOnceAndThenOnceAMinute) {
  Troubles troubles;
  const Instant begin{};
  int told = 0;
  for (auto at = begin; at < begin + 10min; at += 500ms)
    told += troubles.meet("u", "not found", false, at).tell ? 1 : 0;
  EXPECT_EQ(told, 10);
  EXPECT_TRUE(troubles.meet("u", "no hostPath", false, begin + 10min).tell);
  EXPECT_TRUE(troubles.meet("v", "not found", false, begin + 10min).tell);
}

TEST(Troubles, LooksAgainSoonAtFirst) {
  Troubles troubles;
  const Instant begin{};
  EXPECT_LT(troubles.meet("u", "not bound yet", true, begin).look_again, 1s);
  EXPECT_GT(troubles.meet("u", "not bound yet", true, begin + 20s).look_again, 1s);
  troubles.over("u");
  EXPECT_LT(troubles.meet("u", "not bound yet", true, begin + 30s).look_again, 1s);
}

}  // namespace
}  // namespace godwit::node
