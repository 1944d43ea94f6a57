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

}  // namespace
}  // namespace godwit::node
