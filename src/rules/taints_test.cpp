#include "rules/taints.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

bool tolerated(const std::string& toleration, const std::string& taint) {
  return tolerates(yaml("{spec: {tolerations: [" + toleration + "]}}"), yaml(taint));
}

TEST(Taints, AreToleratedByKeyValueAndEffect) {
  const std::string taint = "{key: k, value: v, effect: NoSchedule}";
  EXPECT_TRUE(tolerated("{key: k, operator: Equal, value: v, effect: NoSchedule}", taint));
  EXPECT_TRUE(tolerated("{key: k, value: v}", taint));
  EXPECT_TRUE(tolerated("{key: k, operator: Exists}", taint));
  EXPECT_TRUE(tolerated("{operator: Exists}", taint));
  EXPECT_FALSE(tolerated("{key: k, value: w}", taint));
  EXPECT_FALSE(tolerated("{key: k}", taint));
  EXPECT_FALSE(tolerated("{key: other, operator: Exists}", taint));
  EXPECT_FALSE(tolerated("{key: k, operator: Exists, effect: NoExecute}", taint));
  EXPECT_FALSE(tolerated("{key: k, operator: Never, value: v}", taint));
  EXPECT_FALSE(tolerated("", taint));
}

TEST(Taints, FollowTheConditionsAndTheCordon) {
  auto node = yaml(
      "{spec: {taints: [{key: mine, effect: NoSchedule}]}, status: {conditions: [{type: Ready, status: 'True'}]}}");
  EXPECT_EQ(json::Value(taints_by_conditions(node, "t")), yaml("[{key: mine, effect: NoSchedule}]"));
  json::set(node, "/status/conditions",
            yaml("[{type: Ready, status: Unknown}, {type: MemoryPressure, status: 'True'}, {type: DiskPressure, "
                 "status: 'False'}]"));
  json::set(node, "/spec/unschedulable", true);
  const auto tainted = taints_by_conditions(node, "t");
  EXPECT_EQ(
      json::Value(tainted),
      yaml("[{key: mine, effect: NoSchedule}, {key: node.kubernetes.io/unreachable, effect: NoSchedule, timeAdded: "
           "t}, {key: node.kubernetes.io/unreachable, effect: NoExecute, timeAdded: t}, {key: "
           "node.kubernetes.io/memory-pressure, effect: NoSchedule, timeAdded: t}, {key: "
           "node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: t}]"));
  json::set(node, "/spec/taints", tainted);
  EXPECT_EQ(taints_by_conditions(node, "later"), tainted);  // nothing new, nothing written
  json::set(node, "/status/conditions", yaml("[{type: Ready, status: 'False'}, {type: DiskPressure, status: 'True'}]"));
  json::set(node, "/spec/unschedulable", false);
  EXPECT_EQ(json::Value(taints_by_conditions(node, "t2")),
            yaml("[{key: mine, effect: NoSchedule}, {key: node.kubernetes.io/not-ready, effect: NoSchedule, timeAdded: "
                 "t2}, {key: node.kubernetes.io/not-ready, effect: NoExecute, timeAdded: t2}, {key: "
                 "node.kubernetes.io/disk-pressure, effect: NoSchedule, timeAdded: t2}]"));
}

TEST(Taints, EvictAtOnceLaterOrNever) {
  const auto node = yaml(
      "{spec: {taints: [{key: a, effect: NoExecute}, {key: b, effect: NoExecute}, {key: c, effect: NoSchedule}]}}");
  const auto after = [&](const std::string& tolerations) {
    return seconds_until_eviction(yaml("{spec: {tolerations: [" + tolerations + "]}}"), node);
  };
  EXPECT_EQ(after(""), 0);
  EXPECT_EQ(after("{key: a, operator: Exists, tolerationSeconds: 60}"), 0);
  EXPECT_EQ(after("{operator: Exists}"), std::nullopt);
  EXPECT_EQ(
      after("{key: a, operator: Exists, tolerationSeconds: 60}, {key: b, operator: Exists, tolerationSeconds: 5}"), 5);
  EXPECT_EQ(after("{key: a, operator: Exists, tolerationSeconds: 60}, {key: b, operator: Exists}"), 60);
  EXPECT_EQ(seconds_until_eviction(yaml("{spec: {}}"), yaml("{spec: {taints: [{key: c, effect: NoSchedule}]}}")),
            std::nullopt);
}

TEST(Taints, NewPodsTolerateSilentNodesForAWhile) {
  auto pod =
      yaml("{spec: {tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}]}}");
  add_default_tolerations(pod);
  EXPECT_EQ(json::array_at(pod, "/spec/tolerations").size(), 2U);
  EXPECT_EQ(json::string_at(pod, "/spec/tolerations/1/key"), "node.kubernetes.io/not-ready");
  EXPECT_EQ(json::int_at(pod, "/spec/tolerations/1/tolerationSeconds"), 300);
}

}  // namespace
}  // namespace godwit::rules
