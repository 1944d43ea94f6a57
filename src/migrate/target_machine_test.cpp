// The target's pure machine, scenario by scenario; the rules are those of the design's hand-over.
#include "migrate/handover.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace godwit::migrate {
namespace {

using EK = Event::Kind;
using AK = Action::Kind;

class TargetScene {
 public:
  TargetScene() {
    state.self = "t";
    state.source = "s";
    state.migration_uid = "m1";
  }
  Actions on(Event event) { return last = step(state, event); }
  Actions observe(bool deleted = false) {
    return on(Event{.kind = EK::observed, .ownership = api, .deleted = deleted});
  }
  Actions change(Transition t, std::string self, std::string peer = {}) {
    api = *rules::apply(api, {t, std::move(self), std::move(peer), "m1"});
    return observe();
  }
  Actions write(Write outcome, bool applies) {
    EXPECT_TRUE(has(AK::write));
    if (applies) api = *rules::apply(state.known, last.back().change);
    return on(Event{.kind = EK::wrote,
                    .ownership = outcome == Write::applied ? std::optional{api} : std::nullopt,
                    .write = outcome});
  }
  [[nodiscard]] bool has(AK kind) const {
    return std::ranges::any_of(last, [kind](const Action& a) { return a.kind == kind; });
  }
  void to_loaded() {
    on(Event{.kind = EK::begin});
    EXPECT_TRUE(has(AK::prepare));
    on(Event{.kind = EK::prepared});
    change(Transition::begin_migration, "s");
    on(Event{.kind = EK::qemu, .qemu = MigrationStatus::completed});
    EXPECT_TRUE(last.empty());  // its own `completed` proves nothing
  }
  void to_marking() {
    to_loaded();
    change(Transition::commit, "s", "t");
    EXPECT_TRUE(has(AK::write_marker));
    EXPECT_FALSE(has(AK::cont));
  }
  void to_reporting() {
    to_marking();
    on(Event{.kind = EK::marked});
    EXPECT_TRUE(has(AK::cont) && has(AK::attach_network));
    on(Event{.kind = EK::continued});
    EXPECT_TRUE(has(AK::announce) && has(AK::write));
  }

  Ownership api{"u", "s", 5, "", 5};
  TargetState state;
  Actions last;
};

TEST(TargetMachine, RunsAndReports) {
  TargetScene x;
  x.to_reporting();
  x.write(Write::applied, true);
  EXPECT_EQ(x.state.end, TargetEnd::running);
  TargetScene y;  // the answer is lost
  y.to_reporting();
  y.write(Write::unknown, true);
  EXPECT_TRUE(y.has(AK::read));
  y.on(Event{.kind = EK::read, .ownership = y.api});
  EXPECT_EQ(y.state.end, TargetEnd::running);
  TargetScene z;  // the request is lost: again
  z.to_reporting();
  z.write(Write::unknown, false);
  z.on(Event{.kind = EK::read, .ownership = z.api});
  z.write(Write::applied, true);
  EXPECT_EQ(z.state.end, TargetEnd::running);
}

TEST(TargetMachine, TheCommitMayBeReadBeforeItsOwnCompleted) {
  TargetScene x;
  x.on(Event{.kind = EK::begin});
  x.on(Event{.kind = EK::prepared});
  x.change(Transition::begin_migration, "s");
  x.change(Transition::commit, "s", "t");
  EXPECT_TRUE(x.last.empty());
  x.on(Event{.kind = EK::qemu, .qemu = MigrationStatus::completed});
  EXPECT_TRUE(x.has(AK::write_marker));
}

TEST(TargetMachine, GivesBackOnlyWithoutTheMarker) {
  TargetScene x;
  x.to_marking();
  x.on(Event{.kind = EK::qemu_dead});
  x.write(Write::unknown, false);
  x.on(Event{.kind = EK::read, .ownership = x.api});
  x.write(Write::applied, true);
  EXPECT_EQ(x.state.end, TargetEnd::given_back);
  EXPECT_EQ(x.api.node_name, "s");
  TargetScene y;
  y.to_marking();
  y.on(Event{.kind = EK::marked});
  y.on(Event{.kind = EK::qemu_dead});
  EXPECT_EQ(y.state.end, TargetEnd::guest_lost);
  EXPECT_EQ(y.api.node_name, "t");
}

TEST(TargetMachine, TheAttemptIsAborted) {
  TargetScene x;
  x.to_loaded();
  x.change(Transition::abort_attempt, "s");
  EXPECT_TRUE(x.has(AK::kill));
  x.on(Event{.kind = EK::qemu_dead});
  x.on(Event{.kind = EK::read, .ownership = x.api});
  EXPECT_EQ(x.state.end, TargetEnd::abandoned);
}

// A commit may be on its way when QEMU dies: its author holds a whole guest, which must not be lost.
TEST(TargetMachine, GivesBackWhatIsCommittedToADeadQemu) {
  TargetScene x;
  x.to_loaded();
  x.on(Event{.kind = EK::qemu_dead});
  x.on(Event{.kind = EK::read, .ownership = x.api});
  EXPECT_EQ(x.state.phase, TargetPhase::bereft);
  EXPECT_TRUE(x.last.empty());
  x.change(Transition::commit, "s", "t");
  x.write(Write::applied, true);
  EXPECT_EQ(x.state.end, TargetEnd::given_back);
  EXPECT_EQ(x.api.node_name, "s");
  TargetScene y;  // the source took the mark away instead
  y.to_loaded();
  y.on(Event{.kind = EK::qemu_dead});
  y.on(Event{.kind = EK::read_failed});
  EXPECT_TRUE(y.has(AK::read));
  y.on(Event{.kind = EK::read, .ownership = y.api});
  y.change(Transition::abort_attempt, "s");
  EXPECT_EQ(y.state.end, TargetEnd::abandoned);
  TargetScene z;  // the VMI goes away
  z.to_loaded();
  z.on(Event{.kind = EK::qemu_dead});
  z.on(Event{.kind = EK::gone});
  EXPECT_EQ(z.state.end, TargetEnd::abandoned);
}

TEST(TargetMachine, SaysThatItHasEverythingWhenNoCommitComes) {
  TargetScene x;
  x.on(Event{.kind = EK::begin});
  x.on(Event{.kind = EK::prepared});
  x.change(Transition::begin_migration, "s");
  x.on(Event{.kind = EK::overdue});
  EXPECT_TRUE(x.last.empty());  // it has not
  x.on(Event{.kind = EK::qemu, .qemu = MigrationStatus::completed});
  x.on(Event{.kind = EK::overdue});
  EXPECT_TRUE(x.has(AK::report_loaded));
  x.api.loaded_uid = "m1";
  x.on(Event{.kind = EK::wrote, .ownership = x.api, .write = Write::applied});
  x.on(Event{.kind = EK::overdue});
  EXPECT_TRUE(x.last.empty());
  x.change(Transition::commit, "s", "t");
  EXPECT_TRUE(x.has(AK::write_marker));
}

TEST(TargetMachine, AnAbandoningAgentIsHeardBeforeTheCommitOnly) {
  TargetScene x;
  x.to_loaded();
  x.on(Event{.kind = EK::cancel, .reason = "failed"});
  EXPECT_TRUE(x.has(AK::read));
  x.on(Event{.kind = EK::read, .ownership = x.api});
  EXPECT_TRUE(x.has(AK::kill));
  TargetScene y;
  y.to_loaded();
  y.api = *rules::apply(y.api, {Transition::commit, "s", "t", "m1"});
  y.on(Event{.kind = EK::cancel, .reason = "failed"});
  y.on(Event{.kind = EK::read, .ownership = y.api});
  EXPECT_FALSE(y.has(AK::kill));
  EXPECT_TRUE(y.has(AK::write_marker));
}

TEST(TargetMachine, DeletionAfterTheCommitStopsTheGuest) {
  TargetScene x;
  x.to_loaded();
  x.api = *rules::apply(x.api, {Transition::commit, "s", "t", "m1"});
  x.observe(true);
  EXPECT_TRUE(x.has(AK::kill));
  EXPECT_FALSE(x.has(AK::cont));
  x.on(Event{.kind = EK::qemu_dead});
  EXPECT_EQ(x.state.end, TargetEnd::stopped);
}

TEST(TargetMachine, TakesOverAfterAFenceOnlyWithEverything) {
  TargetScene x;
  x.to_loaded();
  x.change(Transition::fence, "");
  ASSERT_TRUE(x.has(AK::write));
  x.write(Write::applied, true);
  EXPECT_TRUE(x.has(AK::write_marker));
  TargetScene y;
  y.on(Event{.kind = EK::begin});
  y.on(Event{.kind = EK::prepared});
  y.change(Transition::begin_migration, "s");
  y.change(Transition::fence, "");
  EXPECT_TRUE(y.last.empty());
}

TEST(TargetMachine, Adoption) {
  const auto adopt = [](std::string owner, bool marked, MigrationStatus status, bool running, bool marker) {
    TargetScene x;
    x.api = Ownership{"u", std::move(owner), 7, marked ? "m1" : "", 5};
    x.on(Event{.kind = EK::adopt, .ownership = x.api, .qemu = status, .running = running, .marker = marker});
    return x;
  };
  EXPECT_TRUE(adopt("s", true, MigrationStatus::completed, false, false).last.empty());
  EXPECT_TRUE(adopt("s", true, MigrationStatus::active, false, false).last.empty());
  EXPECT_TRUE(adopt("s", false, MigrationStatus::none, false, false).has(AK::prepare));
  EXPECT_TRUE(adopt("s", true, MigrationStatus::unknown, false, false).has(AK::read));
  EXPECT_TRUE(adopt("t", true, MigrationStatus::completed, false, false).has(AK::write_marker));
  EXPECT_TRUE(adopt("t", true, MigrationStatus::completed, false, true).has(AK::cont));
  EXPECT_TRUE(adopt("t", true, MigrationStatus::completed, true, true).has(AK::write));
  EXPECT_TRUE(adopt("t", true, MigrationStatus::unknown, false, false).has(AK::write));
  EXPECT_EQ(adopt("t", true, MigrationStatus::unknown, false, true).state.end, TargetEnd::guest_lost);
}

TEST(TargetMachine, AGuestThatIsToStandStillIsNotContinued) {
  for (const bool paused : {false, true}) {
    TargetScene x;
    x.to_loaded();
    x.api = *rules::apply(x.api, {Transition::commit, "s", "t", "m1"});
    x.on(Event{.kind = EK::observed, .ownership = x.api, .paused = paused});
    EXPECT_TRUE(x.has(AK::write_marker)) << "it is this host's now all the same";
    x.on(Event{.kind = EK::marked});
    EXPECT_EQ(x.has(AK::cont), !paused);
    EXPECT_EQ(x.has(AK::stay_paused), paused);
    x.on(Event{.kind = EK::continued});
    x.write(Write::applied, true);
    EXPECT_EQ(x.state.end, TargetEnd::running);
  }
}

TEST(TargetMachine, AnAgentThatComesBackKeepsAPausedGuestPaused) {
  TargetScene x;
  x.api = *rules::apply(x.api, {Transition::begin_migration, "s", {}, "m1"});
  x.api = *rules::apply(x.api, {Transition::commit, "s", "t", "m1"});
  x.on(Event{.kind = EK::adopt,
             .ownership = x.api,
             .paused = true,
             .qemu = MigrationStatus::completed,
             .running = false,
             .marker = true});
  EXPECT_TRUE(x.has(AK::stay_paused));
  EXPECT_FALSE(x.has(AK::cont));
}

}  // namespace
}  // namespace godwit::migrate
