#include "node/guest_decision.hpp"

#include <gtest/gtest.h>

namespace godwit::node {
namespace {

json::Value vmi(const std::string& owner, const std::string& status_extra = {}) {
  return *json::parse(
      R"({"metadata":{"uid":"u1","name":"vm","namespace":"d"},"status":{"phase":"Running","nodeName":")" + owner +
      R"(","handover":{"epoch":3,"migrationUID":"","startedEpoch":3})" + status_extra + "}}");
}

json::Value pod(const std::string& migration_uid = {}, bool deleting = false) {
  json::Value made = *json::parse(R"({"metadata":{"uid":"p1","name":"virt-launcher-vm-x","labels":{}},"status":{}})");
  if (!migration_uid.empty()) json::set(made, "/metadata/labels/kubevirt.io~1migrationJobUID", migration_uid.c_str());
  if (deleting) json::set(made, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
  return made;
}

GuestView view(std::optional<json::Value> v, std::vector<json::Value> pods, std::optional<InstanceView> instance = {}) {
  return {.self = "a", .vmi = std::move(v), .pods = std::move(pods), .instance = std::move(instance)};
}

InstanceView owner_instance() { return {.role = Role::owner, .pod_uid = "p1"}; }
InstanceView incoming_instance() {
  return {.role = Role::incoming, .pod_uid = "p1", .migration_uid = "m1", .driver_active = true};
}

template <class T>
bool is(const Action& made) {
  return std::holds_alternative<T>(made);
}

constexpr const char* ready_to_send =
    R"(,"migrationState":{"migrationUid":"m1","sourceNode":"a","targetNode":"b","targetNodeAddress":"198.18.0.3"})";

TEST(GuestDecision, ClaimsAGuestThatNobodyOwns) {
  EXPECT_TRUE(is<action::ClaimAndStart>(decide(view(vmi(""), {pod()}))));
}

TEST(GuestDecision, NeverStartsAGuestOfAnotherOwner) { EXPECT_TRUE(is<action::None>(decide(view(vmi("b"), {pod()})))); }

TEST(GuestDecision, ClaimsAnewWhatItOwnsAndNeverStarted) {
  EXPECT_TRUE(is<action::ClaimAndStart>(decide(view(vmi("a"), {pod()}))));
}

TEST(GuestDecision, WaitsForTheControllersFirstWord) {
  EXPECT_TRUE(is<action::None>(decide(view(*json::parse(R"({"metadata":{"uid":"u1"}})"), {pod()}))));
}

TEST(GuestDecision, ReleasesWhatItOwnsWithoutAnythingRunning) {
  EXPECT_TRUE(is<action::ReleaseOrphan>(decide(view(vmi("a"), {}))));
}

TEST(GuestDecision, PreparesAMigrationsTarget) {
  EXPECT_TRUE(is<action::StartIncoming>(decide(view(vmi("b"), {pod("m1")}))));
}

TEST(GuestDecision, PreparesNoTargetOfAFinishedMigration) {
  const auto v = vmi("b", R"(,"migrationState":{"migrationUid":"m1","completed":true,"failed":true})");
  EXPECT_TRUE(is<action::None>(decide(view(v, {pod("m1")}))));
}

TEST(GuestDecision, SendsOnceTheTargetListens) {
  const auto wanted = decide(view(vmi("a", ready_to_send), {pod()}, owner_instance()));
  ASSERT_TRUE(is<action::StartSource>(wanted));
  EXPECT_EQ(std::get<action::StartSource>(wanted).migration_uid, "m1");
}

TEST(GuestDecision, NeverRunsTheSameAttemptTwice) {
  InstanceView instance = owner_instance();
  instance.last_migration_uid = "m1";
  EXPECT_TRUE(is<action::None>(decide(view(vmi("a", ready_to_send), {pod()}, instance))));
}

TEST(GuestDecision, CancelsWhenAsked) {
  InstanceView instance = owner_instance();
  instance.driver_active = true;
  const auto v = vmi("a", R"(,"migrationState":{"migrationUid":"m1","abortRequested":true})");
  EXPECT_TRUE(is<action::CancelSource>(decide(view(v, {pod()}, instance))));
}

TEST(GuestDecision, CancelsBeforeItStops) {
  InstanceView instance = owner_instance();
  instance.driver_active = true;
  EXPECT_TRUE(is<action::CancelSource>(decide(view(vmi("a"), {pod({}, true)}, instance))));
  instance.driver_active = false;
  EXPECT_TRUE(is<action::Shutdown>(decide(view(vmi("a"), {pod({}, true)}, instance))));
  instance.stopping = true;
  EXPECT_TRUE(is<action::None>(decide(view(vmi("a"), {pod({}, true)}, instance))));
}

TEST(GuestDecision, ReportsTheEndOnlyAsOwner) {
  InstanceView instance = owner_instance();
  instance.ended = true;
  EXPECT_TRUE(is<action::ReportEnd>(decide(view(vmi("a"), {pod()}, instance))));
  EXPECT_TRUE(is<action::Discard>(decide(view(vmi("b"), {pod()}, instance))));
}

TEST(GuestDecision, DiscardsAStaleCopy) {
  EXPECT_TRUE(is<action::Discard>(decide(view(vmi("b"), {pod()}, owner_instance()))));
  EXPECT_TRUE(is<action::Discard>(decide(view(std::nullopt, {}, owner_instance()))));
}

TEST(GuestDecision, LeavesAnIncomingGuestToItsDriver) {
  EXPECT_TRUE(is<action::None>(decide(view(vmi("b"), {pod("m1")}, incoming_instance()))));
  EXPECT_TRUE(is<action::AbandonIncoming>(decide(view(vmi("b"), {pod("m1", true)}, incoming_instance()))));
  InstanceView done = incoming_instance();
  done.driver_active = false;
  EXPECT_TRUE(is<action::Discard>(decide(view(vmi("b"), {pod("m1")}, done))));
}

TEST(GuestDecision, RemovesTerminatingPodsThatRunNothing) {
  EXPECT_TRUE(is<action::RemovePod>(decide(view(vmi("b"), {pod({}, true)}))));
  EXPECT_TRUE(is<action::RemovePod>(decide(view(std::nullopt, {pod({}, true)}))));
}

TEST(GuestDecision, AGuestThatHasEndedTakesItsQemuAlong) {
  auto instance = owner_instance();
  instance.guest_ended = true;
  EXPECT_TRUE(is<action::EndQemu>(decide(view(vmi("a"), {pod()}, instance))));
  instance.reboots = true;
  EXPECT_TRUE(is<action::StartOver>(decide(view(vmi("a"), {pod()}, instance))));
  EXPECT_TRUE(is<action::EndQemu>(decide(view(vmi("a"), {pod({}, true)}, instance)))) << "it is to stop anyway";
  instance.stopping = true;
  instance.reboots = false;
  EXPECT_TRUE(is<action::EndQemu>(decide(view(vmi("a"), {pod({}, true)}, instance))));
  EXPECT_TRUE(is<action::Discard>(decide(view(vmi("b"), {pod()}, instance))));
}

TEST(GuestDecision, AMigrationOfAGuestThatHasEndedIsCalledOff) {
  auto instance = owner_instance();
  instance.guest_ended = true;
  instance.driver_active = true;
  EXPECT_TRUE(is<action::CancelSource>(decide(view(vmi("a", ready_to_send), {pod()}, instance))));
}

TEST(GuestDecision, TheGraceIsTheShorterOne) {
  const auto grace = [](std::optional<int> of_vmi, bool deleting, std::optional<int> of_pod) {
    auto object = vmi("a");
    if (of_vmi) json::set(object, "/spec/terminationGracePeriodSeconds", *of_vmi);
    auto launcher = pod({}, deleting);
    if (of_pod) json::set(launcher, "/metadata/deletionGracePeriodSeconds", *of_pod);
    return grace_of(view(object, {launcher}), "p1").count();
  };
  EXPECT_EQ(grace({}, false, {}), 30);
  EXPECT_EQ(grace(5, false, {}), 5);
  EXPECT_EQ(grace(5, true, 60), 5);
  EXPECT_EQ(grace(180, true, 1), 1);
  EXPECT_EQ(grace(0, true, 30), 0);
}

}  // namespace
}  // namespace godwit::node
