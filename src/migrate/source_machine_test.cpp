// The source's pure machine, scenario by scenario; the rules are those of the design's hand-over.
#include "migrate/handover.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace godwit::migrate {
namespace {

using EK = Event::Kind;
using AK = Action::Kind;

/// An API and a source's machine; events go in, actions are looked at.
class SourceScene {
 public:
  SourceScene() {
    state.self = "s";
    state.target = "t";
    state.migration_uid = "m1";
  }
  Actions on(Event event) { return last = step(state, event); }
  Actions qemu(MigrationStatus status, std::string reason = {}) {
    return on(Event{.kind = EK::qemu, .qemu = status, .reason = std::move(reason)});
  }
  Actions read() { return on(Event{.kind = EK::read, .ownership = api}); }
  Actions observe(bool deleted = false) {
    return on(Event{.kind = EK::observed, .ownership = api, .deleted = deleted});
  }
  /// Performs the write that was asked for.
  Actions write(Write outcome, bool applies) {
    EXPECT_TRUE(has(AK::write));
    const auto change = find(AK::write).change;
    if (applies) api = *rules::apply(state.known, change);
    return on(Event{.kind = EK::wrote,
                    .ownership = outcome == Write::applied ? std::optional{api} : std::nullopt,
                    .write = outcome});
  }
  Actions change(Transition t, std::string self, std::string peer = {}) {
    api = *rules::apply(api, {t, std::move(self), std::move(peer), "m1"});
    return observe();
  }
  [[nodiscard]] bool has(AK kind) const {
    return std::ranges::any_of(last, [kind](const Action& a) { return a.kind == kind; });
  }
  [[nodiscard]] Action find(AK kind) const {
    return *std::ranges::find_if(last, [kind](const Action& a) { return a.kind == kind; });
  }
  [[nodiscard]] bool writes(Transition t) const { return has(AK::write) && find(AK::write).change.transition == t; }

  void to_streaming() {
    on(Event{.kind = EK::begin, .ownership = api});
    EXPECT_TRUE(writes(Transition::begin_migration));
    write(Write::applied, true);
    EXPECT_TRUE(has(AK::start_stream));
  }
  void to_switching() {
    to_streaming();
    qemu(MigrationStatus::active);
    qemu(MigrationStatus::pre_switchover);
    EXPECT_TRUE(has(AK::check_api));
    on(Event{.kind = EK::api_checked, .fresh = true});
    EXPECT_TRUE(has(AK::continue_switchover));
  }
  void to_committing() {
    to_switching();
    qemu(MigrationStatus::device);
    qemu(MigrationStatus::completed);
    EXPECT_TRUE(writes(Transition::commit));
  }
  void ends_here(SourceEnd end) {
    read();
    EXPECT_TRUE(writes(Transition::abort_attempt));
    write(Write::applied, true);
    EXPECT_EQ(state.end, end);
    EXPECT_EQ(api.node_name, "s");
    EXPECT_EQ(api.migration_uid, "");
    EXPECT_FALSE(state.reason.empty());
  }

  Ownership api{"u", "s", 5, "", 5};
  SourceState state;
  Actions last;
};

TEST(SourceMachine, Succeeds) {
  SourceScene x;
  x.to_committing();
  x.write(Write::applied, true);
  EXPECT_TRUE(x.has(AK::detach_network));
  EXPECT_FALSE(x.has(AK::end));
  x.change(Transition::started, "t");
  EXPECT_TRUE(x.has(AK::end));
  EXPECT_EQ(x.state.end, SourceEnd::succeeded);
}

TEST(SourceMachine, FailuresBeforeTheCommitLeaveTheGuestAndTakeTheMarkAway) {
  for (const auto status : {MigrationStatus::failed, MigrationStatus::cancelled}) {
    SourceScene x;
    x.to_streaming();
    x.qemu(status, "why");
    EXPECT_FALSE(x.has(AK::cont));
    x.ends_here(SourceEnd::failed);
    SourceScene y;  // the last acknowledgement is lost: QEMU resumes by itself, whatever the target has
    y.to_switching();
    y.qemu(status, "why");
    EXPECT_FALSE(y.has(AK::cont));
    y.ends_here(SourceEnd::failed);
  }
}

TEST(SourceMachine, CancelInEachPhase) {
  const Event cancel{.kind = EK::cancel, .reason = "the user"};
  SourceScene idle;
  idle.on(cancel);
  EXPECT_EQ(idle.state.end, SourceEnd::cancelled);

  SourceScene marking;
  marking.on(Event{.kind = EK::begin, .ownership = marking.api});
  auto pending = marking.last;
  marking.on(cancel);
  marking.last = pending;
  marking.write(Write::applied, true);
  EXPECT_FALSE(marking.has(AK::start_stream));
  marking.ends_here(SourceEnd::cancelled);

  for (const bool switching : {false, true}) {
    SourceScene x;
    if (switching)
      x.to_switching();
    else
      x.to_streaming();
    x.on(cancel);
    EXPECT_TRUE(x.has(AK::migrate_cancel));
    x.qemu(MigrationStatus::cancelled);
    x.ends_here(SourceEnd::cancelled);
  }

  SourceScene committed;
  committed.to_committing();
  committed.write(Write::applied, true);
  committed.on(cancel);
  EXPECT_TRUE(committed.last.empty());
  committed.change(Transition::started, "t");
  EXPECT_EQ(committed.state.end, SourceEnd::succeeded);
}

TEST(SourceMachine, ACancelThatComesTooLateForQemuIsStillBeforeTheCommit) {
  SourceScene x;
  x.to_switching();
  x.on(Event{.kind = EK::cancel, .reason = "the user"});
  x.qemu(MigrationStatus::completed);
  EXPECT_FALSE(x.has(AK::write));
  EXPECT_TRUE(x.has(AK::cont));
  x.on(Event{.kind = EK::continued});
  x.ends_here(SourceEnd::cancelled);
}

TEST(SourceMachine, DeletionBeforeTheCommitCancels) {
  SourceScene x;
  x.to_streaming();
  x.observe(true);
  EXPECT_TRUE(x.has(AK::migrate_cancel));
  x.qemu(MigrationStatus::cancelled);
  x.ends_here(SourceEnd::cancelled);
}

TEST(SourceMachine, NoSwitchOverWithoutTheApi) {
  SourceScene x;
  x.to_streaming();
  x.qemu(MigrationStatus::pre_switchover);
  x.on(Event{.kind = EK::api_checked, .fresh = false});
  EXPECT_TRUE(x.has(AK::migrate_cancel));
  EXPECT_FALSE(x.has(AK::continue_switchover));
  x.qemu(MigrationStatus::cancelled);
  x.ends_here(SourceEnd::failed);
}

TEST(SourceMachine, ACommitOfUnknownOutcomeIsReadBeforeItIsRepeated) {
  for (const bool applied : {true, false}) {
    SourceScene x;
    x.to_committing();
    x.write(Write::unknown, applied);
    EXPECT_TRUE(x.has(AK::read));
    x.on(Event{.kind = EK::read_failed});
    EXPECT_TRUE(x.has(AK::read));
    // However long it takes: a commit may be on its way, so the guest stays paused.
    x.on(Event{.kind = EK::out_of_patience});
    EXPECT_FALSE(x.has(AK::cont));
    x.read();
    EXPECT_FALSE(x.has(AK::cont));
    if (applied) {
      EXPECT_EQ(x.state.phase, SourcePhase::committed);
    } else {
      EXPECT_TRUE(x.writes(Transition::abort_attempt));
      x.write(Write::applied, true);
      EXPECT_TRUE(x.has(AK::cont));
    }
  }
}

TEST(SourceMachine, TheOppositeWriteMayItselfBeOfUnknownOutcome) {
  SourceScene x;
  x.to_committing();
  x.write(Write::unknown, false);
  x.on(Event{.kind = EK::out_of_patience});
  x.read();
  EXPECT_TRUE(x.writes(Transition::abort_attempt));
  x.write(Write::unknown, true);
  EXPECT_FALSE(x.has(AK::cont));
  x.read();
  EXPECT_TRUE(x.has(AK::cont));  // the mark is gone: no commit can apply any more
}

TEST(SourceMachine, ACommitThatNeverLeftNeedsNoOppositeWrite) {
  SourceScene x;
  x.to_committing();
  x.write(Write::refused, false);
  x.on(Event{.kind = EK::read_failed});
  EXPECT_FALSE(x.has(AK::cont));
  x.on(Event{.kind = EK::out_of_patience});
  EXPECT_TRUE(x.has(AK::cont));
  x.on(Event{.kind = EK::continued});
  EXPECT_TRUE(x.has(AK::announce));
  x.ends_here(SourceEnd::failed);
}

TEST(SourceMachine, GivenBack) {
  SourceScene x;
  x.to_committing();
  x.write(Write::applied, true);
  x.change(Transition::give_back, "t", "s");
  EXPECT_TRUE(x.has(AK::attach_network));
  EXPECT_TRUE(x.has(AK::cont));
  x.on(Event{.kind = EK::continued});
  EXPECT_EQ(x.state.end, SourceEnd::failed);
}

TEST(SourceMachine, AStaleCopyIsNeverResumed) {
  SourceScene x;
  x.to_committing();
  x.write(Write::applied, true);
  x.change(Transition::release, "t");
  EXPECT_EQ(x.state.end, SourceEnd::superseded);
  SourceScene y;  // everything between was missed: the guest has run elsewhere and is ours again by claim
  y.to_committing();
  y.write(Write::applied, true);
  y.api = *rules::apply(y.api, {Transition::release, "t"});
  y.api = *rules::apply(y.api, {Transition::claim, "s"});
  y.observe();
  EXPECT_FALSE(y.has(AK::cont));
  EXPECT_EQ(y.state.end, SourceEnd::guest_lost);
}

TEST(SourceMachine, QemuDies) {
  SourceScene x;
  x.to_streaming();
  x.on(Event{.kind = EK::qemu_dead});
  x.ends_here(SourceEnd::guest_lost);
  EXPECT_EQ(x.state.waits, 0);  // it has not given everything away
  SourceScene y;                // rule 5: forward, since the target has everything
  y.to_switching();
  y.on(Event{.kind = EK::qemu_dead});
  y.api.loaded_uid = "m0";  // of an earlier attempt
  y.read();
  EXPECT_TRUE(y.has(AK::read));
  y.api.loaded_uid = "m1";
  y.read();
  EXPECT_TRUE(y.writes(Transition::commit));
  y.write(Write::applied, true);
  y.change(Transition::started, "t");
  EXPECT_EQ(y.state.end, SourceEnd::succeeded);
}

TEST(SourceMachine, ATargetThatDoesNotReportIsNotWaitedForForEver) {
  SourceScene x;
  x.to_committing();
  x.on(Event{.kind = EK::qemu_dead});
  x.on(Event{.kind = EK::wrote, .write = Write::unknown});  // the answer decides
  x.read();
  EXPECT_TRUE(x.has(AK::read));
  for (int i = 0; i < 100 && !x.writes(Transition::abort_attempt); ++i) x.read();
  EXPECT_TRUE(x.writes(Transition::abort_attempt));
  x.write(Write::applied, true);
  EXPECT_EQ(x.state.end, SourceEnd::guest_lost);
}

TEST(SourceMachine, AnAgentThatFindsItsQemuDeadCommitsForwardToo) {
  SourceScene x;
  x.api.migration_uid = x.api.loaded_uid = "m1";
  x.on(Event{.kind = EK::adopt, .ownership = x.api, .qemu = MigrationStatus::unknown, .marked_epoch = 5});
  x.read();
  EXPECT_TRUE(x.writes(Transition::commit));
}

TEST(SourceMachine, AdoptionNeverConcludesFromPausedToRunning) {
  const auto adopt = [](MigrationStatus status, bool marked, std::string owner) {
    SourceScene x;
    x.api.migration_uid = marked ? "m1" : "";
    x.api.node_name = std::move(owner);
    x.on(Event{.kind = EK::adopt, .ownership = x.api, .qemu = status, .marked_epoch = 5});
    EXPECT_FALSE(x.has(AK::cont));
    return x;
  };
  EXPECT_TRUE(adopt(MigrationStatus::pre_switchover, true, "s").has(AK::migrate_cancel));
  EXPECT_EQ(adopt(MigrationStatus::device, true, "s").state.phase, SourcePhase::switching);
  EXPECT_EQ(adopt(MigrationStatus::active, true, "s").state.phase, SourcePhase::streaming);
  EXPECT_TRUE(adopt(MigrationStatus::active, false, "s").has(AK::migrate_cancel));
  EXPECT_EQ(adopt(MigrationStatus::completed, true, "t").state.phase, SourcePhase::committed);
  EXPECT_EQ(adopt(MigrationStatus::completed, false, "t").state.end, SourceEnd::superseded);
  auto completed = adopt(MigrationStatus::completed, true, "s");
  EXPECT_TRUE(completed.state.sent);
  completed.read();
  EXPECT_TRUE(completed.writes(Transition::commit));
}

TEST(SourceMachine, APausedGuestThatComesBackStaysPaused) {
  for (const bool paused : {false, true}) {
    SourceScene x;
    x.to_switching();
    x.on(Event{.kind = EK::observed, .ownership = x.api, .paused = paused});
    x.on(Event{.kind = EK::cancel, .reason = "enough"});
    x.qemu(MigrationStatus::completed);  // too late for QEMU, not for us
    EXPECT_TRUE(x.has(AK::attach_network));
    EXPECT_EQ(x.has(AK::cont), !paused);
    EXPECT_EQ(x.has(AK::stay_paused), paused);
  }
}

}  // namespace
}  // namespace godwit::migrate
