#include "node/guest_run.hpp"

#include <gtest/gtest.h>

#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using rules::GuestRequest;
using Command = RunStep::Command;
using Paused = RunStep::Paused;
using Migration = RunView::Migration;

constexpr GuestRequest all_requests[] = {GuestRequest::none, GuestRequest::pause, GuestRequest::unpause,
                                         GuestRequest::soft_reboot, GuestRequest::reset};

RunStep step(const std::string& state, bool wanted, GuestRequest pending, Migration migration = Migration::none) {
  return run_step(
      {.control = {.paused = wanted, .pending = pending, .generation = 1}, .run_state = state, .migration = migration});
}

TEST(GuestRun, NobodyTouchesAQemuInAHandOver) {
  for (const auto* state : {"running", "paused", "prelaunch", "postmigrate", "io-error", "finish-migrate"}) {
    for (const auto request : all_requests) {
      for (const bool wanted : {false, true})
        EXPECT_EQ(step(state, wanted, request, Migration::handing_over), RunStep{}) << state;
    }
  }
}

TEST(GuestRun, OnlyAnUnpauseContinuesAGuestThatStands) {
  for (const auto* state : {"paused", "prelaunch", "postmigrate", "io-error"}) {
    for (const auto request : all_requests) {
      for (const bool wanted : {false, true}) {
        const bool asked = request == GuestRequest::unpause;
        EXPECT_EQ(step(state, wanted, request).command == Command::cont, asked) << state;
        EXPECT_EQ(step(state, wanted, request).paused == Paused::no, asked) << state;
        EXPECT_TRUE(step(state, wanted, request).done);
      }
    }
  }
  EXPECT_EQ(step("io-error", false, GuestRequest::none).paused, Paused::io_error);
  EXPECT_EQ(step("paused", true, GuestRequest::none).paused, Paused::by_user);
  EXPECT_EQ(step("paused", false, GuestRequest::reset).refusal, "VMI is paused");
}

TEST(GuestRun, WhatIsWantedStopsAGuestWhateverIsRemembered) {
  for (const auto migration : {Migration::none, Migration::copying}) {
    for (const auto request : {GuestRequest::none, GuestRequest::pause})
      EXPECT_EQ(step("running", true, request, migration),
                (RunStep{.command = Command::stop, .paused = Paused::by_user, .done = true}));
    EXPECT_EQ(step("running", false, GuestRequest::unpause, migration), (RunStep{.paused = Paused::no, .done = true}));
  }
}

TEST(GuestRun, DuringTheCopyAGuestMayGoOnButNotBegin) {
  EXPECT_EQ(step("paused", false, GuestRequest::unpause, Migration::copying).command, Command::cont);
  for (const auto* state : {"prelaunch", "postmigrate"}) {
    const auto made = step(state, false, GuestRequest::unpause, Migration::copying);
    EXPECT_EQ(made.command, Command::none);
    EXPECT_FALSE(made.done);
  }
  for (const auto request : {GuestRequest::soft_reboot, GuestRequest::reset}) {
    EXPECT_EQ(step("running", false, request, Migration::copying), RunStep{.paused = Paused::no});
  }
}

TEST(GuestRun, Reboots) {
  EXPECT_EQ(step("running", false, GuestRequest::soft_reboot).command, Command::soft_reboot);
  EXPECT_EQ(step("running", false, GuestRequest::reset).command, Command::reset);
}

TEST(GuestRun, OtherStatesAreLeftAlone) {
  for (const auto* state : {"finish-migrate", "inmigrate", "shutdown", "guest-panicked", ""})
    EXPECT_EQ(step(state, true, GuestRequest::pause), RunStep{});
}

TEST(GuestRun, TellsAnOrderlyEndFromACrash) {
  const auto shutdown = [](const char* reason) {
    return end_of_event("SHUTDOWN", json::Object{{"guest", true}, {"reason", reason}});
  };
  EXPECT_EQ(shutdown("guest-shutdown"), GuestEnd::shut_down);
  EXPECT_EQ(shutdown("guest-panic"), GuestEnd::panicked);
  EXPECT_EQ(shutdown("guest-reset"), GuestEnd::none);
  EXPECT_EQ(shutdown("host-qmp-quit"), GuestEnd::none);
  EXPECT_EQ(end_of_event("GUEST_PANICKED", json::Object{{"action", "pause"}}), GuestEnd::panicked);
  EXPECT_EQ(end_of_event("RESET", json::Object{}), GuestEnd::none);
  EXPECT_EQ(end_of_run_state("shutdown"), GuestEnd::shut_down);
  EXPECT_EQ(end_of_run_state("guest-panicked"), GuestEnd::panicked);
  EXPECT_EQ(end_of_run_state("paused"), GuestEnd::none);
}

TEST(GuestRun, TheConditionsSayWhy) {
  json::Value vmi = *json::parse(R"({"status":{"conditions":[{"type":"LiveMigratable","status":"True"}]}})");
  set_paused(vmi, Paused::by_user, "t1");
  EXPECT_EQ(json::string_at(*rules::condition_of(vmi, "Paused"), "/reason"), "PausedByUser");
  EXPECT_EQ(rules::condition_status(vmi, "Ready"), "False");
  set_paused(vmi, Paused::io_error, "t2");
  EXPECT_EQ(json::string_at(*rules::condition_of(vmi, "Paused"), "/reason"), "PausedIOError");
  set_paused(vmi, Paused::unchanged, "t3");
  EXPECT_EQ(rules::condition_status(vmi, "Paused"), "True");
  set_paused(vmi, Paused::no, "t4");
  EXPECT_EQ(rules::condition_of(vmi, "Paused"), nullptr);
  EXPECT_EQ(rules::condition_status(vmi, "Ready"), "True");
  EXPECT_EQ(rules::condition_status(vmi, "LiveMigratable"), "True");
}

}  // namespace
}  // namespace godwit::node
