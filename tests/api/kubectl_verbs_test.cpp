// The verbs of kubectl that change objects: replace, edit, label, annotate, create with generated names, dry runs,
// diff.
#include <gmock/gmock.h>

#include "api/api_test.hpp"

namespace godwit {
namespace {

using testing::HasSubstr;
using testing::Not;

class KubectlVerbs : public ApiTest {
 protected:
  void SetUp() override {
    start();
    ASSERT_EQ(kubectl({"create", "configmap", "c", "--from-literal=colour=green"}).exit.status, 0);
  }
  std::string field(const std::string& path) const {
    return kubectl({"get", "cm", "c", "-o", "jsonpath={" + path + "}"}).out;
  }
  static std::string config_map(const std::string& colour, const std::string& version = {}) {
    return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: default\n" +
           (version.empty() ? version : "  resourceVersion: \"" + version + "\"\n") + "data: {colour: " + colour +
           "}\n";
  }
};

TEST_F(KubectlVerbs, Replace) {
  const std::string version = field(".metadata.resourceVersion");
  EXPECT_EQ(kubectl({"replace", "-f", "-"}, config_map("red")).out, "configmap/c replaced\n");
  EXPECT_EQ(field(".data.colour"), "red");
  const Output stale = kubectl({"replace", "-f", "-"}, config_map("blue", version));
  EXPECT_THAT(stale.err, HasSubstr("Conflict"));
  EXPECT_THAT(stale.err, HasSubstr("the object has been modified; please apply your changes to the latest version"));
  EXPECT_EQ(kubectl({"replace", "-f", "-"}, config_map("blue", field(".metadata.resourceVersion"))).exit.status, 0);
  EXPECT_EQ(field(".data.colour"), "blue");
}

TEST_F(KubectlVerbs, ReplaceByForceMakesItAnew) {
  const std::string uid = field(".metadata.uid");
  const Output forced = kubectl({"replace", "--force", "-f", "-"}, config_map("white"));
  EXPECT_EQ(forced.exit.status, 0) << forced.err;
  EXPECT_EQ(field(".data.colour"), "white");
  EXPECT_NE(field(".metadata.uid"), uid);
}

TEST_F(KubectlVerbs, ReplaceOfWhatIsNotThere) {
  const Output none = kubectl({"replace", "-f", "-"}, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n");
  EXPECT_THAT(none.err, HasSubstr("configmaps \"none\" not found"));
}

TEST_F(KubectlVerbs, Edit) {
  const Output edited = kubectl({"edit", "cm", "c"}, {}, {{"KUBE_EDITOR", "sed -i s/green/orange/"}});
  EXPECT_EQ(edited.out, "configmap/c edited\n") << edited.err;
  EXPECT_EQ(field(".data.colour"), "orange");
  const Output same = kubectl({"edit", "cm", "c"}, {}, {{"KUBE_EDITOR", "true"}});
  EXPECT_THAT(same.out + same.err, HasSubstr("Edit cancelled, no changes made"));
}

TEST_F(KubectlVerbs, Label) {
  EXPECT_EQ(kubectl({"label", "cm", "c", "tier=web"}).out, "configmap/c labeled\n");
  EXPECT_THAT(kubectl({"label", "cm", "c", "tier=db"}).err, HasSubstr("overwrite"));
  EXPECT_EQ(kubectl({"label", "cm", "c", "tier=db", "--overwrite"}).exit.status, 0);
  EXPECT_EQ(kubectl({"get", "cm", "-l", "tier in (db,x)", "-o", "name"}).out, "configmap/c\n");
  EXPECT_EQ(kubectl({"label", "cm", "c", "tier-"}).exit.status, 0);
  EXPECT_EQ(field(".metadata.labels.tier"), "");
}

TEST_F(KubectlVerbs, Annotate) {
  EXPECT_EQ(kubectl({"annotate", "cm", "c", "note=one"}).exit.status, 0);
  EXPECT_NE(kubectl({"annotate", "cm", "c", "note=two"}).exit.status, 0);
  EXPECT_EQ(kubectl({"annotate", "cm", "c", "note=two", "--overwrite"}).exit.status, 0);
  EXPECT_EQ(field(".metadata.annotations.note"), "two");
  EXPECT_EQ(kubectl({"annotate", "cm", "c", "note-"}).exit.status, 0);
  EXPECT_EQ(field(".metadata.annotations.note"), "");
}

TEST_F(KubectlVerbs, NamesAreGenerated) {
  const std::string object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: many-}\n";
  const Output first = kubectl({"create", "-f", "-"}, object);
  const Output second = kubectl({"create", "-f", "-"}, object);
  EXPECT_THAT(first.out, testing::MatchesRegex("configmap/many-[a-z0-9]{5} created\n"));
  EXPECT_NE(first.out, second.out);
}

TEST_F(KubectlVerbs, DryRunsChangeNothing) {
  const std::string other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
  const Output created = kubectl({"create", "--dry-run=server", "-f", "-"}, other);
  EXPECT_THAT(created.out, HasSubstr("configmap/other created (server dry run)")) << created.err;
  EXPECT_NE(kubectl({"get", "cm", "other"}).exit.status, 0);
  const std::string version = field(".metadata.resourceVersion");
  EXPECT_EQ(kubectl({"apply", "--dry-run=server", "-f", "-"}, config_map("red")).exit.status, 0);
  EXPECT_EQ(kubectl({"replace", "--dry-run=server", "-f", "-"}, config_map("red")).exit.status, 0);
  EXPECT_EQ(kubectl({"patch", "cm", "c", "--dry-run=server", "-p", R"({"data":{"colour":"red"}})"}).exit.status, 0);
  EXPECT_EQ(kubectl({"label", "cm", "c", "a=b", "--dry-run=server"}).exit.status, 0);
  EXPECT_EQ(kubectl({"delete", "cm", "c", "--dry-run=server"}).exit.status, 0);
  EXPECT_EQ(kubectl({"delete", "cm", "--all", "--dry-run=server"}).exit.status, 0);
  EXPECT_EQ(field(".metadata.resourceVersion"), version);
  EXPECT_EQ(field(".data.colour"), "green");
}

TEST_F(KubectlVerbs, DryRunsAreAdmittedLikeTheRest) {
  const Output refused =
      kubectl({"create", "--dry-run=server", "-f", "-"}, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Wrong}\n");
  EXPECT_THAT(refused.err, HasSubstr("metadata.name"));
  EXPECT_THAT(kubectl({"create", "--dry-run=server", "-f", "-"}, config_map("red")).err, HasSubstr("already exists"));
}

TEST_F(KubectlVerbs, Diff) {
  const Output different = kubectl({"diff", "-f", "-"}, config_map("red"));
  EXPECT_EQ(different.exit.status, 1) << different.err;
  EXPECT_THAT(different.out, HasSubstr("-  colour: green"));
  EXPECT_THAT(different.out, HasSubstr("+  colour: red"));
  EXPECT_THAT(different.out, Not(HasSubstr("resourceVersion")));
  ASSERT_EQ(kubectl({"apply", "-f", "-"}, config_map("red")).exit.status, 0);
  const Output same = kubectl({"diff", "-f", "-"}, config_map("red"));
  EXPECT_EQ(same.exit.status, 0) << same.out << same.err;
  EXPECT_EQ(field(".data.colour"), "red");
}

TEST_F(KubectlVerbs, MachinesToo) {
  const auto vm = [](const std::string& strategy) {
    return "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm1, namespace: default}\nspec:\n  "
           "runStrategy: " +
           strategy + "\n  template: {spec: {domain: {devices: {}, memory: {guest: 64Mi}}}}\n";
  };
  const auto strategy = [&] { return kubectl({"get", "vm", "vm1", "-o", "jsonpath={.spec.runStrategy}"}).out; };
  ASSERT_EQ(kubectl({"apply", "-f", "-"}, vm("Halted")).exit.status, 0);
  EXPECT_EQ(kubectl({"label", "vm", "vm1", "tier=web"}).out, "virtualmachine.kubevirt.io/vm1 labeled\n");
  EXPECT_EQ(kubectl({"annotate", "vm", "vm1", "note=x"}).exit.status, 0);
  const Output edited = kubectl({"edit", "vm", "vm1"}, {}, {{"KUBE_EDITOR", "sed -i s/Halted/Manual/"}});
  EXPECT_EQ(edited.exit.status, 0) << edited.err;
  EXPECT_EQ(strategy(), "Manual");
  const Output different = kubectl({"diff", "-f", "-"}, vm("Always"));
  EXPECT_EQ(different.exit.status, 1) << different.err;
  EXPECT_THAT(different.out, HasSubstr("+  runStrategy: Always"));
  EXPECT_EQ(strategy(), "Manual");
  EXPECT_EQ(kubectl({"replace", "-f", "-"}, vm("Always")).exit.status, 0);
  EXPECT_EQ(strategy(), "Always");
  EXPECT_EQ(kubectl({"delete", "vm", "vm1", "--dry-run=server"}).exit.status, 0);
  EXPECT_EQ(strategy(), "Always");
}

TEST_F(KubectlVerbs, ServerSideApplyIsRefusedClearly) {
  const Output refused = kubectl({"apply", "--server-side", "-f", "-"}, config_map("red"));
  EXPECT_NE(refused.exit.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("not built yet: server-side apply; use kubectl apply without --server-side"));
}

}  // namespace
}  // namespace godwit
