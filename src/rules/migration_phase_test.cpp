#include "rules/migration_phase.hpp"

#include <gtest/gtest.h>

#include "json/patch.hpp"
#include "json/yaml.hpp"
#include "rules/migration_writes.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

class MigrationPhaseTest : public testing::Test {
 protected:
  json::Value vmim = yaml(
      "{metadata: {name: m, namespace: ns, uid: M, resourceVersion: '7', finalizers: "
      "[kubevirt.io/migrationJobFinalize]}, spec: {vmiName: v}}");
  json::Value vmi = yaml(
      "{metadata: {name: v, namespace: ns, uid: V}, status: {phase: Running, nodeName: a, handover: {epoch: 1, "
      "migrationUID: '', startedEpoch: 1}}}");
  json::Value pod = yaml(
      "{metadata: {name: t, namespace: ns, uid: T, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {nodeName: b}, "
      "status: {phase: Pending}}");
  WallTime now = parse_time("2026-01-01T00:00:10Z").value();

  MigrationStep step(bool with_pod = true, bool with_vmi = true, bool slot = true) {
    return next_step({&vmim, with_vmi ? &vmi : nullptr, with_pod ? &pod : nullptr, slot, now});
  }
  void phase(const std::string& name) { json::set(vmim, "/status/phase", json::Value(name)); }
  void handed_off() {
    const auto patch = hand_off_patch(vmi, vmim, pod, "s", json::Object{}).value();
    vmi = json::json_patch(vmi, patch).value();
  }
  void compute_runs() {
    json::set(pod, "/status", yaml("{phase: Running, containerStatuses: [{name: compute, state: {running: {}}}]}"));
  }
  static std::string message(const MigrationStep& s) { return s.notes.empty() ? "" : s.notes.front().message; }
  void fails_with(const MigrationStep& s, const std::string& text) {
    EXPECT_EQ(s.phase, "Failed");
    EXPECT_EQ(message(s), text);
    ASSERT_FALSE(s.notes.empty());
    EXPECT_EQ(s.notes.front().reason, "FailedMigration");
    EXPECT_TRUE(s.notes.front().warning);
  }
};

TEST_F(MigrationPhaseTest, GoesThroughAllPhases) {
  EXPECT_EQ(step(false).phase, "Pending");
  phase("Pending");
  EXPECT_TRUE(step(false).create_target_pod);
  EXPECT_EQ(step(false).phase, "Scheduling");
  phase("Scheduling");
  EXPECT_EQ(step().phase, "");
  compute_runs();
  EXPECT_EQ(step().phase, "Scheduled");
  phase("Scheduled");
  EXPECT_TRUE(step().hand_off);
  EXPECT_EQ(step().phase, "PreparingTarget");
  handed_off();
  EXPECT_FALSE(step().hand_off);
  phase("PreparingTarget");
  EXPECT_TRUE(step().nothing());
  json::set(vmi, "/status/migrationState/targetNodeAddress", "1.2.3.4");
  EXPECT_EQ(step().phase, "TargetReady");
  phase("TargetReady");
  EXPECT_TRUE(step().nothing());
  json::set(vmi, "/status/migrationState/startTimestamp", "2026-01-01T00:00:00Z");
  EXPECT_EQ(step().phase, "Running");
  phase("Running");
  EXPECT_TRUE(step().nothing());
  json::set(vmi, "/status/migrationState/completed", true);
  EXPECT_EQ(step().phase, "Succeeded");
  phase("Succeeded");
  EXPECT_TRUE(step().remove_finalizer);
}

TEST_F(MigrationPhaseTest, ACompletedOneCatchesUpWhateverTheAgentsSkipped) {
  compute_runs();
  handed_off();
  json::set(vmi, "/status/migrationState/completed", true);
  json::set(vmi, "/status/phase", "Succeeded");  // the guest has shut down on the target since
  json::set(pod, "/status/phase", "Succeeded");
  for (const auto* next : {"TargetReady", "Running", "Succeeded"}) {
    phase(next == std::string{"TargetReady"} ? "PreparingTarget" : phase_of(vmim));
    EXPECT_EQ(step().phase, next);
    phase(next);
  }
}

TEST_F(MigrationPhaseTest, WaitsInPending) {
  phase("Pending");
  EXPECT_TRUE(step(false, true, false).wait_for_slot);
  json::set(vmi, "/status/phase", "Scheduling");
  EXPECT_TRUE(step(false).nothing());
  json::set(vmi, "/status/phase", "Running");
  json::set(vmi, "/status/handover/migrationUID", "earlier");
  EXPECT_TRUE(step(false).nothing());
}

TEST_F(MigrationPhaseTest, FailsWithTheVmi) {
  phase("Scheduling");
  fails_with(step(true, false), "Migration failed because vmi does not exist.");
  json::set(vmi, "/status/phase", "Failed");
  fails_with(step(), "Migration failed vmi shutdown during migration.");
  EXPECT_TRUE(step().delete_target_pod);
}

TEST_F(MigrationPhaseTest, OnlyOneMigrationAtATime) {
  json::set(vmi, "/status/migrationState/migrationUid", "other");
  fails_with(step(false), "VMI is not eligible for migration because another migration job is in progress.");
  json::set(vmi, "/status/migrationState/completed", true);
  EXPECT_EQ(step(false).phase, "Pending");
}

TEST_F(MigrationPhaseTest, CancelledBeforeTheHandOff) {
  phase("Scheduling");
  json::set(vmim, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
  fails_with(step(), "Migration failed due to being canceled");
  EXPECT_TRUE(step().note_abort);
  EXPECT_TRUE(step().delete_target_pod);
}

TEST_F(MigrationPhaseTest, CancelledAfterTheHandOff) {
  compute_runs();
  handed_off();
  phase("PreparingTarget");
  json::set(vmim, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
  EXPECT_TRUE(step().request_abort);
  EXPECT_TRUE(step().end_attempt);  // no source has begun: nobody else would
  EXPECT_EQ(step().phase, "");
  json::set(vmi, "/status/handover/migrationUID", "M");
  EXPECT_TRUE(step().request_abort);
  EXPECT_FALSE(step().end_attempt);  // the source's agent will say how it ended
  json::set(vmi, "/status/migrationState/abortRequested", true);
  json::set(vmim, "/status/conditions", yaml("[{type: migrationAbortRequested, status: 'True'}]"));
  EXPECT_TRUE(step().nothing());
  json::set(vmi, "/status/migrationState/failed", true);
  json::set(vmi, "/status/migrationState/failureReason", "Live migration has been aborted");
  json::set(vmi, "/status/handover/migrationUID", "");
  fails_with(step(), "source node reported migration failed: Live migration has been aborted");
}

TEST_F(MigrationPhaseTest, LosesItsTargetPod) {
  phase("Scheduling");
  fails_with(step(false), "Migration target pod was removed during active migration.");
  json::set(pod, "/status/phase", "Failed");
  fails_with(step(), "Migration failed because target pod shutdown during migration");
  EXPECT_FALSE(step().end_attempt);
  handed_off();
  phase("PreparingTarget");
  EXPECT_TRUE(step().end_attempt);
  json::set(vmi, "/status/handover/migrationUID", "M");  // under way: only the agents know how it ends
  EXPECT_TRUE(step().nothing());
  json::set(vmi, "/status/handover/migrationUID", "");  // given back, and the source has not said yet why
  EXPECT_TRUE(step().end_attempt);
  json::set(vmi, "/status/migrationState/startTimestamp", "2026-01-01T00:00:00Z");
  EXPECT_TRUE(step().nothing());
}

TEST_F(MigrationPhaseTest, LosesItsState) {
  compute_runs();
  phase("TargetReady");
  fails_with(step(), "VMI's migration state was cleared during the active migration.");
  json::set(vmi, "/status/migrationState/migrationUid", "other");
  fails_with(step(), "VMI's migration state was taken over by another migration job during active migration.");
}

TEST_F(MigrationPhaseTest, UnschedulableTargetTimesOut) {
  phase("Scheduling");
  json::set(pod, "/status/conditions", yaml("[{type: PodScheduled, status: 'False', reason: Unschedulable}]"));
  EXPECT_EQ(message(step()), "Migration target pod for VMI [ns/v] is currently unschedulable.");
  json::set(pod, "/status/conditions/0/message", "0/2 nodes are available.");
  EXPECT_EQ(message(step()),
            "Migration target pod for VMI [ns/v] is currently unschedulable. 0/2 nodes are available.");
  EXPECT_EQ(step().look_again, Duration{std::chrono::seconds{290}});
  now += std::chrono::seconds{290};
  fails_with(step(), "unschedulable pod ns/t timeout period exceeded: 0/2 nodes are available.");
  EXPECT_TRUE(step().delete_target_pod);
  json::set(pod, "/status/conditions", json::Array{});
  EXPECT_EQ(step().look_again, Duration{std::chrono::seconds{600}});
  now += std::chrono::seconds{600};
  fails_with(step(), "pending pod ns/t timeout period exceeded");
  json::set(vmim, "/metadata/annotations/kubevirt.io~1migrationPendingPodTimeoutSeconds", "2000");
  EXPECT_EQ(step().phase, "");
}

TEST_F(MigrationPhaseTest, AMigrationWithoutVmiIsDeleted) {
  phase("Failed");
  EXPECT_TRUE(step(false, false).delete_migration);
  json::set(vmim, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
  EXPECT_FALSE(step(false, false).delete_migration);
}

TEST_F(MigrationPhaseTest, TheHandOffIsGuarded) {
  const auto patch = hand_off_patch(vmi, vmim, pod, "s", json::Object{{"allowPostCopy", false}});
  ASSERT_TRUE(patch);
  const auto after = json::json_patch(vmi, *patch);
  ASSERT_TRUE(after);
  EXPECT_EQ(json::string_at(*after, "/status/migrationState/sourceNode"), "a");
  EXPECT_EQ(json::string_at(*after, "/status/migrationState/targetNode"), "b");
  EXPECT_EQ(json::string_at(*after, "/status/migrationState/sourcePod"), "s");
  EXPECT_EQ(label_of(*after, "kubevirt.io/migrationTargetNodeName"), "b");
  for (const auto& [pointer, value] :
       {std::pair{"/status/nodeName", "z"}, std::pair{"/status/handover/migrationUID", "o"},
        std::pair{"/metadata/uid", "W"}}) {
    auto other = vmi;
    json::set(other, pointer, value);
    EXPECT_FALSE(json::json_patch(other, *patch)) << pointer;
  }
  json::set(pod, "/spec/nodeName", "a");
  EXPECT_FALSE(hand_off_patch(vmi, vmim, pod, "s", nullptr));
  json::set(vmi, "/status/nodeName", "");
  EXPECT_FALSE(hand_off_patch(vmi, vmim, pod, "s", nullptr));
}

TEST_F(MigrationPhaseTest, TheStatusPatchIsGuardedByThePhase) {
  MigrationStep to;
  to.phase = "Pending";
  auto after = json::json_patch(vmim, migration_status_patch(vmim, to, &vmi, now));
  ASSERT_TRUE(after);
  EXPECT_EQ(phase_of(*after), "Pending");
  EXPECT_EQ(json::string_at(*after, "/status/phaseTransitionTimestamps/0/phase"), "Pending");
  to.phase = "Scheduling";
  const auto patch = migration_status_patch(*after, to, &vmi, now);
  json::set(*after, "/status/phase", "Failed");
  EXPECT_FALSE(json::json_patch(*after, patch));
  EXPECT_TRUE(migration_status_patch(*after, {}, &vmi, now).is_null());
}

}  // namespace
}  // namespace godwit::rules
