// What kubectl shows: tables and their watch, selectors, columns, sorting, events, describe, wait, who may do what.
#include <gmock/gmock.h>

#include <thread>

#include "api/api_test.hpp"

namespace godwit {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using namespace kube::resources;

class KubectlReads : public ApiTest {
 protected:
  json::Value make(const kube::Resource& resource, const std::string& ns, const std::string& object) {
    const auto made = client_->create(resource, ns, *json::parse(object));
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(json::Value(json::Object{}));
  }
  void make_pod(const std::string& name, const std::string& node, const std::string& phase) {
    make(pods, "default",
         R"({"metadata":{"name":")" + name + R"("},"spec":{"nodeName":")" + node +
             R"(","containers":[{"name":"compute"}]},"status":{"phase":")" + phase + R"("}})");
  }
  std::string get(std::vector<std::string> words) const {
    words.insert(words.begin(), "get");
    const Output output = kubectl(words);
    EXPECT_TRUE(output.exit.ok()) << output.err;
    return output.out;
  }
  bool is_new() const { return kubectl({"version", "--client"}).out.find("Kustomize") != std::string::npos; }
};

TEST_F(KubectlReads, FieldSelectors) {
  make_pod("a", "alpha", "Running");
  make_pod("b", "beta", "Running");
  make_pod("c", "alpha", "Succeeded");
  EXPECT_EQ(get({"pods", "--field-selector", "spec.nodeName=alpha", "-o", "name"}), "pod/a\npod/c\n");
  EXPECT_EQ(get({"pods", "--field-selector", "spec.nodeName=alpha,status.phase!=Running", "-o", "name"}), "pod/c\n");
  EXPECT_EQ(get({"pods", "--field-selector", "metadata.name=b", "-o", "name"}), "pod/b\n");
  EXPECT_THAT(kubectl({"get", "pods", "--field-selector", "spec.color=red"}).err,
              HasSubstr("field label not supported: spec.color"));
}

TEST_F(KubectlReads, MachinesAreSelectedByWhereTheyRun) {
  make(
      virtual_machine_instances, "default",
      R"({"metadata":{"name":"v1"},"spec":{"domain":{"devices":{}}},"status":{"nodeName":"alpha","phase":"Running"}})");
  make(virtual_machine_instances, "default", R"({"metadata":{"name":"v2"},"spec":{"domain":{"devices":{}}}})");
  EXPECT_THAT(get({"vmi", "--field-selector", "status.nodeName=alpha", "-o", "name"}), HasSubstr("/v1\n"));
  EXPECT_THAT(get({"vmi", "--field-selector", "status.phase=Running", "-o", "name"}), Not(HasSubstr("v2")));
}

TEST_F(KubectlReads, SortingAndColumnsOfOnesOwn) {
  make_pod("a", "zeta", "Running");
  make_pod("b", "eta", "Running");
  EXPECT_EQ(get({"pods", "--sort-by=.spec.nodeName", "-o", "name"}), "pod/b\npod/a\n");
  EXPECT_THAT(get({"pods", "--sort-by=.spec.nodeName"}), ContainsRegex("b .*\na "));
  EXPECT_EQ(get({"pods", "-o", "custom-columns=N:.metadata.name,W:.spec.nodeName", "--no-headers"}),
            "a     zeta\nb     eta\n");
}

TEST_F(KubectlReads, WideTables) {
  make_pod("a", "", "Pending");
  EXPECT_THAT(get({"pods", "-o", "wide"}),
              ContainsRegex("a +0/1 +Pending +0 +[0-9]+s +<none> +<none> +<none> +<none>"));
  make(nodes, "", R"({"metadata":{"name":"alpha","labels":{"node-role.kubernetes.io/worker":""}},"spec":{},
                      "status":{"conditions":[{"type":"Ready","status":"True"}],
                                "addresses":[{"type":"InternalIP","address":"198.18.0.11"}],
                                "nodeInfo":{"kubeletVersion":"godwit-0.1.0","osImage":"Debian"}}})");
  EXPECT_THAT(
      get({"nodes", "-o", "wide"}),
      ContainsRegex("alpha +Ready +worker +[0-9]+s +godwit-0.1.0 +198.18.0.11 +<none> +Debian +<unknown> +<unknown>"));
  EXPECT_THAT(get({"vmim", "-A", "-o", "wide"}), HasSubstr(""));
  make(virtual_machine_instance_migrations, "default", R"({"metadata":{"name":"m"},"spec":{"vmiName":"v1"}})");
  ASSERT_TRUE(client_->patch(
      virtual_machine_instance_migrations, {.ns = "default", .name = "m"}, kube::PatchType::merge,
      *json::parse(R"({"status":{"phase":"Succeeded","migrationState":{"sourceNode":"alpha","targetNode":"beta"},
                       "result":{"downtimeMs":17,"totalMs":420}}})"),
      "status"));
  EXPECT_THAT(get({"vmim", "-o", "wide"}), ContainsRegex("m +Succeeded +v1 +alpha +beta +[0-9]+s +17 +420"));
}

TEST_F(KubectlReads, AccessModesHaveKubernetesOrder) {
  make(persistent_volumes, "",
       R"({"metadata":{"name":"p"},"spec":{"capacity":{"storage":"1Gi"},"claimRef":{"name":"c","namespace":"default"},
           "accessModes":["ReadWriteMany","ReadWriteOnce"],"hostPath":{"path":"/x"}}})");
  EXPECT_THAT(get({"pv"}), ContainsRegex("p +1Gi +RWO,RWX "));
}

TEST_F(KubectlReads, TablesAreWatched) {
  make_pod("a", "", "Pending");
  Output watched;
  std::jthread watcher{[&] { watched = kubectl({"get", "pods", "-w", "--request-timeout=3s"}); }};
  std::this_thread::sleep_for(std::chrono::milliseconds{1200});
  ASSERT_TRUE(client_->patch(pods, {.ns = "default", .name = "a"}, kube::PatchType::merge,
                             *json::parse(R"({"status":{"phase":"Running"}})"), "status"));
  make_pod("b", "alpha", "Running");
  watcher.join();
  EXPECT_THAT(watched.out,
              ContainsRegex("NAME +READY +STATUS +RESTARTS +AGE\na +0/1 +Pending .*\na +0/1 +Running .*\nb "));
  EXPECT_EQ(watched.out.find("NAME", 4), std::string::npos) << "the heading comes once\n" << watched.out;
}

TEST_F(KubectlReads, Events) {
  make_pod("a", "", "Pending");
  const std::string uid = get({"pod", "a", "-o", "jsonpath={.metadata.uid}"});
  for (const auto& [name, about] : {std::pair{"e1", "a"}, {"e2", "b"}}) {
    make(events, "default",
         std::string{R"({"metadata":{"name":")"} + name +
             R"("},"involvedObject":{"kind":"Pod","apiVersion":"v1","namespace":"default","name":")" + about +
             R"(","uid":")" + (std::string{about} == "a" ? uid : "other") + R"("},"reason":"Looked","message":"at )" +
             about + R"(","type":"Normal","lastTimestamp":"2026-12-01T10:00:00Z","source":{"component":"test"}})");
  }
  EXPECT_THAT(get({"events", "--field-selector", "involvedObject.name=a"}), HasSubstr("at a"));
  EXPECT_THAT(get({"events", "--field-selector", "involvedObject.name=a"}), Not(HasSubstr("at b")));
  EXPECT_THAT(kubectl({"describe", "pod", "a"}).out, HasSubstr("at a"));
  if (!is_new()) return;  // 1.20 has no such verb
  const Output of_pod = kubectl({"events", "--for", "pod/a"});
  EXPECT_THAT(of_pod.out, HasSubstr("at a")) << of_pod.err;
  EXPECT_THAT(of_pod.out, Not(HasSubstr("at b")));
  EXPECT_THAT(kubectl({"events"}).out, HasSubstr("at b"));
}

TEST_F(KubectlReads, DescribesEveryKind) {
  make_pod("p", "", "Pending");
  make(nodes, "", R"({"metadata":{"name":"alpha"},"spec":{}})");
  make(
      persistent_volume_claims, "default",
      R"({"metadata":{"name":"c"},"spec":{"accessModes":["ReadWriteMany"],"resources":{"requests":{"storage":"1Gi"}}}})");
  make(storage_classes, "", R"({"metadata":{"name":"s"},"provisioner":"godwit.io/shared"})");
  make(virtual_machine_instances, "default", R"({"metadata":{"name":"v"},"spec":{"domain":{"devices":{}}}})");
  make(virtual_machine_instance_migrations, "default", R"({"metadata":{"name":"m"},"spec":{"vmiName":"v"}})");
  make(kubevirts, "default", R"({"metadata":{"name":"k"},"spec":{}})");
  for (const char* object : {"pod/p", "node/alpha", "pvc/c", "sc/s", "vmi/v", "vmim/m", "kubevirt/k", "ns/default"}) {
    const Output described = kubectl({"describe", object});
    EXPECT_TRUE(described.exit.ok()) << object << ": " << described.err;
    EXPECT_EQ(described.err, "") << object;
    EXPECT_THAT(described.out, HasSubstr("Name:")) << object;
    EXPECT_THAT(described.out, Not(HasSubstr("0001"))) << object;
  }
}

TEST_F(KubectlReads, Waits) {
  make(virtual_machine_instances, "default", R"({"metadata":{"name":"v"},"spec":{"domain":{"devices":{}}}})");
  const kube::Key key{.ns = "default", .name = "v"};
  std::jthread later{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{700});
    (void)client_->patch(
        virtual_machine_instances, key, kube::PatchType::merge,
        *json::parse(R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})"));
  }};
  const Output ready = kubectl({"wait", "vmi/v", "--for=condition=Ready", "--timeout=20s"});
  EXPECT_TRUE(ready.exit.ok()) << ready.err;
  later.join();
  if (is_new()) {
    const Output phase = kubectl({"wait", "vmi/v", "--for=jsonpath={.status.phase}=Running", "--timeout=20s"});
    EXPECT_TRUE(phase.exit.ok()) << phase.err;
  }
  std::jthread remover{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{700});
    (void)client_->remove(virtual_machine_instances, key);
  }};
  const Output gone = kubectl({"wait", "vmi/v", "--for=delete", "--timeout=20s"});
  EXPECT_TRUE(gone.exit.ok()) << gone.err;
  EXPECT_NE(kubectl({"wait", "node/none", "--for=condition=Ready", "--timeout=1s"}).exit.status, 0);
}

TEST_F(KubectlReads, TellsAboutItself) {
  EXPECT_THAT(kubectl({"api-versions"}).out, HasSubstr("kubevirt.io/v1\n"));
  EXPECT_THAT(kubectl({"cluster-info"}).out, HasSubstr("is running at"));
  EXPECT_EQ(kubectl({"auth", "can-i", "delete", "vm"}).out, "yes\n");
  EXPECT_EQ(kubectl({"auth", "can-i", "get", "pods", "--subresource=log"}).out, "yes\n");
  EXPECT_EQ(kubectl({"auth", "can-i", "--as=nobody", "delete", "vm"}).out, "no\n");
  EXPECT_THAT(kubectl({"get", "vm", "--as=nobody"}).err, HasSubstr("User \"nobody\" cannot list resource"));
  EXPECT_THAT(kubectl({"top", "nodes"}).err, HasSubstr("Metrics API not available"));
  EXPECT_THAT(kubectl({"top", "pods"}).err, HasSubstr("Metrics API not available"));
}

}  // namespace
}  // namespace godwit
