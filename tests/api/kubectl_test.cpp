// What people type: the real kubectl against the real server.
#include "api/api_test.hpp"

namespace godwit {
namespace {

constexpr const char* config_map = R"(apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {app: demo}
data:
  colour: green
)";

TEST_F(ApiTest, KubectlGets) {
  const Output names = kubectl({"get", "namespaces"});
  EXPECT_TRUE(names.exit.ok()) << names.err;
  EXPECT_NE(names.out.find("default"), std::string::npos) << names.out;
  EXPECT_NE(names.out.find("Active"), std::string::npos) << names.out;
  const Output path = kubectl({"get", "ns", "default", "-o", "jsonpath={.metadata.name}"});
  EXPECT_EQ(path.out, "default") << path.err;
  EXPECT_NE(kubectl({"get", "ns", "-o", "yaml"}).out.find("kind: List"), std::string::npos);
}

TEST_F(ApiTest, KubectlAppliesPatchesAndDeletes) {
  Output made = kubectl({"apply", "-f", "-"}, config_map);
  EXPECT_EQ(made.out, "configmap/settings created\n") << made.err;
  EXPECT_EQ(kubectl({"apply", "-f", "-"}, config_map).out, "configmap/settings unchanged\n");
  EXPECT_EQ(kubectl({"patch", "configmap", "settings", "--type", "merge", "-p", R"({"data":{"colour":"red"}})"}).out,
            "configmap/settings patched\n");
  EXPECT_EQ(
      kubectl({"patch", "cm", "settings", "--type", "json", "-p", R"([{"op":"add","path":"/data/size","value":"XL"}])"})
          .out,
      "configmap/settings patched\n");
  EXPECT_EQ(kubectl({"patch", "cm", "settings", "-p", R"({"data":{"size":"M"}})"}).out, "configmap/settings patched\n");
  EXPECT_EQ(kubectl({"get", "cm", "settings", "-o", "jsonpath={.data.colour}/{.data.size}"}).out, "red/M");
  EXPECT_EQ(kubectl({"get", "cm", "-l", "app=demo", "-o", "name"}).out, "configmap/settings\n");
  EXPECT_EQ(kubectl({"get", "cm", "-l", "app=other", "-o", "name"}).out, "");
  EXPECT_EQ(kubectl({"delete", "cm", "settings"}).out, "configmap \"settings\" deleted\n");
  const Output gone = kubectl({"get", "cm", "settings"});
  EXPECT_NE(gone.err.find("Error from server (NotFound): configmaps \"settings\" not found"), std::string::npos)
      << gone.err;
}

TEST_F(ApiTest, KubectlCreatesAndExplains) {
  const Output created = kubectl({"create", "configmap", "c", "--from-literal=a=b"});
  EXPECT_EQ(created.out, "configmap/c created\n") << created.err;
  const Output twice = kubectl({"create", "configmap", "c"});
  EXPECT_NE(twice.err.find("already exists"), std::string::npos) << twice.err;
  const Output explained = kubectl({"explain", "virtualmachineinstancemigration.spec"});
  EXPECT_NE(explained.out.find("vmiName"), std::string::npos) << explained.out << explained.err;
  const Output resources = kubectl({"api-resources"});
  EXPECT_NE(resources.out.find("vmim"), std::string::npos) << resources.out << resources.err;
}

TEST_F(ApiTest, KubectlTellsOfUnknownFields) {
  const Output refused = kubectl({"create", "-f", "-"}, R"(apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: a}
spec:
  domain:
    devices: {}
    memroy: {guest: 1Gi}
)");
  EXPECT_NE(refused.exit.status, 0);
  EXPECT_NE(refused.err.find("memroy"), std::string::npos) << refused.err;
}

TEST_F(ApiTest, KubectlCordonsAndDescribes) {
  ASSERT_TRUE(client_->create(kube::resources::nodes, "", *json::parse(R"({"metadata":{"name":"alpha"},"spec":{}})")));
  EXPECT_EQ(kubectl({"cordon", "alpha"}).out, "node/alpha cordoned\n");
  EXPECT_NE(kubectl({"get", "nodes"}).out.find("SchedulingDisabled"), std::string::npos);
  EXPECT_EQ(kubectl({"uncordon", "alpha"}).out, "node/alpha uncordoned\n");
  const Output described = kubectl({"describe", "node", "alpha"});
  EXPECT_TRUE(described.exit.ok()) << described.err;
  EXPECT_NE(described.out.find("alpha"), std::string::npos);
}

TEST_F(ApiTest, KubectlWaitsAndWatches) {
  ASSERT_TRUE(kubectl({"create", "configmap", "w"}).exit.ok());
  ASSERT_TRUE(client_->create(
      kube::resources::nodes, "",
      *json::parse(
          R"({"metadata":{"name":"alpha"},"spec":{},"status":{"conditions":[{"type":"Ready","status":"True"}]}})")));
  const Output waited = kubectl({"wait", "node/alpha", "--for=condition=Ready", "--timeout=20s"});
  EXPECT_TRUE(waited.exit.ok()) << waited.err;
  const Output deleted = kubectl({"delete", "ns", "godwit-images", "--timeout=30s"});
  EXPECT_TRUE(deleted.exit.ok()) << deleted.err;
  const Output watched = kubectl({"get", "cm", "-A", "-w", "--request-timeout=2s"});
  EXPECT_NE(watched.out.find("w "), std::string::npos) << watched.out << watched.err;
}

}  // namespace
}  // namespace godwit
