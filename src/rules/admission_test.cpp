#include "rules/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

using testing::HasSubstr;

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

json::Value vmi(const std::string& spec) {
  return json::Object{{"metadata", json::Object{{"name", "v"}, {"namespace", "ns"}}}, {"spec", yaml(spec)}};
}

constexpr auto good = R"(
domain:
  cpu: {cores: 2}
  memory: {guest: 1Gi}
  machine: {type: q35}
  devices:
    disks: [{name: root, bootOrder: 1, disk: {bus: virtio}}]
    interfaces: [{name: default, masquerade: {}, model: virtio}]
    rng: {}
networks: [{name: default, pod: {}}]
volumes: [{name: root, persistentVolumeClaim: {claimName: c}}]
evictionStrategy: LiveMigrate
nodeSelector: {a: b}
affinity: {nodeAffinity: {}}
tolerations: [{operator: Exists}]
terminationGracePeriodSeconds: 0
)";

TEST(ValidateVmi, TakesWhatIsBuilt) {
  const auto verdict = validate_vmi(vmi(good));
  EXPECT_TRUE(verdict) << verdict.error().message;
}

struct Wrong {
  std::string pointer, value, field, message;
};

class ValidateVmiWrong : public testing::TestWithParam<Wrong> {};

TEST_P(ValidateVmiWrong, IsRefusedByField) {
  auto object = vmi(good);
  json::set(object, GetParam().pointer, yaml(GetParam().value));
  const auto verdict = validate_vmi(object);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Code::invalid);
  EXPECT_THAT(verdict.error().message, HasSubstr(GetParam().message));
  const auto& causes = verdict.error().causes;
  const bool named =
      std::any_of(causes.begin(), causes.end(), [](const auto& c) { return c.field == GetParam().field; });
  EXPECT_TRUE(named) << causes.front().field;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ValidateVmiWrong,
    testing::Values(
        Wrong{"/spec/volumes", "[{name: root, dataVolume: {name: x}}]", "spec.volumes[0].dataVolume",
              "not built yet: dataVolume volumes (there is no kind DataVolume)"},
        Wrong{"/spec/domain/devices/disks", "[{name: root, lun: {}}]", "spec.domain.devices.disks[0].lun",
              "not built yet: lun disks"},
        Wrong{"/spec/domain/devices/disks", "[{name: other, disk: {}}]", "spec.domain.devices.disks[0].name",
              "spec.domain.devices.disks[0].name: 'other' not found in volumes"},
        Wrong{"/spec/domain/devices/disks", "[]", "spec.volumes[0].name",
              "spec.volumes[0].name: 'root' not found in disks"},
        Wrong{"/spec/domain/devices/disks", "[{name: root, disk: {}}, {name: root, disk: {}}]",
              "spec.domain.devices.disks[1]", "must not have the same Name."},
        Wrong{"/spec/domain/devices/interfaces/0", "{name: default, sriov: {}}",
              "spec.domain.devices.interfaces[0].sriov", "not built yet: sriov interfaces"},
        Wrong{"/spec/domain/devices/interfaces/0/macAddress", "'02:00'", "spec.domain.devices.interfaces[0].macAddress",
              "malformed MAC address"},
        Wrong{"/spec/domain/devices/interfaces/0/model", "pcnet", "spec.domain.devices.interfaces[0].model",
              "not built yet: interfaces of the model pcnet"},
        Wrong{"/spec/networks", "[{name: default, multus: {networkName: x}}]", "spec.networks[0].multus",
              "not built yet: multus networks"},
        Wrong{"/spec/networks", "[{name: other, pod: {}}]", "spec.networks[0].name", "'other' not found in interfaces"},
        Wrong{"/spec/domain/firmware", "{kernelBoot: {kernelArgs: x}}", "spec.domain.firmware.kernelBoot",
              "not built yet: spec.domain.firmware.kernelBoot"},
        Wrong{"/spec/domain/cpu/dedicatedCpuPlacement", "true", "spec.domain.cpu.dedicatedCpuPlacement",
              "not built yet"},
        Wrong{"/spec/domain/cpu/cores", "0", "spec.domain.cpu.cores", "between 1 and 255"},
        Wrong{"/spec/domain/memory", "{}", "spec.domain.memory.guest", "no memory requested"},
        Wrong{"/spec/domain/memory/guest", "many", "spec.domain.memory.guest", "is no quantity"},
        Wrong{"/spec/domain/machine/type", "pc-i440fx-9.0", "spec.domain.machine.type",
              "is not supported: pc-i440fx-9.0 (allowed values: [q35* pc-q35*])"},
        Wrong{"/spec/evictionStrategy", "Maybe", "spec.evictionStrategy",
              "spec.evictionStrategy is set with an unrecognized option: Maybe"},
        Wrong{"/spec/evictionStrategy", "''", "spec.evictionStrategy", "is set with an unrecognized option: "},
        Wrong{"/spec/volumes/0/persistentVolumeClaim/claimName", "''",
              "spec.volumes[0].persistentVolumeClaim.claimName", "is a required field"}));

TEST(ValidateVm, LooksAtStrategyAndTemplate) {
  const auto vm = [](const std::string& more) {
    json::Value object = yaml(more);
    json::set(object, "/spec/template/spec", yaml(good));
    return validate_vm(object);
  };
  EXPECT_TRUE(vm("spec: {runStrategy: Manual}"));
  EXPECT_TRUE(vm("spec: {running: true}"));
  EXPECT_EQ(vm("spec: {running: true, runStrategy: Always}").error().message,
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy "
            "instead");
  EXPECT_EQ(vm("spec: {}").error().message, "One of Running or RunStrategy must be specified");
  EXPECT_EQ(vm("spec: {runStrategy: Sometimes}").error().message, "Invalid RunStrategy (Sometimes)");
  EXPECT_EQ(vm("spec: {runStrategy: WaitAsReceiver}").error().message, "not built yet: runStrategy WaitAsReceiver");
  EXPECT_EQ(vm("spec: {runStrategy: Always, instancetype: {name: x}}").error().message,
            "not built yet: spec.instancetype");
  const auto bad = validate_vm(yaml("spec: {runStrategy: Always, template: {spec: {domain: {devices: {}}}}}"));
  EXPECT_EQ(bad.error().causes[0].field, "spec.template.spec.domain.memory.guest");
}

TEST(MutateVmi, FillsInWhatIsMissing) {
  auto object = vmi("{domain: {memory: {guest: 1Gi}, devices: {}}}");
  mutate_vmi(object, {});
  EXPECT_EQ(json::string_at(object, "/spec/evictionStrategy"), "None");
  EXPECT_EQ(json::string_at(object, "/spec/domain/machine/type"), "pc-q35-10.0");
  EXPECT_NE(json::find(object, "/spec/networks/0/pod"), nullptr);
  EXPECT_NE(json::find(object, "/spec/domain/devices/interfaces/0/masquerade"), nullptr);
  EXPECT_THAT(json::string_at(object, "/spec/domain/devices/interfaces/0/macAddress"), testing::StartsWith("02:"));
  EXPECT_TRUE(has_finalizer(object, "kubevirt.io/foregroundDeleteVirtualMachine"));
  EXPECT_TRUE(validate_vmi(object));
  auto again = object;
  mutate_vmi(again, {});
  EXPECT_TRUE(json::equal(object, again));
}

TEST(MutateVmi, KeepsWhatIsSet) {
  auto object = vmi(good);
  json::set(object, "/spec/domain/machine/type", "pc-q35-9.2");
  json::set(object, "/spec/domain/devices/interfaces/0/macAddress", "02:11:22:33:44:55");
  mutate_vmi(object, {});
  EXPECT_EQ(json::string_at(object, "/spec/domain/machine/type"), "pc-q35-9.2");
  EXPECT_EQ(json::string_at(object, "/spec/evictionStrategy"), "LiveMigrate");
  EXPECT_EQ(json::string_at(object, "/spec/domain/devices/interfaces/0/macAddress"), "02:11:22:33:44:55");
  auto bare = vmi("{domain: {memory: {guest: 1Gi}, devices: {autoattachPodInterface: false}}}");
  mutate_vmi(bare, {});
  EXPECT_EQ(json::find(bare, "/spec/networks"), nullptr);
}

class ValidateVmim : public testing::Test {
 protected:
  json::Value vmim = yaml("{metadata: {namespace: ns, name: m, uid: m}, spec: {vmiName: v}}");
  json::Value guest = yaml("{metadata: {namespace: ns, name: v}, status: {phase: Running}}");
  json::Array others;
  void refused(Code code, const std::string& message, const json::Value* instance) {
    const auto verdict = validate_vmim(vmim, instance, others);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, code);
    EXPECT_EQ(verdict.error().message, message);
  }
};

TEST_F(ValidateVmim, TakesAGoodOne) {
  EXPECT_TRUE(validate_vmim(vmim, &guest, others));
  others.push_back(yaml("{metadata: {uid: o}, spec: {vmiName: v}, status: {phase: Failed}}"));
  others.push_back(yaml("{metadata: {uid: p}, spec: {vmiName: other}, status: {phase: Running}}"));
  EXPECT_TRUE(validate_vmim(vmim, &guest, others));
  json::set(guest, "/status/phase", "Scheduling");
  EXPECT_TRUE(validate_vmim(vmim, &guest, others));
}

TEST_F(ValidateVmim, RefusesInOrder) {
  refused(Code::bad_request, "the VMI \"ns/v\" does not exist", nullptr);
  others.push_back(yaml("{metadata: {uid: U}, spec: {vmiName: v}, status: {phase: Pending}}"));
  refused(Code::bad_request,
          "in-flight migration detected. Active migration job (U) is currently already in progress for VMI v.", &guest);
  json::set(guest, "/status/conditions", yaml("[{type: LiveMigratable, status: 'False', reason: R, message: M}]"));
  refused(Code::bad_request, "Cannot migrate VMI, Reason: R, Message: M", &guest);
  json::set(guest, "/status/phase", "Succeeded");
  refused(Code::bad_request, "Cannot migrate VMI in finalized state.", &guest);
  json::set(vmim, "/spec/priority", "system-critical");
  refused(Code::invalid, "Migration priority queue, only virt-controller is allowed to set priority field", &guest);
  json::set(vmim, "/spec/vmiName", "");
  refused(Code::invalid, "vmiName is missing", &guest);
}

TEST_F(ValidateVmim, SpecAndLabelStay) {
  mutate_vmim(vmim);
  EXPECT_EQ(label_of(vmim, "kubevirt.io/vmi-name"), "v");
  EXPECT_TRUE(has_finalizer(vmim, "kubevirt.io/migrationJobFinalize"));
  auto changed = vmim;
  json::set(changed, "/spec/vmiName", "w");
  EXPECT_EQ(validate_vmim_update(vmim, changed).error().message, "update of Migration object's spec is restricted");
  changed = vmim;
  json::set(changed, "/metadata/labels/kubevirt.io~1vmi-name", "w");
  EXPECT_EQ(validate_vmim_update(vmim, changed).error().message,
            "selector label can't be modified on an in-flight migration");
  json::erase(changed, "/metadata/labels/kubevirt.io~1vmi-name");
  EXPECT_EQ(validate_vmim_update(vmim, changed).error().message,
            "selector label can't be removed from an in-flight migration");
  json::set(changed, "/status/phase", "Failed");
  EXPECT_TRUE(validate_vmim_update(vmim, changed));
}

}  // namespace
}  // namespace godwit::rules
