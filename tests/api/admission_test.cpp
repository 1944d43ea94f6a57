// What the API takes, refuses and presets for virtual machines, migrations and the platform's settings.
#include "api/api_test.hpp"
#include "main/kubevirt_admission.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

constexpr const char* kubevirt_manifest = R"(apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: default}
spec:
  configuration:
    evictionStrategy: LiveMigrate
    cpuRequest: 250m
    migrations: {bandwidthPerMigration: 64Mi}
)";

constexpr const char* instance_manifest = R"(apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm1, namespace: default}
spec:
  domain:
    memory: {guest: 128Mi}
    devices: {}
)";

class AdmissionTest : public ApiTest {
 protected:
  AdmissionTest() { admissions_ = {kubevirt_admission()}; }

  /// What kubectl says to a patch of the settings that the server must refuse.
  std::string refusal(const std::string& configuration) const {
    const auto patch = R"({"spec":{"configuration":)" + configuration + "}}";
    const Output output = kubectl({"patch", "kubevirt", "kubevirt", "--type", "merge", "-p", patch});
    EXPECT_FALSE(output.exit.ok()) << output.out;
    return output.err;
  }
};

TEST_F(AdmissionTest, SettingsPresetNewGuests) {
  ASSERT_TRUE(kubectl({"apply", "-f", "-"}, kubevirt_manifest).exit.ok());
  const Output made = kubectl({"create", "-f", "-"}, instance_manifest);
  ASSERT_TRUE(made.exit.ok()) << made.err;
  const auto vmi = client_->get(virtual_machine_instances, {.ns = "default", .name = "vm1"});
  ASSERT_TRUE(vmi);
  EXPECT_EQ(json::string_at(*vmi, "/spec/evictionStrategy"), "LiveMigrate");
  EXPECT_EQ(json::string_at(*vmi, "/spec/domain/resources/requests/cpu"), "250m");
}

TEST_F(AdmissionTest, SettingsAreCheckedByTheirPaths) {
  ASSERT_TRUE(kubectl({"apply", "-f", "-"}, kubevirt_manifest).exit.ok());
  for (const auto& [configuration, words] :
       {std::pair{R"({"migrations":{"bandwidthPerMigration":"fast"}})",
                  "spec.configuration.migrations.bandwidthPerMigration"},
        std::pair{R"({"migrations":{"bandwidthPerMigration":"-1Mi"}})",
                  "spec.configuration.migrations.bandwidthPerMigration must not be negative"},
        std::pair{R"({"migrations":{"completionTimeoutPerGiB":"soon"}})",
                  "spec.configuration.migrations.completionTimeoutPerGiB"},
        std::pair{R"({"migrations":{"progressTimeout":-3}})",
                  "spec.configuration.migrations.progressTimeout must not be negative"},
        std::pair{R"({"migrations":{"allowPostCopy":true}})",
                  "not built yet: spec.configuration.migrations.allowPostCopy"},
        std::pair{R"({"migrations":{"disableTLS":true}})", "not built yet: spec.configuration.migrations.disableTLS"},
        std::pair{R"({"migrations":{"paralelMigrations":3}})",
                  "unknown field \"spec.configuration.migrations.paralelMigrations\""},
        std::pair{R"({"evictionStrategy":"Later"})",
                  "spec.configuration.evictionStrategy is set with an unrecognized option: Later"}}) {
    EXPECT_NE(refusal(configuration).find(words), std::string::npos) << configuration << ": " << refusal(configuration);
  }
}

TEST_F(AdmissionTest, ThereIsOneSetOfSettings) {
  ASSERT_TRUE(kubectl({"apply", "-f", "-"}, kubevirt_manifest).exit.ok());
  const auto second = client_->create(kubevirts, "default", *json::parse(R"({"metadata":{"name":"b"},"spec":{}})"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "Kubevirt is already created");
}

TEST_F(AdmissionTest, SettingsWithoutEffectAreWarnedOf) {
  ASSERT_TRUE(kubectl({"apply", "-f", "-"}, kubevirt_manifest).exit.ok());
  const Output output = kubectl({"patch", "kubevirt", "kubevirt", "--type", "merge", "-p",
                                 R"({"spec":{"imagePullPolicy":"Always","configuration":{"smbios":{"family":"x"}}}})"});
  EXPECT_TRUE(output.exit.ok()) << output.err;
  EXPECT_NE(output.err.find("settings without effect: spec.configuration.smbios, spec.imagePullPolicy"),
            std::string::npos)
      << output.err;
  const Output labelled = kubectl({"label", "kubevirt", "kubevirt", "a=b"});
  EXPECT_EQ(labelled.err, "");
}

/// Rules grow stricter; what was stored before must stay manageable.
TEST_F(AdmissionTest, AnObjectThatWasTakenBeforeTheRulesMayBeLabelledAndDeleted) {
  const char* old_machine = R"({"metadata":{"name":"old","finalizers":["example.org/hold"]},"spec":{"runStrategy":
      "Halted","template":{"spec":{"domain":{"memory":{"guest":"1Ki"},"devices":{"gpus":[{"name":"g","deviceName":
      "d"}]}}}}}})";
  admissions_ = {};
  server_.reset();
  start();
  ASSERT_TRUE(client_->create(virtual_machines, "default", *json::parse(old_machine)));
  admissions_ = {kubevirt_admission()};
  server_.reset();
  start();
  EXPECT_TRUE(kubectl({"label", "vm", "old", "a=b"}).exit.ok());
  const Output changed =
      kubectl({"patch", "vm", "old", "--type", "merge", "-p", R"({"spec":{"runStrategy":"Always"}})"});
  EXPECT_NE(changed.err.find("not built yet"), std::string::npos) << changed.out << changed.err;
  EXPECT_TRUE(kubectl({"delete", "vm", "old", "--wait=false"}).exit.ok());
  const Output released =
      kubectl({"patch", "vm", "old", "--type", "merge", "-p", R"({"metadata":{"finalizers":null}})"});
  EXPECT_TRUE(released.exit.ok()) << released.err;
  EXPECT_FALSE(client_->get(virtual_machines, {.ns = "default", .name = "old"}));
}

}  // namespace
}  // namespace godwit
