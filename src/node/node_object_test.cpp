#include "node/node_object.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::node {
namespace {

HostFacts host() {
  HostFacts facts;
  facts.name = "n1";
  facts.accelerator = "tcg";
  facts.machine_types = {"pc-q35-10.0"};
  facts.cpu_models = {"Penryn", "Westmere"};
  facts.cpu_features = {"aes"};
  facts.host_model = "Westmere";
  return facts;
}

TEST(NodeObject, SaysWhatItsQemuCanDo) {
  const auto labels = json::object_at(node_object(host()), "/metadata/labels");
  for (const auto* label : {"machine-type.node.kubevirt.io/pc-q35-10.0", "cpu-model.node.kubevirt.io/Penryn",
                            "cpu-model-migration.node.kubevirt.io/Westmere", "cpu-feature.node.kubevirt.io/aes",
                            "host-model-cpu.node.kubevirt.io/Westmere", "kubevirt.io/schedulable"}) {
    EXPECT_TRUE(labels.contains(label)) << label;
  }
  // Guests that are emulated don't see whose processor it is.
  for (const auto& [key, value] : labels) EXPECT_FALSE(key.starts_with("cpu-vendor")) << key;
}

TEST(NodeLabels, WhatIsGoneGoesAndTheAdministratorsStay) {
  const auto existing = json::parse_yaml(
      "{metadata: {labels: {cpu-model.node.kubevirt.io/Haswell: 'true', cpu-model.node.kubevirt.io/Penryn: 'true', "
      "disk: ssd}}}");
  const auto labels = json::object_at(node_labels_patch(host(), *existing), "/metadata/labels");
  ASSERT_TRUE(labels.contains("cpu-model.node.kubevirt.io/Haswell"));
  EXPECT_TRUE(labels.at("cpu-model.node.kubevirt.io/Haswell").is_null());
  EXPECT_EQ(labels.at("cpu-model.node.kubevirt.io/Penryn"), "true");
  EXPECT_FALSE(labels.contains("disk"));
}

}  // namespace
}  // namespace godwit::node
