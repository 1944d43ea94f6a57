#include "rules/guest_control.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value vmi(const std::string& more) { return json::parse_yaml("{status: {phase: Running" + more + "}}").value(); }
const std::string stands = ", conditions: [{type: Paused, status: 'True'}]";

std::string refusal(const json::Value& object, GuestRequest request) {
  const auto asked = with_request(object, request);
  return asked ? std::string{} : asked.error().message;
}

TEST(GuestControl, StartStrategySpeaksUntilSomethingIsAsked) {
  auto fresh = json::parse_yaml("{spec: {startStrategy: Paused}, status: {phase: Running}}").value();
  EXPECT_TRUE(wants_pause(fresh));
  EXPECT_EQ(read_control(fresh).pending, GuestRequest::none);
  const auto asked = with_request(fresh, GuestRequest::unpause);
  ASSERT_TRUE(asked);
  EXPECT_FALSE(wants_pause(*asked));
  EXPECT_EQ(read_control(*asked).pending, GuestRequest::unpause);
}

TEST(GuestControl, ARequestPendsUntilItIsDone) {
  auto object = *with_request(vmi(""), GuestRequest::pause);
  const auto control = read_control(object);
  EXPECT_TRUE(control.paused);
  EXPECT_EQ(control.generation, 1);
  EXPECT_EQ(control.pending, GuestRequest::pause);
  EXPECT_FALSE(is_done(object, 1));
  note_done(object, 1, "");
  EXPECT_TRUE(is_done(object, 1));
  EXPECT_EQ(read_control(object).pending, GuestRequest::none);
  EXPECT_TRUE(wants_pause(object)) << "what is wanted stays";
  object = *with_request(object, GuestRequest::unpause);
  EXPECT_EQ(read_control(object).generation, 2);
  note_done(object, 1, "late word");
  EXPECT_EQ(read_control(object).pending, GuestRequest::unpause);
}

TEST(GuestControl, RefusesInKubeVirtsWords) {
  const auto young = json::parse_yaml("{status: {phase: Scheduled}}").value();
  EXPECT_EQ(refusal(young, GuestRequest::pause), "VM is not running");
  for (const auto request : {GuestRequest::unpause, GuestRequest::soft_reboot, GuestRequest::reset})
    EXPECT_EQ(refusal(young, request), "VMI is not running");
  EXPECT_EQ(refusal(vmi(""), GuestRequest::pause), "");
  EXPECT_EQ(refusal(vmi(""), GuestRequest::unpause), "VMI is not paused");
  EXPECT_EQ(refusal(vmi(""), GuestRequest::soft_reboot), "");
  EXPECT_EQ(refusal(vmi(""), GuestRequest::reset), "");
  EXPECT_EQ(refusal(vmi(stands), GuestRequest::pause), "VMI is already paused");
  EXPECT_EQ(refusal(vmi(", control: {paused: true}"), GuestRequest::pause), "VMI is already paused");
  EXPECT_EQ(refusal(vmi(stands), GuestRequest::unpause), "") << "also what an I/O error has paused";
  EXPECT_EQ(refusal(vmi(stands), GuestRequest::soft_reboot), "VMI is paused");
  EXPECT_EQ(refusal(vmi(stands), GuestRequest::reset), "VMI is paused");
  const auto changes_mind = vmi(stands + ", control: {paused: false, request: Unpause, generation: 2}");
  EXPECT_EQ(refusal(changes_mind, GuestRequest::pause), "");
}

TEST(GuestControl, ASoftRebootNeedsSomebodyWhoListens) {
  auto deaf = json::parse_yaml(
                  "{spec: {domain: {features: {acpi: {enabled: false}}}}, status: {phase: Running, conditions: []}}")
                  .value();
  EXPECT_EQ(refusal(deaf, GuestRequest::soft_reboot),
            "VMI neither have the agent connected nor the ACPI feature enabled");
  json::set(deaf, "/status/conditions", json::parse_yaml("[{type: AgentConnected, status: 'True'}]").value());
  EXPECT_EQ(refusal(deaf, GuestRequest::soft_reboot), "");
}

}  // namespace
}  // namespace godwit::rules
