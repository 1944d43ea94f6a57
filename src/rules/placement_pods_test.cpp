#include "rules/placement_fixture_test.hpp"

namespace godwit::rules {
namespace {

class PodAffinityTest : public PlacementTest {
 protected:
  PodAffinityTest() {
    json::set(nodes[0], "/metadata/labels/zone", "east");
    json::set(nodes[1], "/metadata/labels/zone", "east");
    json::set(nodes[2], "/metadata/labels/zone", "west");
  }
  static json::Value labelled(const std::string& name, const std::string& on, const std::string& app) {
    auto made = pod(name, "16Mi", on);
    json::set(made, "/metadata/labels/app", app);
    return made;
  }
  void want(const std::string& kind, const std::string& terms) {
    json::set(wanted, "/spec/affinity/" + kind + "/requiredDuringSchedulingIgnoredDuringExecution", yaml(terms));
  }
  void prefer(const std::string& kind, const std::string& terms) {
    json::set(wanted, "/spec/affinity/" + kind + "/preferredDuringSchedulingIgnoredDuringExecution", yaml(terms));
  }
};

TEST_F(PodAffinityTest, GoesWhereItsFriendsAre) {
  pods = {labelled("db", "c", "db")};
  want("podAffinity", "[{topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]");
  EXPECT_EQ(place_now().node, "c");
  json::set(pods[0], "/spec/nodeName", "a");
  json::set(nodes[0], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().node, "b");  // the same zone
  json::set(nodes[1], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 1 node(s) didn't match pod affinity rules, 2 node(s) were unschedulable. "
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.");
}

TEST_F(PodAffinityTest, TheFirstOfAGroupMayBeAlone) {
  want("podAffinity", "[{topologyKey: zone, labelSelector: {matchLabels: {app: x}}}]");  // its own label
  EXPECT_EQ(place_now().node, "a");
  want("podAffinity", "[{topologyKey: rack, labelSelector: {matchLabels: {app: x}}}]");  // no node has such a label
  EXPECT_EQ(place_now().node, "");
  want("podAffinity", "[{topologyKey: zone, labelSelector: {matchLabels: {app: other}}}]");
  EXPECT_EQ(place_now().node, "");
}

TEST_F(PodAffinityTest, OnePodMustBeMeantByAllTerms) {
  pods = {labelled("db", "a", "db"), labelled("web", "a", "web")};
  want("podAffinity",
       "[{topologyKey: zone, labelSelector: {matchLabels: {app: db}}}, {topologyKey: zone, labelSelector: "
       "{matchExpressions: [{key: app, operator: In, values: [web]}]}}]");
  EXPECT_EQ(place_now().node, "");
}

TEST_F(PodAffinityTest, KeepsOffAndIsKeptOff) {
  pods = {labelled("db", "a", "db")};
  want("podAntiAffinity", "[{topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]");
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod anti-affinity rules. "
            "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims "
            "found for incoming pod.");
  // The other way round: the one that runs doesn't want it.
  json::set(pods[0], "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution",
            yaml("[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: x}}}]"));
  json::set(wanted, "/spec/affinity", json::Object{});
  EXPECT_EQ(place_now().node, "b");
  json::set(nodes[1], "/spec/unschedulable", true);
  EXPECT_THAT(place_now().message,
              testing::HasSubstr("1 node(s) didn't satisfy existing pods anti-affinity rules, 2 node(s) were"));
}

TEST_F(PodAffinityTest, MeansPodsOfOtherNamespacesWhenToldSo) {
  pods = {labelled("db", "c", "db")};
  json::set(pods[0], "/metadata/namespace", "data");
  const std::string db = "labelSelector: {matchLabels: {app: db}}";
  namespaces = {yaml("{metadata: {name: data, labels: {team: storage}}}")};
  want("podAffinity", "[{topologyKey: zone, " + db + "}]");
  EXPECT_EQ(place_now().node, "");
  want("podAffinity", "[{topologyKey: zone, namespaces: [data], " + db + "}]");
  EXPECT_EQ(place_now().node, "c");
  want("podAffinity", "[{topologyKey: zone, namespaceSelector: {matchLabels: {team: storage}}, " + db + "}]");
  EXPECT_EQ(place_now().node, "c");
  want("podAffinity", "[{topologyKey: zone, namespaceSelector: {matchLabels: {team: web}}, " + db + "}]");
  EXPECT_EQ(place_now().node, "");
  want("podAffinity", "[{topologyKey: zone, namespaceSelector: {}, " + db + "}]");
  EXPECT_EQ(place_now().node, "c");
}

TEST_F(PodAffinityTest, PrefersWithoutInsisting) {
  pods = {labelled("db", "c", "db")};
  const std::string term =
      "[{weight: 50, podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: db}}}}]";
  prefer("podAffinity", term);
  EXPECT_EQ(place_now().node, "c");
  json::set(wanted, "/spec/affinity", json::Object{});
  prefer("podAntiAffinity", term);
  EXPECT_EQ(place_now().node, "a");
  json::set(pods[0], "/spec/nodeName", "a");
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().node, "b");  // both are in the zone; b is emptier
}

TEST_F(PodAffinityTest, PrefersNodes) {
  json::set(wanted, "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution",
            yaml("[{weight: 10, preference: {matchExpressions: [{key: zone, operator: In, values: [west]}]}}, {weight: "
                 "1, preference: {matchExpressions: [{key: zone, operator: In, values: [east]}]}}]"));
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/spec/taints", yaml("[{key: k, effect: PreferNoSchedule}]"));
  EXPECT_EQ(place_now().node, "a");  // what is better avoided weighs more
}

}  // namespace
}  // namespace godwit::rules
