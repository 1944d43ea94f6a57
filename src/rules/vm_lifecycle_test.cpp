#include "rules/vm_lifecycle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }
const WallTime noon = parse_time("2026-01-01T12:00:00Z").value();
VmView view_of(const json::Value& vm, const json::Value* vmi, WallTime now = noon) {
  return {.vm = &vm, .vmi = vmi, .now = now};
}

struct Case {
  std::string strategy, requests, vmi;  // vmi "": none
  bool create, remove;
  std::string requests_after;  // "-": untouched
  std::string printable;
};

constexpr auto runs = "{metadata: {uid: I}, status: {phase: Running}}";
constexpr auto ended = "{metadata: {uid: I}, status: {phase: Succeeded}}";
constexpr auto failed = "{metadata: {uid: I}, status: {phase: Failed, phaseTransitionTimestamps: [{phase: Running}]}}";
constexpr auto going = "{metadata: {uid: I, deletionTimestamp: x}, status: {phase: Running}}";
constexpr auto young = "{metadata: {uid: I}, status: {phase: Scheduling}}";
constexpr auto moving = "{metadata: {uid: I}, status: {phase: Running, migrationState: {startTimestamp: x}}}";
constexpr auto moved =
    "{metadata: {uid: I}, status: {phase: Running, migrationState: {startTimestamp: x, endTimestamp: y}}}";
constexpr auto paused = "{metadata: {uid: I}, status: {phase: Running, conditions: [{type: Paused, status: 'True'}]}}";
constexpr auto unfit =
    "{metadata: {uid: I}, status: {phase: Scheduling, conditions: [{type: PodScheduled, status: 'False', reason: "
    "Unschedulable}]}}";
constexpr auto no_image =
    "{metadata: {uid: I}, status: {phase: Scheduled, conditions: [{type: Synchronized, status: 'False', reason: "
    "ErrImagePull}]}}";
constexpr auto lost = "{metadata: {uid: I}, status: {phase: Unknown}}";
constexpr auto restart = "[{action: Stop, uid: I}, {action: Start}]";
constexpr auto start = "[{action: Start}]";
constexpr auto stop = "[{action: Stop, uid: I}]";
constexpr auto stop_earlier = "[{action: Stop, uid: earlier}]";
constexpr auto start_paused = "[{action: Start, data: {paused: 'true'}}]";

class VmStepTest : public testing::TestWithParam<Case> {};

TEST_P(VmStepTest, FollowsTheStrategy) {
  const auto& p = GetParam();
  auto vm = yaml("{metadata: {name: v, namespace: ns, uid: V, generation: 3}, spec: {runStrategy: " + p.strategy +
                 ", template: {spec: {}}}, status: {runStrategy: " + p.strategy + "}}");
  json::set(vm, "/status/stateChangeRequests", yaml(p.requests));
  const auto vmi = p.vmi.empty() ? json::Value(nullptr) : yaml(p.vmi);
  const auto view = view_of(vm, p.vmi.empty() ? nullptr : &vmi);
  const auto step = vm_step(view);
  EXPECT_EQ(step.create_vmi, p.create);
  EXPECT_EQ(step.delete_vmi, p.remove);
  EXPECT_FALSE(step.set_always);
  EXPECT_EQ(step.requests ? json::write(*step.requests) : "-", p.requests_after);
  EXPECT_EQ(printable_status(view), p.printable);
}

INSTANTIATE_TEST_SUITE_P(Always, VmStepTest,
                         testing::Values(Case{"Always", "[]", "", true, false, "-", "Starting"},
                                         Case{"Always", "[]", runs, false, false, "-", "Running"},
                                         Case{"Always", "[]", young, false, false, "-", "Starting"},
                                         Case{"Always", "[]", moving, false, false, "-", "Migrating"},
                                         Case{"Always", "[]", moved, false, false, "-", "Running"},
                                         Case{"Always", "[]", paused, false, false, "-", "Paused"},
                                         Case{"Always", "[]", unfit, false, false, "-", "ErrorUnschedulable"},
                                         Case{"Always", "[]", no_image, false, false, "-", "ErrImagePull"},
                                         Case{"Always", "[]", lost, false, false, "-", "Unknown"},
                                         Case{"Always", "[]", ended, false, true, "-", "Stopped"},
                                         Case{"Always", "[]", failed, false, true, "-", "Stopped"},
                                         Case{"Always", "[]", going, false, false, "-", "Stopping"},
                                         Case{"Always", restart, runs, false, true, "-", "Stopping"},
                                         Case{"Always", restart, "", true, false, "[]", "Starting"},
                                         Case{"Always", stop, runs, false, true, "-", "Stopping"},
                                         Case{"Always", stop_earlier, runs, false, false, "[]", "Running"}));

INSTANTIATE_TEST_SUITE_P(RerunOnFailure, VmStepTest,
                         testing::Values(Case{"RerunOnFailure", "[]", "", false, false, "-", "Stopped"},
                                         Case{"RerunOnFailure", start, "", true, false, "[]", "Starting"},
                                         Case{"RerunOnFailure", "[]", runs, false, false, "-", "Running"},
                                         Case{"RerunOnFailure", "[]", ended, false, false, "-", "Stopped"},
                                         Case{"RerunOnFailure", "[]", failed, false, true, R"([{"action":"Start"}])",
                                              "Stopped"},
                                         Case{"RerunOnFailure", start, failed, false, true, "-", "Stopped"},
                                         Case{"RerunOnFailure", stop, runs, false, true, "-", "Stopping"},
                                         Case{"RerunOnFailure", stop, "", false, false, "[]", "Stopped"},
                                         Case{"RerunOnFailure", restart, ended, false, true, "-", "Stopped"},
                                         Case{"RerunOnFailure", restart, "", true, false, "[]", "Starting"},
                                         Case{"RerunOnFailure", start, runs, false, false, "[]", "Running"}));

INSTANTIATE_TEST_SUITE_P(Manual, VmStepTest,
                         testing::Values(Case{"Manual", "[]", "", false, false, "-", "Stopped"},
                                         Case{"Manual", start, "", true, false, "[]", "Starting"},
                                         Case{"Manual", start, runs, false, false, "[]", "Running"},
                                         Case{"Manual", start, ended, false, true, "-", "Stopped"},
                                         Case{"Manual", "[]", ended, false, false, "-", "Stopped"},
                                         Case{"Manual", "[]", failed, false, false, "-", "Stopped"},
                                         Case{"Manual", stop, runs, false, true, "-", "Stopping"},
                                         Case{"Manual", restart, runs, false, true, "-", "Stopping"},
                                         Case{"Manual", stop, "", false, false, "[]", "Stopped"}));

INSTANTIATE_TEST_SUITE_P(OnceAndHalted, VmStepTest,
                         testing::Values(Case{"Once", "[]", "", true, false, "-", "Starting"},
                                         Case{"Once", "[]", runs, false, false, "-", "Running"},
                                         Case{"Once", "[]", ended, false, false, "-", "Stopped"},
                                         Case{"Once", "[]", failed, false, false, "-", "Stopped"},
                                         Case{"Halted", "[]", "", false, false, "-", "Stopped"},
                                         Case{"Halted", start, "", false, false, "[]", "Starting"},
                                         Case{"Halted", "[]", runs, false, true, "-", "Stopping"},
                                         Case{"Halted", "[]", ended, false, true, "-", "Stopped"},
                                         Case{"WaitAsReceiver", "[]", "", false, false, "-", "Stopped"}));

TEST(VmStep, AHaltedOneThatIsToStartPausedBecomesAlways) {
  auto vm = yaml("{metadata: {name: v, uid: V}, spec: {runStrategy: Halted}}");
  json::set(vm, "/status/stateChangeRequests", yaml(start_paused));
  const auto first = vm_step(view_of(vm, nullptr));
  EXPECT_TRUE(first.set_always);
  EXPECT_FALSE(first.create_vmi);
  EXPECT_FALSE(first.requests);
  json::set(vm, "/spec", run_strategy_patch(vm, "Always").at("spec"));
  const auto second = vm_step(view_of(vm, nullptr));
  EXPECT_TRUE(second.create_vmi);
  EXPECT_EQ(json::write(*second.requests), "[]");
  EXPECT_EQ(json::string_at(vmi_of(vm), "/spec/startStrategy"), "Paused");
}

TEST(VmStep, RerunOnFailureStartsWhenItIsNew) {
  const auto strange =
      yaml("{metadata: {name: v}, spec: {runStrategy: RerunOnFailure}, status: {runStrategy: Halted}}");
  EXPECT_TRUE(vm_step(view_of(strange, nullptr)).create_vmi);
  EXPECT_EQ(printable_status(view_of(strange, nullptr)), "Starting");
  const auto fresh = yaml("{metadata: {name: v}, spec: {runStrategy: RerunOnFailure}}");
  EXPECT_TRUE(vm_step(view_of(fresh, nullptr)).create_vmi);
}

TEST(VmStep, PausesBetweenFailedStarts) {
  for (const std::string strategy : {"Always", "RerunOnFailure"}) {
    auto vm = yaml("{metadata: {name: v, uid: V}, spec: {runStrategy: " + strategy + "}}");
    const auto never_ran = yaml("{metadata: {uid: I}, status: {phase: Failed}}");
    const auto first = vm_step(view_of(vm, &never_ran));
    EXPECT_TRUE(first.delete_vmi);
    ASSERT_TRUE(first.start_failure);
    json::set(vm, "/status/startFailure", *first.start_failure);
    if (first.requests) json::set(vm, "/status/stateChangeRequests", *first.requests);
    EXPECT_FALSE(vm_step(view_of(vm, &never_ran)).start_failure);  // counted once
    const auto waiting = vm_step(view_of(vm, nullptr));
    EXPECT_FALSE(waiting.create_vmi);
    EXPECT_EQ(waiting.look_again, Duration{std::chrono::seconds{10}});
    EXPECT_EQ(printable_status(view_of(vm, nullptr)), "CrashLoopBackOff");
    EXPECT_TRUE(vm_step(view_of(vm, nullptr, noon + std::chrono::seconds{10})).create_vmi);
    const auto other = yaml("{metadata: {uid: J}, status: {phase: Failed}}");
    EXPECT_EQ(json::int_at(*vm_step(view_of(vm, &other)).start_failure, "/consecutiveFailCount"), 2);
    const auto fine = yaml("{metadata: {uid: J}, status: {phase: Running}}");
    EXPECT_TRUE(vm_step(view_of(vm, &fine)).start_failure->is_null());
    const auto crashed = yaml(failed);
    EXPECT_TRUE(vm_step(view_of(vm, &crashed)).start_failure->is_null()) << "it had run";
    json::set(vm, "/spec/runStrategy", "Halted");
    EXPECT_TRUE(vm_step(view_of(vm, nullptr)).start_failure->is_null());
  }
}

TEST(VmStep, ThePauseGrowsUpToFiveMinutes) {
  auto vm = yaml("{metadata: {name: v, uid: V}, spec: {runStrategy: Always}}");
  std::vector<std::string> times;
  for (int i = 0; i < 7; ++i) {
    const auto vmi = yaml("{metadata: {uid: I" + std::to_string(i) + "}, status: {phase: Failed}}");
    json::set(vm, "/status/startFailure", *vm_step(view_of(vm, &vmi)).start_failure);
    times.push_back(json::string_at(vm, "/status/startFailure/retryAfterTimestamp"));
  }
  EXPECT_THAT(times, testing::ElementsAre("2026-01-01T12:00:10Z", "2026-01-01T12:00:40Z", "2026-01-01T12:01:30Z",
                                          "2026-01-01T12:02:40Z", "2026-01-01T12:04:10Z", "2026-01-01T12:05:00Z",
                                          "2026-01-01T12:05:00Z"));
}

TEST(VmStep, TheOlderFieldMeansTheSame) {
  const auto on = yaml("{metadata: {name: v}, spec: {running: true}}");
  EXPECT_EQ(run_strategy_of(on), RunStrategy::always);
  EXPECT_EQ(json::write(run_strategy_patch(on, "Halted")), R"({"spec":{"running":false}})");
  EXPECT_EQ(run_strategy_of(yaml("{metadata: {name: v}, spec: {running: false}}")), RunStrategy::halted);
  const auto word = yaml("{metadata: {name: v}, spec: {runStrategy: Manual}}");
  EXPECT_EQ(json::write(run_strategy_patch(word, "Always")), R"({"spec":{"runStrategy":"Always"}})");
}

TEST(VmStep, DeletionTakesTheInstanceAlong) {
  const auto vm = yaml("{metadata: {name: v, uid: V, deletionTimestamp: x}, spec: {runStrategy: Always}}");
  const auto vmi = yaml(runs);
  EXPECT_TRUE(vm_step(view_of(vm, &vmi)).delete_vmi);
  EXPECT_FALSE(vm_step(view_of(vm, nullptr)).create_vmi);
  EXPECT_EQ(printable_status(view_of(vm, &vmi)), "Terminating");
  const auto leaves = yaml("{metadata: {name: v, uid: V, deletionTimestamp: x, finalizers: [orphan]}, spec: {}}");
  EXPECT_FALSE(vm_step(view_of(leaves, &vmi)).delete_vmi);
}

TEST(VmStatus, SaysWhatIs) {
  const auto vm = yaml(
      "{metadata: {name: v, uid: V, generation: 3}, spec: {runStrategy: Always}, status: {conditions: [{type: "
      "RestartRequired, status: 'True'}, {type: Paused, status: 'True'}]}}");
  const auto vmi = yaml(
      "{metadata: {uid: I}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}, {type: "
      "LiveMigratable, status: 'True'}, {type: AgentConnected, status: 'True'}]}}");
  const json::Value with = vm_status(view_of(vm, &vmi));
  EXPECT_TRUE(json::bool_at(with, "/created"));
  EXPECT_TRUE(json::bool_at(with, "/ready"));
  EXPECT_EQ(json::string_at(with, "/runStrategy"), "Always");
  const json::Value wrapped = json::Object{{"status", with}};
  EXPECT_EQ(condition_status(wrapped, "LiveMigratable"), "True");
  EXPECT_EQ(condition_status(wrapped, "AgentConnected"), "True");
  EXPECT_EQ(condition_status(wrapped, "RestartRequired"), "True");
  EXPECT_EQ(condition_status(wrapped, "Paused"), "");
  auto missing = view_of(vm, nullptr);
  missing.claims_missing = true;
  missing.create_error = "quota";
  const json::Value without = json::Object{{"status", vm_status(missing)}};
  EXPECT_FALSE(json::bool_at(without, "/status/ready", true));
  EXPECT_EQ(json::string_at(without, "/status/printableStatus"), "ErrorPvcNotFound");
  EXPECT_EQ(json::string_at(*condition_of(without, "Ready"), "/reason"), "VMINotExists");
  EXPECT_EQ(json::string_at(*condition_of(without, "Failure"), "/message"), "Failure while starting VMI: quota");
}

}  // namespace
}  // namespace godwit::rules
