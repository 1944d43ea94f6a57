#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/launcher_pod.hpp"
#include "rules/objects.hpp"
#include "rules/placement_fixture_test.hpp"

namespace godwit::rules {
namespace {

TEST_F(PlacementTest, TakesTheEmptiestAndThenTheFirst) {
  EXPECT_EQ(place_now().node, "a");
  pods.push_back(pod("q", "2Gi", "a"));
  EXPECT_EQ(place_now().node, "b");
  pods.push_back(pod("r", "1Gi"));
  assumed["r"] = "b";
  EXPECT_EQ(place_now().node, "c");
  json::set(pods[0], "/status/phase", "Succeeded");  // ended: takes no room
  EXPECT_EQ(place_now().node, "a");
}

TEST_F(PlacementTest, SaysWhyAsTheSchedulerDoes) {
  json::set(nodes[0], "/spec/unschedulable", true);
  json::set(nodes[1], "/metadata/labels/disk", "hdd");
  json::set(wanted, "/spec/nodeSelector/disk", "ssd");
  pods.push_back(pod("q", "3584Mi", "c"));
  const auto placement = place_now();
  EXPECT_EQ(placement.node, "");
  EXPECT_EQ(placement.message,
            "0/3 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector, "
            "1 node(s) were unschedulable. preemption: 0/3 nodes are available: 1 No preemption victims found for "
            "incoming pod, 2 Preemption is not helpful for scheduling.");
  EXPECT_THAT(
      placement.per_node,
      testing::ElementsAre("a: node(s) were unschedulable", "b: node(s) didn't match Pod's node affinity/selector",
                           "c: Insufficient memory (memory: 1.0 GiB wanted, 512.0 MiB of 4.0 GiB free)"));
  EXPECT_TRUE(placement.blocked.nodes && placement.blocked.capacity);
  EXPECT_FALSE(placement.blocked.pods || placement.blocked.volumes);
}

TEST_F(PlacementTest, WithoutNodes) {
  nodes.clear();
  EXPECT_EQ(place_now().message, "no nodes available to schedule pods");
}

TEST_F(PlacementTest, KeepsOffWhatIsNotReadyOrTainted) {
  json::set(nodes[0], "/status/conditions/0/status", "Unknown");
  json::set(nodes[1], "/spec/taints", yaml("[{key: k, value: v, effect: NoSchedule}]"));
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/spec/taints", yaml("[{key: k2, effect: NoExecute}]"));
  EXPECT_THAT(place_now().message, testing::HasSubstr("1 node(s) had untolerated taint {k: v}"));
  json::set(wanted, "/spec/tolerations", yaml("[{key: k, operator: Equal, value: v, effect: NoSchedule}]"));
  EXPECT_EQ(place_now().node, "b");
  json::set(nodes[1], "/spec/taints/0/effect", "PreferNoSchedule");
  json::set(wanted, "/spec/tolerations", json::Array{});
  EXPECT_EQ(place_now().node, "b");
}

TEST_F(PlacementTest, NodeAffinity) {
  const auto want = [&](const std::string& terms) {
    json::set(wanted, "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
              yaml(terms));
    return place_now().node;
  };
  json::set(nodes[2], "/metadata/labels/gen", "7");
  EXPECT_EQ(want("[{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [b]}]}]"), "b");
  EXPECT_EQ(want("[{matchExpressions: [{key: kubernetes.io/hostname, operator: NotIn, values: [a]}]}]"), "b");
  EXPECT_EQ(want("[{matchExpressions: [{key: gen, operator: Exists}]}]"), "c");
  EXPECT_EQ(want("[{matchExpressions: [{key: gen, operator: Gt, values: ['6']}]}]"), "c");
  EXPECT_EQ(want("[{matchExpressions: [{key: gen, operator: Lt, values: ['7']}]}]"), "");
  EXPECT_EQ(want("[{matchExpressions: [{key: no, operator: Exists}]}, {matchFields: [{key: metadata.name, operator: "
                 "In, values: [b]}]}]"),
            "b");
  EXPECT_EQ(want("[{}]"), "");
}

TEST_F(PlacementTest, AMigrationsTargetKeepsOffTheSource) {
  const auto vmi = yaml("{metadata: {name: v, namespace: ns, uid: vu}, spec: {domain: {memory: {guest: 1Gi}}}}");
  const auto vmim = yaml(
      "{metadata: {name: m, namespace: ns, uid: mu}, spec: {vmiName: v, addedNodeSelector: {disk: hdd, "
      "kubernetes.io/arch: arm64}}}");
  auto source = launcher_pod(vmi);
  json::set(source, "/spec/nodeName", "a");
  pods = {source};
  wanted = target_pod(vmi, vmim, nodes[0]);
  EXPECT_EQ(json::string_at(wanted, "/spec/nodeSelector/kubernetes.io~1arch"), "amd64");  // may only narrow
  EXPECT_EQ(json::string_at(wanted, "/spec/nodeSelector/godwit.io~1accelerator"), "tcg");
  EXPECT_EQ(place_now().node, "");
  json::set(nodes[0], "/metadata/labels/disk", "hdd");
  EXPECT_THAT(place_now().message, testing::HasSubstr("1 node(s) didn't match pod anti-affinity rules"));
  json::set(nodes[2], "/metadata/labels/disk", "hdd");
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/metadata/labels/godwit.io~1accelerator", "kvm");
  EXPECT_EQ(place_now().node, "");
}

TEST(LauncherPod, GoesWhereItsCpuIs) {
  auto vmi = yaml(
      "{metadata: {name: v, namespace: ns, uid: vu}, spec: {domain: {memory: {guest: 1Gi}, cpu: {model: Penryn, "
      "features: [{name: aes}, {name: avx, policy: optional}, {name: svm, policy: forbid}]}}, affinity: {nodeAffinity: "
      "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: "
      "Exists}]}, {}, {matchFields: [{key: metadata.name, operator: In, values: [n]}]}]}}}}}");
  auto made = launcher_pod(vmi);
  EXPECT_EQ(json::string_at(made, "/spec/nodeSelector/cpu-model.node.kubevirt.io~1Penryn"), "true");
  EXPECT_EQ(json::string_at(made, "/spec/nodeSelector/cpu-feature.node.kubevirt.io~1aes"), "true");
  EXPECT_EQ(json::find(made, "/spec/nodeSelector/cpu-feature.node.kubevirt.io~1avx"), nullptr);
  const std::string terms =
      "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
  EXPECT_EQ(json::string_at(made, terms + "/0/matchExpressions/1/key"), "cpu-feature.node.kubevirt.io/svm");
  // Kubernetes: a term without conditions matches no node. With one it would match nearly all.
  EXPECT_EQ(json::object_at(made, terms + "/1").size(), 0U);
  EXPECT_EQ(json::string_at(made, terms + "/2/matchExpressions/0/operator"), "DoesNotExist");

  json::set(vmi, "/spec/affinity", json::Object{});
  made = launcher_pod(vmi);
  EXPECT_EQ(json::array_at(made, terms).size(), 1U);
  EXPECT_EQ(json::string_at(made, terms + "/0/matchExpressions/0/operator"), "DoesNotExist");
}

TEST(TargetPod, OfHostModelLooksForTheModelThatTheGuestGot) {
  auto vmi = yaml(
      "{metadata: {name: v, namespace: ns, uid: vu, annotations: {godwit.io/cpu: 'EPYC,+avx2,-svm,enforce'}}, spec: "
      "{domain: {memory: {guest: 1Gi}, cpu: {model: host-model}}}}");
  const auto vmim = yaml("{metadata: {name: m, namespace: ns, uid: mu}, spec: {vmiName: v}}");
  const auto node = yaml(
      "{metadata: {name: n, labels: {cpu-vendor.node.kubevirt.io/AMD: 'true', host-model-cpu.node.kubevirt.io/Other: "
      "'true'}}}");
  const auto selector = json::object_at(target_pod(vmi, vmim, node), "/spec/nodeSelector");
  EXPECT_TRUE(selector.contains("cpu-model-migration.node.kubevirt.io/EPYC"));
  EXPECT_TRUE(selector.contains("cpu-feature.node.kubevirt.io/avx2"));
  EXPECT_TRUE(selector.contains("cpu-vendor.node.kubevirt.io/AMD"));
  EXPECT_FALSE(selector.contains("cpu-feature.node.kubevirt.io/svm"));
  json::set(vmi, "/spec/domain/cpu/model", "host-passthrough");
  EXPECT_FALSE(json::object_at(target_pod(vmi, vmim, node), "/spec/nodeSelector")
                   .contains("cpu-model-migration.node.kubevirt.io/EPYC"));
}

TEST_F(PlacementTest, CountsEveryKindOfResource) {
  json::set(nodes[1], "/status/allocatable/devices.kubevirt.io~1kvm", "1");
  json::set(wanted, "/spec/containers/0/resources/requests/devices.kubevirt.io~1kvm", "1");
  EXPECT_EQ(place_now().node, "b");
  pods = {wanted};
  json::set(pods[0], "/metadata/uid", "other");
  json::set(pods[0], "/spec/nodeName", "b");
  EXPECT_EQ(
      place_now().message,
      "0/3 nodes are available: 3 Insufficient devices.kubevirt.io/kvm. preemption: 0/3 nodes are available: 1 No "
      "preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.");
  json::set(nodes[0], "/status/allocatable/pods", "0");
  json::set(nodes[0], "/status/allocatable/cpu", "50m");
  json::set(wanted, "/spec/containers/0/resources/requests/memory", "8Gi");
  EXPECT_THAT(place_now().message,
              testing::HasSubstr("1 Insufficient cpu, 1 Too many pods, 3 Insufficient devices.kubevirt.io/kvm, 3 "
                                 "Insufficient memory. preemption"));
}

TEST_F(PlacementTest, TellsWhereOthersWouldHaveToGo) {
  pods = {pod("q", "4Gi", "a"), pod("r", "4Gi", "b"), pod("s", "4Gi", "c")};
  json::set(wanted, "/spec/priority", 10);
  EXPECT_THAT(
      place_now().message,
      testing::HasSubstr("preemption: 0/3 nodes are available: 3 not built yet: preemption of pods with a lower "
                         "priority."));
  json::set(wanted, "/spec/preemptionPolicy", "Never");
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 3 Insufficient memory. preemption: not eligible due to preemptionPolicy=Never.");
}

TEST_F(PlacementTest, NamedNodesLeaveTheOthersOut) {
  json::set(nodes[1], "/spec/unschedulable", true);
  json::set(wanted, "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
            yaml("[{matchFields: [{key: metadata.name, operator: In, values: [b]}]}]"));
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.");
}

TEST_F(PlacementTest, ConditionsCountBeforeTheyAreTaints) {
  json::set(nodes[0], "/status/conditions",
            yaml("[{type: Ready, status: 'True'}, {type: MemoryPressure, status: 'True'}]"));
  EXPECT_EQ(place_now().node, "b");
  json::set(nodes[1], "/status/conditions/0/status", "False");
  json::set(nodes[2], "/status/conditions/0/status", "Unknown");
  EXPECT_THAT(place_now().message,
              testing::StartsWith("0/3 nodes are available: 1 node(s) had untolerated taint "
                                  "{node.kubernetes.io/memory-pressure: }, 1 node(s) had untolerated taint "
                                  "{node.kubernetes.io/not-ready: }, 1 node(s) had untolerated taint "
                                  "{node.kubernetes.io/unreachable: }. preemption: "));
}

TEST(LauncherPod, RequestsWhatIsSetAside) {
  const auto memory = [](const std::string& domain) {
    auto vmi = yaml("{metadata: {name: v, namespace: ns, uid: vu}}");
    json::set(vmi, "/spec/domain", yaml(domain));
    return json::string_at(launcher_pod(vmi), "/spec/containers/0/resources/requests/memory");
  };
  EXPECT_EQ(memory("{memory: {guest: 1Gi}}"), std::to_string((1024 + 220 + 128) * 1024) + "Ki");
  EXPECT_EQ(memory("{memory: {guest: 1Gi}, resources: {requests: {memory: 512Mi}}}"),
            std::to_string((512 + 220 + 128) * 1024) + "Ki");
  EXPECT_EQ(memory("{memory: {guest: 1Gi}, resources: {overcommitGuestOverhead: true}}"), "1048576Ki");
}

TEST(LauncherPod, IsWhatTheContractSays) {
  auto vmi = yaml(
      "{metadata: {name: v, namespace: ns, uid: vu, labels: {mine: x, kubevirt.io/migrationTargetNodeName: z}}, spec: "
      "{domain: {cpu: {cores: 2, sockets: 2}, "
      "memory: {guest: 1Gi}, machine: {type: pc-q35-10.0}}, nodeSelector: {a: b}, priorityClassName: high, "
      "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}], volumes: "
      "[{name: r, "
      "persistentVolumeClaim: {claimName: c}}]}}");
  const auto made = launcher_pod(vmi);
  EXPECT_THAT(name_of_object(made), testing::MatchesRegex("virt-launcher-v-[a-z0-9]+"));
  EXPECT_EQ(name_of_object(made), name_of_object(launcher_pod(vmi)));
  EXPECT_EQ(label_of(made, "kubevirt.io"), "virt-launcher");
  EXPECT_EQ(label_of(made, "kubevirt.io/created-by"), "vu");
  EXPECT_EQ(label_of(made, "vm.kubevirt.io/name"), "v");
  EXPECT_EQ(label_of(made, "mine"), "x");
  EXPECT_EQ(label_of(made, "kubevirt.io/migrationTargetNodeName"), "");
  EXPECT_EQ(annotation_of(made, "kubevirt.io/domain"), "v");
  EXPECT_EQ(json::string_at(made, "/metadata/ownerReferences/0/uid"), "vu");
  EXPECT_EQ(json::string_at(made, "/spec/containers/0/resources/requests/cpu"), "400m");
  EXPECT_EQ(json::string_at(made, "/spec/containers/0/resources/requests/memory"),
            std::to_string((1024 + 220 + 128) * 1024) + "Ki");
  EXPECT_EQ(json::find(made, "/spec/containers/0/resources/limits"), nullptr);
  json::set(vmi, "/spec/domain/resources/limits", json::Object{{"memory", "2Gi"}, {"cpu", "3"}});
  const auto limited = launcher_pod(vmi);
  EXPECT_EQ(json::string_at(limited, "/spec/containers/0/resources/limits/cpu"), "3");
  EXPECT_EQ(json::string_at(limited, "/spec/containers/0/resources/limits/memory"),
            std::to_string((2048 + 220 + 128) * 1024) + "Ki");
  EXPECT_EQ(json::string_at(made, "/spec/nodeSelector/machine-type.node.kubevirt.io~1pc-q35-10.0"), "true");
  EXPECT_EQ(json::string_at(made, "/spec/nodeSelector/a"), "b");
  EXPECT_EQ(json::array_at(made, "/spec/tolerations").size(), 2U);
  EXPECT_EQ(json::string_at(made, "/spec/priorityClassName"), "high");
  EXPECT_EQ(json::string_at(made, "/spec/topologySpreadConstraints/0/topologyKey"), "zone");
  EXPECT_EQ(json::string_at(made, "/spec/volumes/0/persistentVolumeClaim/claimName"), "c");
}

}  // namespace
}  // namespace godwit::rules
