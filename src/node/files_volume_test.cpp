#include "node/files_volume.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::node {
namespace {

json::Value vmi() {
  return *json::parse_yaml(
      "{metadata: {name: web, namespace: shop, uid: u1}, spec: {hostname: front.example, domain: {firmware: {uuid: "
      "f1}}}}");
}

DataSources sources() {
  const auto of = [](std::map<std::string, Data> objects, std::string kind) {
    return [objects = std::move(objects), kind = std::move(kind)](const std::string& name) -> Result<Data> {
      const auto found = objects.find(name);
      if (found == objects.end()) return fail(Code::not_found, kind + " \"" + name + "\" not found");
      return found->second;
    };
  };
  return {
      .secret = of({{"seed", {{"userdata", "#secret"}, {"networkData", "net"}}}, {"other", {{"x", "y"}}}}, "secret"),
      .config_map = of({{"settings", {{"a", "1"}, {"b", "2"}}}}, "configmap"),
      .token = of({{"robot", {{"token", "t"}, {"ca.crt", "c"}, {"namespace", "shop"}}}}, "token")};
}

Result<storage::FilesDisk> disk(const std::string& volume) {
  return files_of(vmi(), *json::parse_yaml(volume), sources());
}

std::string refusal(const std::string& volume) {
  const auto made = disk(volume);
  return made ? "none" : made.error().message;
}

TEST(FilesVolume, NoCloudHasWhatCloudInitReads) {
  const auto made = disk("cloudInitNoCloud: {userData: '#cloud-config', networkDataBase64: bmV0}");
  ASSERT_TRUE(made);
  EXPECT_EQ(*made,
            (storage::FilesDisk{.label = "cidata",
                                .files = {{"meta-data", R"({"instance-id":"web.shop","local-hostname":"front"})"},
                                          {"user-data", "#cloud-config"},
                                          {"network-config", "net"}}}));
  const auto without = disk("cloudInitNoCloud: {networkDataSecretRef: {name: seed}}");
  ASSERT_TRUE(without);
  EXPECT_EQ(without->files.at("user-data"), "");
  EXPECT_EQ(without->files.at("network-config"), "net");
}

TEST(FilesVolume, AConfigDriveHasItsOwnPlaces) {
  const auto made = disk("cloudInitConfigDrive: {secretRef: {name: seed}}");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->label, "config-2");
  EXPECT_EQ(made->files.at("openstack/latest/user_data"), "#secret");
  EXPECT_EQ(made->files.at("openstack/latest/meta_data.json"),
            R"({"instance_id":"web.shop","local_hostname":"front","hostname":"front","uuid":"f1"})");
  EXPECT_FALSE(made->files.contains("openstack/latest/network_data.json"));
}

TEST(FilesVolume, KeysBecomeFiles) {
  EXPECT_EQ(*disk("configMap: {name: settings}"),
            (storage::FilesDisk{.label = "cfgdata", .files = {{"a", "1"}, {"b", "2"}}}));
  EXPECT_EQ(disk("secret: {secretName: other, volumeLabel: mine}")->label, "mine");
  EXPECT_EQ(disk("serviceAccount: {serviceAccountName: robot}")->files.size(), 3U);
}

TEST(FilesVolume, WhatIsMissingIsNamedUnlessItIsOptional) {
  EXPECT_EQ(refusal("configMap: {name: none}"), "configmap \"none\" not found");
  EXPECT_EQ(refusal("cloudInitNoCloud: {secretRef: {name: other}}"), "secret \"other\" has no key userdata");
  EXPECT_TRUE(disk("configMap: {name: none, optional: true}")->files.empty());
}

TEST(FilesVolume, SecretsAreDecodedAndConfigMapsAreNot) {
  EXPECT_EQ(data_of(*json::parse_yaml("{kind: Secret, data: {a: Zm9v}}")), (Data{{"a", "foo"}}));
  EXPECT_EQ(data_of(*json::parse_yaml("{kind: ConfigMap, data: {a: Zm9v}, binaryData: {b: Zm9v}}")),
            (Data{{"a", "Zm9v"}, {"b", "foo"}}));
}

}  // namespace
}  // namespace godwit::node
