// What a guest's spec may say of its platform and devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/files.hpp"
#include "json/yaml.hpp"
#include "rules/admission.hpp"
#include "rules/guest_fields.hpp"

namespace godwit::rules {
namespace {

using testing::HasSubstr;

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

json::Value spec_of(const std::string& domain) {
  json::Value spec = yaml("{domain: {memory: {guest: 1Gi}, devices: {}}}");
  const json::Value parts = yaml(domain);
  for (const auto& [key, value] : parts.as_object()) json::set(spec, "/domain/" + std::string{key}, value);
  return spec;
}

std::vector<FieldError> findings(const json::Value& spec) {
  auto all = unbuilt_fields(spec, "spec");
  for (auto& cause : wrong_fields(spec, "spec")) all.push_back(std::move(cause));
  return all;
}

std::string messages(const std::string& domain) {
  std::string text;
  for (const auto& cause : findings(spec_of(domain))) text += cause.field + ": " + cause.message + "\n";
  return text;
}

TEST(DeviceFields, AWindowsGuestsManifestIsFine) {
  EXPECT_EQ(messages(R"(
clock: {utc: {}, timer: {hpet: {present: false}, pit: {tickPolicy: delay}, rtc: {tickPolicy: catchup}, hyperv: {}}}
features:
  acpi: {}
  apic: {}
  hyperv: {relaxed: {}, vapic: {}, spinlocks: {spinlocks: 8191}, vpindex: {}, synic: {}, synictimer: {direct: {}}}
cpu: {cores: 2, model: host-model, features: [{name: vmx, policy: disable}, {name: aes}]}
chassis: {manufacturer: Godwit, asset: '42'}
firmware: {serial: A-1.b, uuid: 5d307ca9-b3ef-428c-8861-06e72d69f223, bootloader: {bios: {useSerial: true}}}
devices:
  inputs: [{name: t, type: tablet, bus: usb}, {name: u, type: tablet, bus: virtio}]
  sound: {name: s, model: ac97}
  watchdog: {name: w, i6300esb: {action: poweroff}}
  video: {type: virtio}
  panicDevices: [{model: isa}]
  autoattachSerialConsole: false
  blockMultiQueue: true
)"),
            "");
}

struct Refused {
  std::string domain, message;
};

class DeviceFieldsRefused : public testing::TestWithParam<Refused> {};

TEST_P(DeviceFieldsRefused, WithTheReason) {
  EXPECT_THAT(messages(GetParam().domain), HasSubstr(GetParam().message)) << GetParam().domain;
}

INSTANTIATE_TEST_SUITE_P(
    Each, DeviceFieldsRefused,
    testing::Values(
        Refused{"{memory: {guest: 2Gi}, resources: {limits: {memory: 1Gi}}}",
                "spec.domain.memory.guest '2Gi' must be equal to or less than the memory limit "
                "spec.domain.resources.limits.memory '1Gi'"},
        Refused{"{resources: {requests: {cpu: 2}, limits: {cpu: 500m}}}",
                "spec.domain.resources.requests.cpu '2' is greater than spec.domain.resources.limits.cpu '500m'"},
        Refused{"{cpu: {features: [{name: aes, policy: maybe}]}}",
                "spec.domain.cpu.features[0].policy: CPU feature aes uses policy maybe that is not supported."},
        Refused{"{cpu: {features: [{name: 'aes,+x'}]}}", "is no name of a CPU feature"},
        Refused{"{cpu: {sockets: 1, maxSockets: 4}}", "not built yet: spec.domain.cpu.maxSockets above sockets"},
        Refused{"{cpu: {numa: {guestMappingPassthrough: {}}}}", "not built yet: spec.domain.cpu.numa"},
        Refused{"{cpu: {realtime: {}}}", "not built yet: spec.domain.cpu.realtime"},
        Refused{"{cpu: {isolateEmulatorThread: true}}", "not built yet: spec.domain.cpu.isolateEmulatorThread"},
        Refused{"{memory: {guest: 1Gi, hugepages: {pageSize: 2Mi}}}", "not built yet: spec.domain.memory.hugepages"},
        Refused{"{memory: {guest: 1Gi, maxGuest: 2Gi}}", "not built yet: spec.domain.memory.maxGuest"},
        Refused{"{features: {apic: {enabled: false}}}", "not built yet: spec.domain.features.apic.enabled false"},
        Refused{"{features: {hypervPassthrough: {enabled: true}}}", "not built yet: spec.domain.features.hypervP"},
        Refused{"{features: {hyperv: {spinlocks: {spinlocks: 5}}}}", "must be at least 4096"},
        Refused{"{features: {hyperv: {vendorid: {vendorid: 'a,b=c'}}}}", "up to 12 characters"},
        Refused{"{clock: {timer: {hpet: {tickPolicy: merge}}}}", "not built yet: spec.domain.clock.timer.hpet.tickP"},
        Refused{"{clock: {timer: {rtc: {present: false}}}}", "there is always the PC's clock chip"},
        Refused{"{clock: {timezone: ../etc/shadow}}", "spec.domain.clock.timezone is no timezone"},
        Refused{"{clock: {timezone: UTC, utc: {}}}", "mutually exclusive"},
        Refused{"{firmware: {serial: 'a b'}}", "must be made up of the following characters [A-Za-z0-9_.+-]"},
        Refused{"{firmware: {uuid: x}}", "spec.domain.firmware.uuid 'x' is no UUID"},
        Refused{"{firmware: {acpi: {slicNameRef: x}}}", "not built yet: spec.domain.firmware.acpi"},
        Refused{"{firmware: {bootloader: {bios: {}, efi: {}}}}",
                "spec.domain.firmware.bootloader has both EFI and BIOS configured, but they are mutually exclusive."},
        Refused{"{firmware: {bootloader: {efi: {}}}}", "SecureBoot requires SMM, which is currently disabled."},
        Refused{"{launchSecurity: {sev: {}}}", "not built yet: spec.domain.launchSecurity"},
        Refused{"{ioThreadsPolicy: auto}", "not built yet: spec.domain.ioThreadsPolicy"},
        Refused{"{devices: {watchdog: {name: w, i6300esb: {action: sing}}}}", "must be poweroff, reset or shutdown"},
        Refused{"{devices: {watchdog: {name: w, diag288: {}}}}", "not built yet: spec.domain.devices.watchdog.diag"},
        Refused{"{devices: {inputs: [{name: k, type: keyboard}]}}", "Input device can have only tablet type."},
        Refused{"{devices: {inputs: [{name: k, type: tablet, bus: ps2}]}}",
                "Input device can have only virtio or usb bus."},
        Refused{"{devices: {sound: {name: s, model: sb16}}}", "Options: 'ich9' or 'ac97'"},
        Refused{"{devices: {video: {type: ramfb}}}", "not built yet: spec.domain.devices.video.type ramfb"},
        Refused{"{devices: {panicDevices: [{model: hyperv}]}}", "panicDevices[0].model hyperv"},
        Refused{"{devices: {networkInterfaceMultiqueue: true}}",
                "not built yet: spec.domain.devices.networkInterfaceMultiqueue"},
        Refused{"{devices: {gpus: [{name: g, deviceName: x}]}}", "not built yet: spec.domain.devices.gpus"},
        Refused{"{devices: {interfaces: [{name: a, masquerade: {}, model: ne3000}]}}",
                "uses model ne3000 that is not supported."},
        Refused{"{devices: {interfaces: [{name: a, masquerade: {}, bootOrder: 0}]}}", "must have a boot order > 0"},
        Refused{"{devices: {disks: [{name: d, bootOrder: 1}], interfaces: [{name: a, masquerade: {}, bootOrder: 1}]}}",
                "already set for a different device."},
        Refused{"{devices: {interfaces: [{name: a, masquerade: {}, state: down}]}}", "not built yet: "},
        Refused{"{devices: {interfaces: [{name: a, masquerade: {}, pciAddress: '0000:81:00.0'}]}}",
                "not built yet: "}));

/// The schema of a VMI's spec, as the API has it.
json::Value schema() {
  for (const auto& start : {std::filesystem::absolute(__FILE__), std::filesystem::read_symlink("/proc/self/exe")}) {
    for (auto at = start.parent_path(); at != at.root_path(); at = at.parent_path()) {
      const auto text = read_file(at / "api" / "virtualmachineinstance.yaml");
      if (!text) continue;
      const auto kind = json::parse_yaml(*text);
      const auto* spec = json::find(*kind, "/spec/versions/0/schema/openAPIV3Schema/properties/spec");
      return spec != nullptr ? *spec : json::Value();
    }
  }
  return {};
}

/// One value for each leaf of the schema: an object that has it set, and nothing else.
struct Leaf {
  std::string pattern;  ///< "domain.devices.disks[].name"
  json::Value spec;
};

// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
void collect(const json::Value& node, const std::string& pattern, const std::string& pointer,
             const std::function<json::Value(json::Value)>& wrap, std::vector<Leaf>& out) {
  const auto& properties = json::object_at(node, "/properties");
  const auto* items = json::find(node, "/items");
  if (!properties.empty()) {
    for (const auto& [key, below] : properties) {
      const std::string name{key};
      collect(
          below, pattern.empty() ? name : pattern + "." + name, pointer + "/" + name,
          [&](json::Value inner) { return wrap(json::Object{{name, std::move(inner)}}); }, out);
    }
  } else if (items != nullptr && items->is_object() && json::find(*items, "/properties") != nullptr) {
    collect(
        *items, pattern + "[]", pointer + "/0", [&](json::Value inner) { return wrap(json::Array{std::move(inner)}); },
        out);
  } else {
    const auto type = json::string_at(node, "/type");
    json::Value sample = json::Object{{"set", "x"}};
    if (type == "boolean") sample = true;
    if (type == "integer") sample = 7;
    if (type == "string" || type.empty()) sample = "x";
    if (type == "array") sample = json::Array{"x"};
    out.push_back({pattern, wrap(std::move(sample))});
  }
}

// A field is honoured, which the list of built ones says, or refused by its name; there is no third way.
TEST(DeviceFields, EveryLeafOfTheSchemaIsBuiltOrRefusedByName) {
  std::vector<Leaf> leaves;
  collect(schema(), "", "", [](json::Value inner) { return inner; }, leaves);
  ASSERT_GT(leaves.size(), 350U);
  std::size_t refused = 0;
  for (const Leaf& leaf : leaves) {
    const auto causes = unbuilt_fields(leaf.spec, "spec");
    if (is_built(leaf.pattern)) {
      EXPECT_TRUE(causes.empty()) << leaf.pattern;
      continue;
    }
    ++refused;
    ASSERT_EQ(causes.size(), 1U) << leaf.pattern;
    EXPECT_TRUE(causes[0].message.starts_with("not built yet: ")) << causes[0].message;
    EXPECT_EQ(causes[0].reason, "FieldValueNotSupported");
  }
  EXPECT_GT(refused, 100U);
}

// A slip of the pen in the list would refuse what is built.
TEST(DeviceFields, WhatIsBuiltIsInTheSchema) {
  std::vector<Leaf> leaves;
  collect(schema(), "", "", [](json::Value inner) { return inner; }, leaves);
  for (const std::string& field : built_fields()) {
    const auto start = field.ends_with(".*") ? field.substr(0, field.size() - 2) : field;
    const bool known = std::any_of(leaves.begin(), leaves.end(), [&](const Leaf& leaf) {
      return leaf.pattern == start || leaf.pattern.starts_with(start + ".") || leaf.pattern.starts_with(start + "[]");
    });
    EXPECT_TRUE(known) << field;
  }
}

TEST(MutateVmi, GivesACpuAndATopology) {
  const auto cpu = [](const std::string& domain) {
    json::Value vmi = json::Object{{"metadata", json::Object{{"name", "v"}, {"namespace", "n"}}}};
    json::set(vmi, "/spec", spec_of(domain));
    mutate_vmi(vmi, {});
    return *json::find(vmi, "/spec/domain/cpu");
  };
  EXPECT_EQ(cpu("{}"), yaml("{model: host-model, sockets: 1, cores: 1, threads: 1}"));
  EXPECT_EQ(cpu("{resources: {requests: {cpu: 2500m}}}"),
            yaml("{model: host-model, sockets: 3, cores: 1, threads: 1}"));
  EXPECT_EQ(cpu("{resources: {limits: {cpu: '4'}, requests: {cpu: '2'}}}"),
            yaml("{model: host-model, sockets: 4, cores: 1, threads: 1}"));
  EXPECT_EQ(cpu("{cpu: {cores: 2, model: Penryn}, resources: {requests: {cpu: '8'}}}"),
            yaml("{cores: 2, model: Penryn, sockets: 1, threads: 1}"));
}

}  // namespace
}  // namespace godwit::rules
