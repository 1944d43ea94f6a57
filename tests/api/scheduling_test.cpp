// The scheduler and the node controllers of the program itself, seen through kubectl.
#include <gmock/gmock.h>

#include <thread>

#include "api/server_process.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using testing::HasSubstr;

class SchedulingTest : public ServerProcessTest {
 protected:
  void SetUp() override {
    ServerProcessTest::SetUp();
    if (IsSkipped()) return;
    server_.emplace(serve());
    api_ = client();
    for (const auto* name : {"alpha", "beta", "gamma"}) add_node(name);
  }

  void add_node(const std::string& name) const {
    json::Value node = json::parse(R"({"spec":{},"status":{
      "allocatable":{"cpu":"4","memory":"4Gi","pods":"10"},"conditions":[{"type":"Ready","status":"True"}]}})")
                           .value();
    json::set(node, "/metadata",
              json::Object{{"name", name}, {"labels", json::Object{{"kubernetes.io/hostname", name}}}});
    ASSERT_TRUE(api_->create(nodes, "", node));
    json::Value lease = json::Object{{"metadata", json::Object{{"name", name}}}};
    json::set(lease, "/spec", json::Object{{"holderIdentity", name}, {"leaseDurationSeconds", 3600}});
    ASSERT_TRUE(api_->create(leases, "kube-node-lease", lease));
  }

  void add_pod(const std::string& name, const std::string& spec = {}, const std::string& memory = "64Mi") const {
    const auto made = kubectl({"create", "-f", "-"}, "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
                                                         "}\nspec:\n  containers: [{name: c, "
                                                         "image: i, resources: {requests: {cpu: 100m, memory: " +
                                                         memory + "}}}]\n" + spec);
    ASSERT_TRUE(made.exit.ok()) << made.err;
  }

  template <class Condition>
  static bool eventually(Condition holds) {
    const auto deadline = Deadline::after(std::chrono::seconds{30});
    while (!deadline.passed()) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  std::string node_of(const std::string& name) const {
    const auto pod = api_->get(pods, {"default", name});
    return pod ? json::string_at(*pod, "/spec/nodeName") : std::string{};
  }
  std::string placed(const std::string& name) const {
    EXPECT_TRUE(eventually([&] { return !node_of(name).empty(); })) << kubectl({"describe", "pod", name}).out;
    return node_of(name);
  }
  /// What the PodScheduled condition says once the pod has been tried.
  std::string refusal(const std::string& name) const {
    std::string said;
    eventually([&] {
      const auto pod = api_->get(pods, {"default", name});
      for (const auto& each : json::array_at(*pod, "/status/conditions")) {
        if (json::string_at(each, "/reason") == "Unschedulable") said = json::string_at(each, "/message");
      }
      return !said.empty();
    });
    return said;
  }
  std::vector<std::string> taints_of(const std::string& name) const {
    std::vector<std::string> keys;
    const auto node = api_->get(nodes, {"", name});
    for (const auto& taint : json::array_at(*node, "/spec/taints")) {
      keys.push_back(json::string_at(taint, "/key") + ":" + json::string_at(taint, "/effect"));
    }
    return keys;
  }

  Output kubectl(std::vector<std::string> arguments, const std::string& input = {}) const {
    return run_kubectl(data() / "admin.kubeconfig", std::move(arguments), directory_.path(), input);
  }

  std::optional<Process> server_;
  std::unique_ptr<kube::Client> api_;
};

TEST_F(SchedulingTest, TaintsLabelsAndCordonsDecide) {
  EXPECT_EQ(kubectl({"taint", "nodes", "alpha", "role=db:NoSchedule"}).out, "node/alpha tainted\n");
  EXPECT_EQ(kubectl({"label", "nodes", "beta", "disk=ssd"}).out, "node/beta labeled\n");
  EXPECT_TRUE(kubectl({"cordon", "gamma"}).exit.ok());
  add_pod("plain");
  EXPECT_EQ(placed("plain"), "beta");
  add_pod("tolerant", "  tolerations: [{key: role, value: db}]\n  nodeSelector: {kubernetes.io/hostname: alpha}\n");
  EXPECT_EQ(placed("tolerant"), "alpha");
  add_pod("nvme", "  nodeSelector: {disk: nvme}\n");
  const std::string said =
      "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint "
      "{role: db}, 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for "
      "scheduling.";
  EXPECT_EQ(refusal("nvme"), said);
  EXPECT_TRUE(eventually([&] {
    const auto shown = kubectl({"describe", "pod", "nvme"}).out;
    return shown.find("FailedScheduling") != std::string::npos && shown.find(said) != std::string::npos &&
           shown.find("default-scheduler") != std::string::npos;
  })) << kubectl({"describe", "pod", "nvme"}).out;
  // What helps is noticed: the label, then the taint taken away.
  EXPECT_TRUE(kubectl({"label", "nodes", "beta", "disk=nvme", "--overwrite"}).exit.ok());
  EXPECT_EQ(placed("nvme"), "beta");
  EXPECT_EQ(kubectl({"taint", "nodes", "alpha", "role-"}).out, "node/alpha untainted\n");
  EXPECT_EQ(taints_of("alpha").size(), 0U);
  const auto described = kubectl({"describe", "pod", "nvme"}).out;
  EXPECT_THAT(described, HasSubstr("Successfully assigned default/nvme to beta"));
  EXPECT_THAT(described, HasSubstr("node.kubernetes.io/not-ready:NoExecute op=Exists for 300s"));
}

TEST_F(SchedulingTest, RoomThatComesFreeIsUsedByTheMostImportant) {
  ASSERT_TRUE(kubectl({"create", "priorityclass", "high", "--value=1000"}).exit.ok());
  for (const auto* name : {"a", "b", "c"}) add_pod(name, {}, "3Gi");
  for (const auto* name : {"a", "b", "c"}) placed(name);
  add_pod("low", {}, "3Gi");
  EXPECT_EQ(refusal("low"),
            "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption "
            "victims found for incoming pod.");
  add_pod("urgent", "  priorityClassName: high\n", "3Gi");
  EXPECT_THAT(refusal("urgent"), HasSubstr("not built yet: preemption"));
  const auto freed = node_of("b");
  ASSERT_TRUE(kubectl({"delete", "pod", "b", "--grace-period=0", "--force"}).exit.ok());
  EXPECT_EQ(placed("urgent"), freed);
  EXPECT_EQ(node_of("low"), "");
  EXPECT_EQ(json::int_at(*api_->get(pods, {"default", "urgent"}), "/spec/priority"), 1000);
  // Tried again without effect, it says nothing new.
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  const auto events = kubectl({"get", "events", "--field-selector", "involvedObject.name=low", "-o",
                               "jsonpath={range .items[*]}{.count} {.reason}{\"\\n\"}{end}"});
  EXPECT_EQ(events.out, "1 FailedScheduling\n");
}

TEST_F(SchedulingTest, AClaimThatGetsBoundLetsThePodGo) {
  add_pod("p", "  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]\n");
  EXPECT_THAT(refusal("p"), HasSubstr("0/3 nodes are available: persistentvolumeclaim \"data\" not found. preemption"));
  ASSERT_TRUE(
      kubectl({"create", "-f", "-"}, R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data"},
    "spec":{"storageClassName":"","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}})")
          .exit.ok());
  EXPECT_TRUE(eventually([&] {
    return kubectl({"describe", "pod", "p"}).out.find("pod has unbound immediate PersistentVolumeClaims. preemption") !=
           std::string::npos;
  }));
  ASSERT_TRUE(kubectl({"create", "-f", "-"}, R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},
    "spec":{"storageClassName":"","accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},"hostPath":{"path":"/tmp/x"},
    "nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["gamma"]}]}]}}}})")
                  .exit.ok());
  EXPECT_EQ(placed("p"), "gamma");
}

TEST_F(SchedulingTest, ConditionsBecomeTaintsAndGoAgain) {
  EXPECT_TRUE(kubectl({"cordon", "alpha"}).exit.ok());
  EXPECT_TRUE(eventually(
      [&] { return taints_of("alpha") == std::vector<std::string>{"node.kubernetes.io/unschedulable:NoSchedule"}; }));
  EXPECT_TRUE(kubectl({"uncordon", "alpha"}).exit.ok());
  EXPECT_TRUE(eventually([&] { return taints_of("alpha").empty(); }));
  const auto condition = [&](const std::string& list) {
    ASSERT_TRUE(api_->patch(nodes, {"", "beta"}, kube::PatchType::merge,
                            json::parse(R"({"status":{"conditions":)" + list + "}}").value(), "status"));
  };
  condition(R"([{"type":"Ready","status":"True"},{"type":"MemoryPressure","status":"True"}])");
  EXPECT_TRUE(eventually(
      [&] { return taints_of("beta") == std::vector<std::string>{"node.kubernetes.io/memory-pressure:NoSchedule"}; }));
  condition(R"([{"type":"Ready","status":"True"}])");
  EXPECT_TRUE(eventually([&] { return taints_of("beta").empty(); }));
}

TEST_F(SchedulingTest, NoExecuteTaintsTakePodsAway) {
  add_pod("stays", "  nodeName: alpha\n  tolerations: [{key: out, operator: Exists}]\n");
  add_pod("goes", "  nodeName: alpha\n");
  add_pod(
      "later",
      "  nodeName: alpha\n  tolerations: [{key: out, operator: Exists, effect: NoExecute, tolerationSeconds: 1}]\n");
  ASSERT_TRUE(kubectl({"taint", "nodes", "alpha", "out=true:NoExecute"}).exit.ok());
  const auto leaves = [&](const std::string& name) {
    return eventually([&] {
      const auto pod = api_->get(pods, {"default", name});
      return !pod || json::find(*pod, "/metadata/deletionTimestamp") != nullptr;
    });
  };
  EXPECT_TRUE(leaves("goes"));
  EXPECT_TRUE(leaves("later"));
  const auto stays = api_->get(pods, {"default", "stays"});
  ASSERT_TRUE(stays);
  EXPECT_EQ(json::find(*stays, "/metadata/deletionTimestamp"), nullptr);
}

TEST_F(SchedulingTest, WrongRulesAreRefusedByTheirPaths) {
  const std::string pod =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  containers: [{name: c, image: i}]\n";
  EXPECT_THAT(kubectl({"create", "-f", "-"}, pod + "  tolerations: [{key: k, operator: Like}]\n").err,
              HasSubstr("spec.tolerations[0].operator: Unsupported value: \"Like\": "
                        "supported values: \"Equal\", \"Exists\""));
  EXPECT_THAT(kubectl({"create", "-f", "-"}, pod + "  priorityClassName: none\n").err,
              HasSubstr("pods \"bad\" is forbidden: no PriorityClass with name none was found"));
  const std::string vmi =
      "apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: v}\nspec:\n  domain: {memory: "
      "{guest: "
      "64Mi}, devices: {}}\n";
  EXPECT_THAT(kubectl({"create", "-f", "-"}, vmi + "  topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, "
                                                   "whenUnsatisfiable: DoNotSchedule}]\n")
                  .err,
              HasSubstr("spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than 0"));
  EXPECT_THAT(kubectl({"get", "priorityclasses"}).out, HasSubstr("system-node-critical      2000001000"));
}

TEST_F(SchedulingTest, AVmisRulesReachItsPod) {
  ASSERT_TRUE(
      kubectl({"create", "configmap", "godwit-network", "-n", "kube-system", "--from-literal=podCIDR=198.19.0.0/24",
               "--from-literal=gateway=198.19.0.1", "--from-literal=mtu=1400", "--from-literal=vni=7"})
          .exit.ok());
  ASSERT_TRUE(kubectl({"create", "priorityclass", "high", "--value=1000"}).exit.ok());
  const auto made = kubectl({"create", "-f", "-"}, R"(
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: v}
spec:
  priorityClassName: high
  tolerations: [{key: role, operator: Exists}]
  nodeSelector: {disk: ssd}
  affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: a, operator: Exists}]}}]}}
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
  domain: {memory: {guest: 64Mi}, devices: {}}
)");
  ASSERT_TRUE(made.exit.ok()) << made.err;
  json::Value pod;
  ASSERT_TRUE(eventually([&] {
    const auto all = api_->list(pods, "default");
    if (!all || all->items.empty()) return false;
    pod = all->items[0];
    return json::find(pod, "/status/conditions") != nullptr;
  }));
  EXPECT_EQ(json::int_at(pod, "/spec/priority"), 1000);
  EXPECT_EQ(json::string_at(pod, "/spec/tolerations/0/key"), "role");
  EXPECT_EQ(json::array_at(pod, "/spec/tolerations").size(), 3U);  // silent nodes, for ever
  EXPECT_EQ(json::string_at(pod, "/spec/topologySpreadConstraints/0/topologyKey"), "zone");
  EXPECT_NE(json::find(pod, "/spec/affinity/nodeAffinity"), nullptr);
  EXPECT_TRUE(eventually([&] {
    const auto shown = kubectl({"describe", "vmi", "v"}).out;
    return shown.find("fits on no node. alpha: node(s) didn't match Pod's node affinity/selector; beta: ") !=
           std::string::npos;
  })) << kubectl({"describe", "vmi", "v"}).out;
}

}  // namespace
}  // namespace godwit
