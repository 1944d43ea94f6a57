#include "rules/placement_queue.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

TEST(PlacementQueue, TheMoreImportantThenTheOlder) {
  const auto first = yaml("{metadata: {name: z, creationTimestamp: '2026-01-01T00:00:02Z'}, spec: {priority: 5}}");
  const auto second = yaml("{metadata: {name: b, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {}}");
  const auto third = yaml("{metadata: {name: a, creationTimestamp: '2026-01-01T00:00:01Z'}, spec: {priority: 0}}");
  const auto last = yaml("{metadata: {name: a, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {priority: -1}}");
  EXPECT_TRUE(goes_first(first, second));
  EXPECT_TRUE(goes_first(second, third));
  EXPECT_TRUE(goes_first(third, last));
  EXPECT_FALSE(goes_first(third, second));
}

TEST(PlacementQueue, OnlyWhatMayHelpIsWorthAnotherTry) {
  EXPECT_TRUE(may_help(ClusterChange::pod_gone, {.capacity = true}));
  EXPECT_FALSE(may_help(ClusterChange::pod_gone, {.nodes = true}));
  EXPECT_FALSE(may_help(ClusterChange::node, {.volumes = true}));
  EXPECT_TRUE(may_help(ClusterChange::claim, {.volumes = true}));
  EXPECT_TRUE(may_help(ClusterChange::pod_placed, {.pods = true}));
  EXPECT_FALSE(may_help(ClusterChange::pod_placed, {.capacity = true}));
}

TEST(PlacementQueue, HeartbeatsAreNoNews) {
  const auto node = yaml(
      "{metadata: {resourceVersion: '1'}, spec: {}, status: {allocatable: {cpu: '1'}, conditions: [{type: Ready, "
      "status: 'True', lastHeartbeatTime: a}]}}");
  auto later = node;
  json::set(later, "/metadata/resourceVersion", "2");
  json::set(later, "/status/conditions/0/lastHeartbeatTime", "b");
  EXPECT_EQ(node_change(&node, &later), ClusterChange::none);
  json::set(later, "/status/conditions/0/status", "False");
  EXPECT_EQ(node_change(&node, &later), ClusterChange::node);
  later = node;
  json::set(later, "/spec/unschedulable", true);
  EXPECT_EQ(node_change(&node, &later), ClusterChange::node);
  EXPECT_EQ(node_change(nullptr, &node), ClusterChange::node);
}

TEST(PlacementQueue, APodsLifeAsOthersSeeIt) {
  const auto waiting = yaml("{metadata: {}, spec: {}, status: {}}");
  const auto placed = yaml("{metadata: {}, spec: {nodeName: a}, status: {}}");
  const auto running = yaml("{metadata: {}, spec: {nodeName: a}, status: {phase: Running}}");
  const auto ended = yaml("{metadata: {}, spec: {nodeName: a}, status: {phase: Succeeded}}");
  EXPECT_EQ(pod_change(nullptr, &waiting), ClusterChange::none);
  EXPECT_EQ(pod_change(&waiting, &placed), ClusterChange::pod_placed);
  EXPECT_EQ(pod_change(&placed, &running), ClusterChange::none);
  EXPECT_EQ(pod_change(&running, &ended), ClusterChange::pod_gone);
  EXPECT_EQ(pod_change(&ended, nullptr), ClusterChange::none);
  EXPECT_EQ(pod_change(&running, nullptr), ClusterChange::pod_gone);
}

}  // namespace
}  // namespace godwit::rules
