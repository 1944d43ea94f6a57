#include "rules/power.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }
json::Value vm(const std::string& strategy, const std::string& requests = "[]") {
  return yaml("{metadata: {name: v}, spec: {runStrategy: " + strategy + "}, status: {stateChangeRequests: " + requests +
              "}}");
}
const auto none = std::optional<json::Value>{};
const std::optional<json::Value> runs =
    yaml("{metadata: {uid: I}, spec: {terminationGracePeriodSeconds: 30}, status: {phase: Running}}");
const std::optional<json::Value> succeeded = yaml("{metadata: {uid: I}, status: {phase: Succeeded}}");
const std::optional<json::Value> failed = yaml("{metadata: {uid: I}, status: {phase: Failed}}");

/// What is changed, or the refusal.
std::string told(const Result<PowerChange>& change) {
  if (!change) return change.error().message;
  std::string text;
  for (const auto* patch : {&change->vm, &change->vm_status, &change->vmi}) {
    if (!patch->is_null()) text += json::write(*patch);
  }
  return text;
}
const json::Value* at(const std::optional<json::Value>& vmi) { return vmi ? &*vmi : nullptr; }
std::string start(const json::Value& v, const std::optional<json::Value>& vmi, bool paused = false) {
  return told(start_change(v, at(vmi), paused));
}
std::string stop(const json::Value& v, const std::optional<json::Value>& vmi, std::optional<std::int64_t> grace = {}) {
  return told(stop_change(v, at(vmi), grace));
}
std::string restart(const json::Value& v, const std::optional<json::Value>& vmi,
                    std::optional<std::int64_t> grace = {}) {
  return told(restart_change(v, at(vmi), grace));
}

const std::string asked_start = R"({"status":{"stateChangeRequests":[{"action":"Start"}]}})";
const std::string asked_again =
    R"({"status":{"stateChangeRequests":[{"action":"Stop","uid":"I"},{"action":"Start"}]}})";
const std::string asked_stop = R"({"status":{"stateChangeRequests":[{"action":"Stop","uid":"I"}]}})";

TEST(Power, Start) {
  for (const auto* strategy : {"Always", "Once"}) {
    EXPECT_EQ(start(vm(strategy), none), std::string{strategy} + " does not support manual start requests");
    EXPECT_EQ(start(vm(strategy), runs), "VM is already running");
  }
  EXPECT_EQ(start(vm("Halted"), none), R"({"spec":{"runStrategy":"Always"}})");
  EXPECT_EQ(start(yaml("{spec: {running: false}}"), none), R"({"spec":{"running":true}})");
  EXPECT_EQ(start(vm("Halted"), none, true),
            R"({"status":{"stateChangeRequests":[{"action":"Start","data":{"paused":"true"}}]}})");
  EXPECT_EQ(start(vm("Manual"), none), asked_start);
  EXPECT_EQ(start(vm("Manual"), runs), "VM is already running");
  EXPECT_EQ(start(vm("Manual"), failed), asked_again);
  EXPECT_EQ(start(vm("RerunOnFailure"), succeeded), asked_again);
  EXPECT_EQ(start(vm("RerunOnFailure"), failed), "RerunOnFailure does not support starting VM from failed state");
  EXPECT_EQ(start(vm("Manual", "[{action: Start}]"), none), "unable to complete request: stop/start already underway");
}

TEST(Power, Stop) {
  EXPECT_EQ(stop(vm("Always"), runs), R"({"spec":{"runStrategy":"Halted"}})");
  EXPECT_EQ(stop(vm("Always"), none), R"({"spec":{"runStrategy":"Halted"}})") << "it may be about to start";
  EXPECT_EQ(stop(vm("Once"), runs, 0), R"({"spec":{"runStrategy":"Halted"}})"
                                       R"({"spec":{"terminationGracePeriodSeconds":0}})");
  for (const auto* strategy : {"Manual", "RerunOnFailure"}) {
    EXPECT_EQ(stop(vm(strategy), runs), asked_stop);
    EXPECT_EQ(stop(vm(strategy, "[{action: Start}]"), runs), asked_stop) << "a stop replaces what is asked for";
    EXPECT_EQ(stop(vm(strategy), none), "VM is not running");
    EXPECT_EQ(stop(vm(strategy), succeeded), "VM is not running");
  }
  EXPECT_EQ(stop(vm("Halted"), none), "VM is not running");
  const std::string longer = "Halted only supports manual stop requests with a shorter graceperiod";
  EXPECT_EQ(stop(vm("Halted"), runs), longer);
  EXPECT_EQ(stop(vm("Halted"), runs, 30), longer);
  EXPECT_EQ(stop(vm("Halted"), runs, 0), asked_stop + R"({"spec":{"terminationGracePeriodSeconds":0}})");
  EXPECT_EQ(stop(vm("Always"), runs, -1), "gracePeriod has to be greater or equal to 0");
}

TEST(Power, Restart) {
  for (const auto* strategy : {"Always", "Manual", "RerunOnFailure"}) {
    EXPECT_EQ(restart(vm(strategy), runs), asked_again);
    EXPECT_EQ(restart(vm(strategy), none), "VM is not running: Halted");
    EXPECT_EQ(restart(vm(strategy, "[{action: Stop}]"), runs),
              "unable to complete request: stop/start already underway");
  }
  for (const auto* strategy : {"Halted", "Once"})
    EXPECT_EQ(restart(vm(strategy), runs),
              std::string{"RunStategy "} + strategy + " does not support manual restart requests");
  EXPECT_EQ(restart(vm("Always"), runs, 0), asked_again);
  EXPECT_EQ(restart(vm("Always"), runs, 1), "For force restart, only gracePeriod=0 is supported for now");
  EXPECT_EQ(restart(vm("Always"), runs, -1), "gracePeriod has to be greater or equal to 0");
}

}  // namespace
}  // namespace godwit::rules
