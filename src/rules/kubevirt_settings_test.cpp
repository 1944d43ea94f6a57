#include "rules/kubevirt_settings.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value with_configuration(std::string_view text) {
  return *json::parse_yaml(fmt::format("{{spec: {{configuration: {}}}}}", text));
}

TEST(KubevirtSettings, WrongValuesAreNamedByTheirPaths) {
  struct Wrong {
    std::string_view configuration, field, message;
  };
  for (const auto& wrong :
       {Wrong{"{migrations: {bandwidthPerMigration: -64Mi}}", "spec.configuration.migrations.bandwidthPerMigration",
              "spec.configuration.migrations.bandwidthPerMigration must not be negative"},
        Wrong{"{migrations: {completionTimeoutPerGiB: -1}}", "spec.configuration.migrations.completionTimeoutPerGiB",
              "must not be negative"},
        Wrong{"{migrations: {parallelMigrationsPerCluster: -1}}",
              "spec.configuration.migrations.parallelMigrationsPerCluster", "must not be negative"},
        Wrong{"{migrations: {allowPostCopy: true}}", "spec.configuration.migrations.allowPostCopy",
              "not built yet: spec.configuration.migrations.allowPostCopy"},
        Wrong{"{migrations: {allowWorkloadDisruption: true}}", "spec.configuration.migrations.allowWorkloadDisruption",
              "not built yet: "},
        Wrong{"{migrations: {disableTLS: true}}", "spec.configuration.migrations.disableTLS",
              "not built yet: spec.configuration.migrations.disableTLS"},
        Wrong{"{migrations: {network: fast}}", "spec.configuration.migrations.network", "not built yet: "},
        Wrong{"{migrations: {nodeDrainTaintKey: mine}}", "spec.configuration.migrations.nodeDrainTaintKey",
              "not built yet: "},
        Wrong{"{evictionStrategy: Perhaps}", "spec.configuration.evictionStrategy",
              "spec.configuration.evictionStrategy is set with an unrecognized option: Perhaps"},
        Wrong{"{machineType: pc-i440fx-10.0}", "spec.configuration.machineType",
              "spec.configuration.machineType is not supported: pc-i440fx-10.0"},
        Wrong{"{architectureConfiguration: {amd64: {machineType: isapc}}}",
              "spec.configuration.architectureConfiguration.amd64.machineType", "is not supported: isapc"},
        Wrong{"{cpuRequest: -100m}", "spec.configuration.cpuRequest", "must not be negative"},
        Wrong{"{developerConfiguration: {cpuAllocationRatio: 0}}",
              "spec.configuration.developerConfiguration.cpuAllocationRatio", "must be at least 1"}}) {
    const auto checked = validate_kubevirt(with_configuration(wrong.configuration));
    ASSERT_FALSE(checked) << wrong.configuration;
    EXPECT_EQ(checked.error().code, Code::invalid);
    ASSERT_FALSE(checked.error().causes.empty());
    EXPECT_EQ(checked.error().causes[0].field, wrong.field);
    EXPECT_NE(checked.error().causes[0].message.find(wrong.message), std::string::npos)
        << checked.error().causes[0].message;
  }
}

TEST(KubevirtSettings, DefaultsWrittenOutAreFine) {
  const auto fine = validate_kubevirt(with_configuration(
      "{evictionStrategy: LiveMigrate, machineType: q35, cpuModel: host-model, cpuRequest: 100m, migrations: "
      "{nodeDrainTaintKey: kubevirt.io/drain, allowPostCopy: false, disableTLS: false, bandwidthPerMigration: '0'}}"));
  EXPECT_TRUE(fine) << fine.error().message;
}

TEST(KubevirtSettings, WhatHasNoEffectIsListed) {
  const auto unheeded = unheeded_settings(*json::parse_yaml(
      "{spec: {certificateRotateStrategy: {}, imagePullPolicy: Always, configuration: {evictionStrategy: None, "
      "developerConfiguration: {featureGates: [A], cpuAllocationRatio: 4}, imagePullPolicy: '', "
      "migrations: {progressTimeout: 1, unsafeMigrationOverride: true}, smbios: {family: x}}}}"));
  EXPECT_EQ(unheeded, (std::vector<std::string>{
                          "spec.imagePullPolicy", "spec.configuration.developerConfiguration.featureGates",
                          "spec.configuration.migrations.unsafeMigrationOverride", "spec.configuration.smbios"}));
}

TEST(KubevirtSettings, PresetNewGuests) {
  EXPECT_EQ(guest_defaults(nullptr).eviction_strategy, "None");
  const auto kubevirt = with_configuration(
      "{evictionStrategy: LiveMigrate, cpuModel: Skylake-Server, architectureConfiguration: {amd64: {machineType: "
      "pc-q35-9.2}}, developerConfiguration: {cpuAllocationRatio: 4}}");
  json::Value vmi = *json::parse_yaml(
      "{metadata: {name: a, namespace: b}, spec: {domain: {cpu: {cores: 2}, devices: {}, memory: {guest: 1Gi}}}}");
  mutate_vmi(vmi, guest_defaults(&kubevirt));
  EXPECT_EQ(json::string_at(vmi, "/spec/evictionStrategy"), "LiveMigrate");
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/cpu/model"), "Skylake-Server");
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/machine/type"), "pc-q35-9.2");
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/resources/requests/cpu"), "500m");
}

TEST(KubevirtSettings, LeaveAloneWhatAGuestSays) {
  const auto kubevirt = with_configuration(
      "{evictionStrategy: LiveMigrate, cpuModel: Skylake-Server, machineType: pc-q35-9.2, cpuRequest: 1}");
  json::Value vmi = *json::parse_yaml(
      "{metadata: {name: a, namespace: b}, spec: {evictionStrategy: None, domain: {cpu: {model: EPYC}, machine: {type: "
      "q35}, resources: {requests: {cpu: 300m}}, devices: {}, memory: {guest: 1Gi}}}}");
  mutate_vmi(vmi, guest_defaults(&kubevirt));
  EXPECT_EQ(json::string_at(vmi, "/spec/evictionStrategy"), "None");
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/cpu/model"), "EPYC");
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/machine/type"), newest_machine_type);
  EXPECT_EQ(json::string_at(vmi, "/spec/domain/resources/requests/cpu"), "300m");
}

}  // namespace
}  // namespace godwit::rules
