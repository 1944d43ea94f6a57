#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/addresses.hpp"
#include "rules/claims.hpp"
#include "rules/eligibility.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

TEST(Eligibility, FirstFindingInOrder) {
  const AccessModes modes = [](const std::string& claim) -> std::optional<json::Array> {
    if (claim == "gone") return std::nullopt;
    return json::Array{claim == "shared" ? "ReadWriteMany" : "ReadWriteOnce"};
  };
  const auto verdict = [&](const std::string& binding, const std::string& volume, bool annotated = false) {
    auto vmi = yaml("{metadata: {}, spec: {networks: [{name: d, pod: {}}], domain: {devices: {interfaces: [{name: d, " +
                    binding + ": {}}]}}, volumes: [" + volume + "]}}");
    if (annotated) json::set(vmi, "/metadata/annotations/kubevirt.io~1allow-pod-bridge-network-live-migration", "");
    return live_migratable(vmi, modes);
  };
  const std::string shared = "{name: r, persistentVolumeClaim: {claimName: shared}}";
  EXPECT_TRUE(verdict("masquerade", shared).migratable);
  EXPECT_TRUE(verdict("bridge", shared, true).migratable);
  EXPECT_EQ(verdict("bridge", "{name: r, hostDisk: {path: /x}}").reason, "InterfaceNotLiveMigratable");
  EXPECT_EQ(verdict("bridge", shared).message,
            "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network");
  EXPECT_EQ(verdict("masquerade", "{name: r, persistentVolumeClaim: {claimName: own}}").message,
            "cannot migrate VMI: PVC own is not shared, live migration requires that all PVCs must be shared (using "
            "ReadWriteMany access mode)");
  EXPECT_EQ(verdict("masquerade", "{name: r, persistentVolumeClaim: {claimName: gone}}").message,
            "cannot migrate VMI: Unable to determine if PVC gone is shared, live migration requires that all PVCs must "
            "be shared (using ReadWriteMany access mode)");
  EXPECT_EQ(verdict("masquerade", "{name: r, hostDisk: {path: /x}}").message,
            "cannot migrate VMI with non-shared HostDisk");
  EXPECT_TRUE(verdict("masquerade", "{name: r, hostDisk: {path: /x, shared: true}}").migratable);
  EXPECT_EQ(live_migratable(yaml("{spec: {networks: [{name: d, pod: {}}]}}"), modes).message,
            "no primary interface found for network d");
  EXPECT_TRUE(live_migratable(yaml("{spec: {}}"), modes).migratable);
}

TEST(Eligibility, WhatDiesWithTheInstanceMovesWhereAllNodesReachIt) {
  const auto verdict = [](const std::string& volume, const std::string& status) {
    const auto vmi = yaml("{spec: {volumes: [{name: r, " + volume + "}]}, status: {" + status + "}}");
    return live_migratable(vmi, [](const std::string&) { return std::optional{json::Array{"ReadWriteOnce"}}; });
  };
  for (const std::string volume : {"containerDisk: {image: x}", "emptyDisk: {capacity: 1Gi}",
                                   "ephemeral: {persistentVolumeClaim: {claimName: c}}"}) {
    EXPECT_TRUE(verdict(volume, "nodeName: a, volumesDirectory: /shared/instances/u").migratable) << volume;
    EXPECT_TRUE(verdict(volume, "nodeName: ''").migratable) << "nothing is known yet";
    const auto local = verdict(volume, "nodeName: a, volumesDirectory: ''");
    EXPECT_EQ(local.reason, "DisksNotLiveMigratable") << volume;
    EXPECT_NE(local.message.find("what is written to volume r is on its node alone"), std::string::npos);
  }
  EXPECT_TRUE(verdict("cloudInitNoCloud: {userData: x}", "nodeName: a, volumesDirectory: ''").migratable);
}

TEST(Eligibility, ACacheOfTheHostKeepsADiskThere) {
  const auto verdict = [](const std::string& disk) {
    return live_migratable(yaml("{spec: {domain: {devices: {disks: [{name: d, " + disk + "}]}}}}"),
                           [](const std::string&) { return std::nullopt; });
  };
  EXPECT_TRUE(verdict("disk: {}, cache: none").migratable);
  EXPECT_TRUE(verdict("cdrom: {}, cache: writeback").migratable);
  EXPECT_EQ(verdict("disk: {}, cache: writeback").reason, "DisksNotLiveMigratable");
}

TEST(Addresses, GivesEachOnce) {
  const auto range = parse_range("198.19.0.0/29", "198.19.0.1").value();
  std::set<std::uint32_t> used;
  std::uint32_t last = 0;
  for (const auto* expected : {"198.19.0.2", "198.19.0.3", "198.19.0.4", "198.19.0.5", "198.19.0.6"}) {
    const auto address = next_free(range, used, last);
    ASSERT_TRUE(address);
    EXPECT_EQ(format_ipv4(*address), expected);
    used.insert(last = *address);
  }
  EXPECT_EQ(next_free(range, used, last), std::nullopt);
  used.erase(*parse_ipv4("198.19.0.3"));
  EXPECT_EQ(format_ipv4(*next_free(range, used, last)), "198.19.0.3");
  for (const auto* bad : {"198.19.0.0", "198.19.0.0/33", "198.19.0.0/31", "x/24", "1.2.3.4.5/24", ""})
    EXPECT_FALSE(parse_range(bad, "")) << bad;
}

TEST(Addresses, MacsAreStableAndPrivate) {
  EXPECT_EQ(stable_mac("n", "v", 0), stable_mac("n", "v", 0));
  EXPECT_NE(stable_mac("n", "v", 0), stable_mac("n", "v", 1));
  EXPECT_NE(stable_mac("n", "v", 0), stable_mac("m", "v", 0));
  EXPECT_TRUE(is_mac(stable_mac("n", "v", 0)));
  EXPECT_FALSE(is_mac("02:00:00:00:00:0g"));
  EXPECT_TRUE(is_mac("02-00-00-00-00-0F"));
}

TEST(Claims, FindsTheVolume) {
  const auto shared = [](const std::string& text) { return std::make_shared<const json::Value>(yaml(text)); };
  const auto claim = yaml(
      "{metadata: {name: c, namespace: ns, uid: C}, spec: {storageClassName: s, accessModes: [ReadWriteOnce], "
      "resources: {requests: {storage: 1Gi}}}}");
  const auto volume = [&](const std::string& name, const std::string& size, const std::string& more = "") {
    return shared("{metadata: {name: " + name +
                  "}, spec: {storageClassName: s, accessModes: [ReadWriteOnce, ReadWriteMany], capacity: {storage: " +
                  size + "}" + more + "}, status: {phase: Available}}");
  };
  const auto large = volume("large", "5Gi");
  const auto small = volume("small", "512Mi");
  const auto fits = volume("fits", "2Gi");
  const auto made = volume("made", "1Gi", ", claimRef: {namespace: ns, name: c, uid: C}");
  const auto others = volume("others", "1Gi", ", claimRef: {namespace: ns, name: c, uid: earlier}");
  EXPECT_EQ(volume_for(claim, {large, small, fits}), fits);
  EXPECT_EQ(volume_for(claim, {large, made}), made);
  EXPECT_EQ(volume_for(claim, {small, others}), nullptr);
  EXPECT_EQ(default_class(
                {shared("{metadata: {name: a}}"),
                 shared("{metadata: {name: b, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}}")}),
            "b");
  EXPECT_EQ(default_class({}), "");
}

}  // namespace
}  // namespace godwit::rules
