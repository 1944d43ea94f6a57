#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/addresses.hpp"
#include "rules/claims.hpp"
#include "rules/eligibility.hpp"
#include "rules/objects.hpp"
#include "rules/vm_lifecycle.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }
const WallTime noon = parse_time("2026-01-01T12:00:00Z").value();

struct Case {
  std::string strategy, requests, vmi;  // vmi "": none
  bool create, remove;
  std::string requests_after;  // "-": untouched
  std::string printable;
};

class VmStepTest : public testing::TestWithParam<Case> {};

TEST_P(VmStepTest, FollowsTheStrategy) {
  const auto& p = GetParam();
  auto vm = yaml("{metadata: {name: v, namespace: ns, uid: V, generation: 3}, spec: {runStrategy: " + p.strategy +
                 ", template: {spec: {}}}, status: {}}");
  json::set(vm, "/status/stateChangeRequests", yaml(p.requests));
  const auto vmi = p.vmi.empty() ? json::Value(nullptr) : yaml(p.vmi);
  const VmView view{&vm, p.vmi.empty() ? nullptr : &vmi, false, false, noon};
  const auto step = vm_step(view);
  EXPECT_EQ(step.create_vmi, p.create);
  EXPECT_EQ(step.delete_vmi, p.remove);
  EXPECT_EQ(step.requests ? json::write(*step.requests) : "-", p.requests_after);
  EXPECT_EQ(printable_status(view), p.printable);
}

constexpr auto runs = "{metadata: {uid: I}, status: {phase: Running}}";
constexpr auto ended = "{metadata: {uid: I}, status: {phase: Succeeded}}";
constexpr auto going = "{metadata: {uid: I, deletionTimestamp: x}, status: {phase: Running}}";
constexpr auto young = "{metadata: {uid: I}, status: {phase: Scheduling}}";
constexpr auto moving = "{metadata: {uid: I}, status: {phase: Running, migrationState: {startTimestamp: x}}}";
constexpr auto paused = "{metadata: {uid: I}, status: {phase: Running, conditions: [{type: Paused, status: 'True'}]}}";
constexpr auto unfit =
    "{metadata: {uid: I}, status: {phase: Scheduling, conditions: [{type: PodScheduled, status: 'False', reason: "
    "Unschedulable}]}}";

INSTANTIATE_TEST_SUITE_P(
    Strategies, VmStepTest,
    testing::Values(Case{"Always", "[]", "", true, false, "-", "Starting"},
                    Case{"Always", "[]", runs, false, false, "-", "Running"},
                    Case{"Always", "[]", young, false, false, "-", "Starting"},
                    Case{"Always", "[]", moving, false, false, "-", "Migrating"},
                    Case{"Always", "[]", paused, false, false, "-", "Paused"},
                    Case{"Always", "[]", unfit, false, false, "-", "ErrorUnschedulable"},
                    Case{"Always", "[]", ended, false, true, "-", "Stopped"},
                    Case{"Always", "[]", going, false, false, "-", "Stopping"},
                    Case{"Always", "[{action: Stop, uid: I}, {action: Start}]", runs, false, true, "-", "Stopping"},
                    Case{"Always", "[{action: Stop, uid: I}, {action: Start}]", "", true, false, "[]", "Starting"},
                    Case{"Always", "[{action: Stop, uid: earlier}]", runs, false, false, "[]", "Running"},
                    Case{"Halted", "[]", "", false, false, "-", "Stopped"},
                    Case{"Halted", "[]", runs, false, true, "-", "Stopping"},
                    Case{"Manual", "[]", "", false, false, "-", "Stopped"},
                    Case{"Manual", "[{action: Start}]", "", true, false, "[]", "Starting"},
                    Case{"Manual", "[{action: Start}]", runs, false, false, "[]", "Running"},
                    Case{"Manual", "[{action: Start}]", ended, false, true, "-", "Stopped"},
                    Case{"Manual", "[]", ended, false, false, "-", "Stopped"},
                    Case{"Manual", "[{action: Stop, uid: I}]", runs, false, true, "-", "Stopping"},
                    Case{"Manual", "[{action: Stop, uid: I}]", "", false, false, "[]", "Stopped"},
                    Case{"Once", "[]", "", false, false, "-", "Stopped"}));

TEST(VmStep, PausesBetweenFailedStarts) {
  auto vm = yaml("{metadata: {name: v, uid: V}, spec: {runStrategy: Always}}");
  const auto failed = yaml("{metadata: {uid: I}, status: {phase: Failed}}");
  const auto first = vm_step({&vm, &failed, false, false, noon});
  EXPECT_TRUE(first.delete_vmi);
  ASSERT_TRUE(first.start_failure);
  json::set(vm, "/status/startFailure", *first.start_failure);
  EXPECT_FALSE(vm_step({&vm, &failed, false, false, noon}).start_failure);  // counted once
  const auto waiting = vm_step({&vm, nullptr, false, false, noon});
  EXPECT_FALSE(waiting.create_vmi);
  EXPECT_EQ(waiting.look_again, Duration{std::chrono::seconds{10}});
  EXPECT_EQ(printable_status({&vm, nullptr, false, false, noon}), "CrashLoopBackOff");
  EXPECT_TRUE(vm_step({&vm, nullptr, false, false, noon + std::chrono::seconds{10}}).create_vmi);
  const auto other = yaml("{metadata: {uid: J}, status: {phase: Failed}}");
  EXPECT_EQ(json::int_at(*vm_step({&vm, &other, false, false, noon}).start_failure, "/consecutiveFailCount"), 2);
  const auto fine = yaml("{metadata: {uid: J}, status: {phase: Running}}");
  EXPECT_TRUE(vm_step({&vm, &fine, false, false, noon}).start_failure->is_null());
}

TEST(VmStep, DeletionTakesTheInstanceAlong) {
  const auto vm = yaml("{metadata: {name: v, uid: V, deletionTimestamp: x}, spec: {runStrategy: Always}}");
  const auto vmi = yaml(runs);
  EXPECT_TRUE(vm_step({&vm, &vmi, false, false, noon}).delete_vmi);
  EXPECT_FALSE(vm_step({&vm, nullptr, false, false, noon}).create_vmi);
  EXPECT_EQ(printable_status({&vm, &vmi, false, false, noon}), "Terminating");
}

TEST(VmStatus, SaysWhatIs) {
  const auto vm = yaml("{metadata: {name: v, uid: V, generation: 3}, spec: {runStrategy: Always}}");
  const auto vmi = yaml(
      "{metadata: {uid: I}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}, {type: "
      "LiveMigratable, status: 'True'}]}}");
  const json::Value with = vm_status({&vm, &vmi, false, false, noon});
  EXPECT_TRUE(json::bool_at(with, "/created"));
  EXPECT_TRUE(json::bool_at(with, "/ready"));
  const json::Value wrapped = json::Object{{"status", with}};
  EXPECT_EQ(condition_status(wrapped, "LiveMigratable"), "True");
  const json::Value without = vm_status({&vm, nullptr, true, false, noon});
  EXPECT_FALSE(json::bool_at(without, "/ready", true));
  EXPECT_EQ(json::string_at(without, "/printableStatus"), "ErrorPvcNotFound");
  EXPECT_EQ(json::string_at(without, "/conditions/0/reason"), "VMINotExists");
}

TEST(Eligibility, FirstFindingInOrder) {
  const AccessModes modes = [](const std::string& claim) -> std::optional<json::Array> {
    if (claim == "gone") return std::nullopt;
    return json::Array{claim == "shared" ? "ReadWriteMany" : "ReadWriteOnce"};
  };
  const auto verdict = [&](const std::string& binding, const std::string& volume, bool annotated = false) {
    auto vmi = yaml("{metadata: {}, spec: {networks: [{name: d, pod: {}}], domain: {devices: {interfaces: [{name: d, " +
                    binding + ": {}}]}}, volumes: [" + volume + "]}}");
    if (annotated) json::set(vmi, "/metadata/annotations/kubevirt.io~1allow-pod-bridge-network-live-migration", "");
    return live_migratable(vmi, modes);
  };
  const std::string shared = "{name: r, persistentVolumeClaim: {claimName: shared}}";
  EXPECT_TRUE(verdict("masquerade", shared).migratable);
  EXPECT_TRUE(verdict("bridge", shared, true).migratable);
  EXPECT_EQ(verdict("bridge", "{name: r, hostDisk: {path: /x}}").reason, "InterfaceNotLiveMigratable");
  EXPECT_EQ(verdict("bridge", shared).message,
            "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network");
  EXPECT_EQ(verdict("masquerade", "{name: r, persistentVolumeClaim: {claimName: own}}").message,
            "cannot migrate VMI: PVC own is not shared, live migration requires that all PVCs must be shared (using "
            "ReadWriteMany access mode)");
  EXPECT_EQ(verdict("masquerade", "{name: r, persistentVolumeClaim: {claimName: gone}}").message,
            "cannot migrate VMI: Unable to determine if PVC gone is shared, live migration requires that all PVCs must "
            "be shared (using ReadWriteMany access mode)");
  EXPECT_EQ(verdict("masquerade", "{name: r, hostDisk: {path: /x}}").message,
            "cannot migrate VMI with non-shared HostDisk");
  EXPECT_TRUE(verdict("masquerade", "{name: r, hostDisk: {path: /x, shared: true}}").migratable);
  EXPECT_EQ(live_migratable(yaml("{spec: {networks: [{name: d, pod: {}}]}}"), modes).message,
            "no primary interface found for network d");
  EXPECT_TRUE(live_migratable(yaml("{spec: {}}"), modes).migratable);
}

TEST(Addresses, GivesEachOnce) {
  const auto range = parse_range("198.19.0.0/29", "198.19.0.1").value();
  std::set<std::uint32_t> used;
  std::uint32_t last = 0;
  for (const auto* expected : {"198.19.0.2", "198.19.0.3", "198.19.0.4", "198.19.0.5", "198.19.0.6"}) {
    const auto address = next_free(range, used, last);
    ASSERT_TRUE(address);
    EXPECT_EQ(format_ipv4(*address), expected);
    used.insert(last = *address);
  }
  EXPECT_EQ(next_free(range, used, last), std::nullopt);
  used.erase(*parse_ipv4("198.19.0.3"));
  EXPECT_EQ(format_ipv4(*next_free(range, used, last)), "198.19.0.3");
  for (const auto* bad : {"198.19.0.0", "198.19.0.0/33", "198.19.0.0/31", "x/24", "1.2.3.4.5/24", ""})
    EXPECT_FALSE(parse_range(bad, "")) << bad;
}

TEST(Addresses, MacsAreStableAndPrivate) {
  EXPECT_EQ(stable_mac("n", "v", 0), stable_mac("n", "v", 0));
  EXPECT_NE(stable_mac("n", "v", 0), stable_mac("n", "v", 1));
  EXPECT_NE(stable_mac("n", "v", 0), stable_mac("m", "v", 0));
  EXPECT_TRUE(is_mac(stable_mac("n", "v", 0)));
  EXPECT_FALSE(is_mac("02:00:00:00:00:0g"));
  EXPECT_TRUE(is_mac("02-00-00-00-00-0F"));
}

TEST(Claims, FindsTheVolume) {
  const auto shared = [](const std::string& text) { return std::make_shared<const json::Value>(yaml(text)); };
  const auto claim = yaml(
      "{metadata: {name: c, namespace: ns, uid: C}, spec: {storageClassName: s, accessModes: [ReadWriteOnce], "
      "resources: {requests: {storage: 1Gi}}}}");
  const auto volume = [&](const std::string& name, const std::string& size, const std::string& more = "") {
    return shared("{metadata: {name: " + name +
                  "}, spec: {storageClassName: s, accessModes: [ReadWriteOnce, ReadWriteMany], capacity: {storage: " +
                  size + "}" + more + "}, status: {phase: Available}}");
  };
  const auto large = volume("large", "5Gi");
  const auto small = volume("small", "512Mi");
  const auto fits = volume("fits", "2Gi");
  const auto made = volume("made", "1Gi", ", claimRef: {namespace: ns, name: c, uid: C}");
  const auto others = volume("others", "1Gi", ", claimRef: {namespace: ns, name: c, uid: earlier}");
  EXPECT_EQ(volume_for(claim, {large, small, fits}), fits);
  EXPECT_EQ(volume_for(claim, {large, made}), made);
  EXPECT_EQ(volume_for(claim, {small, others}), nullptr);
  EXPECT_EQ(default_class(
                {shared("{metadata: {name: a}}"),
                 shared("{metadata: {name: b, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}}")}),
            "b");
  EXPECT_EQ(default_class({}), "");
}

}  // namespace
}  // namespace godwit::rules
