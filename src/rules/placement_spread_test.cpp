#include "rules/placement_fixture_test.hpp"

namespace godwit::rules {
namespace {

class SpreadTest : public PlacementTest {
 protected:
  SpreadTest() {
    json::set(nodes[0], "/metadata/labels/zone", "east");
    json::set(nodes[1], "/metadata/labels/zone", "east");
    json::set(nodes[2], "/metadata/labels/zone", "west");
  }
  void spread(const std::string& more) {
    json::set(wanted, "/spec/topologySpreadConstraints",
              yaml("[{labelSelector: {matchLabels: {app: x}}, " + more + "}]"));
  }
};

TEST_F(SpreadTest, KeepsTheSkew) {
  spread("maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule");
  pods = {pod("q", "16Mi", "a")};
  EXPECT_EQ(place_now().node, "c");
  json::set(nodes[2], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread "
            "constraints. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No "
            "preemption victims found for incoming pod.");
  spread("maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule");
  EXPECT_EQ(place_now().node, "b");
}

TEST_F(SpreadTest, CountsOnlyWhatItMeans) {
  spread("maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule");
  json::set(nodes[2], "/spec/unschedulable", true);
  pods = {pod("q", "16Mi", "a")};
  json::set(pods[0], "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
  EXPECT_EQ(place_now().node, "b");
  pods = {pod("q", "16Mi", "a")};
  json::set(pods[0], "/metadata/namespace", "other");
  EXPECT_EQ(place_now().node, "b");
}

TEST_F(SpreadTest, NodesWithoutTheKeyAreNoDomain) {
  spread("maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule");
  EXPECT_THAT(place_now().message,
              testing::HasSubstr(
                  "3 node(s) didn't match pod topology spread constraints (missing required label). preemption"));
}

TEST_F(SpreadTest, AsksForDomains) {
  spread("maxSkew: 1, topologyKey: zone, minDomains: 3, whenUnsatisfiable: DoNotSchedule");
  EXPECT_NE(place_now().node, "");  // the first one in each
  pods = {pod("q", "16Mi", "a"), pod("r", "16Mi", "c")};
  EXPECT_EQ(place_now().node, "");
}

TEST_F(SpreadTest, NodesThatItCannotUseDoNotCount) {
  spread("maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule");
  json::set(wanted, "/spec/nodeSelector/zone", "east");
  pods = {pod("q", "16Mi", "a")};
  EXPECT_EQ(place_now().node, "b");
  json::set(wanted, "/spec/topologySpreadConstraints/0/nodeAffinityPolicy", "Ignore");
  EXPECT_EQ(place_now().node, "");
}

TEST_F(SpreadTest, SchedulesAnywayWhenItOnlyPrefers) {
  spread("maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway");
  pods = {pod("q", "16Mi", "a"), pod("big", "2Gi", "c")};
  json::set(pods[1], "/metadata/labels/app", "other");
  EXPECT_EQ(place_now().node, "c");  // fuller, but of the other zone
  json::set(nodes[2], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().node, "b");
}

TEST_F(SpreadTest, VirtualMachinesSpreadByThemselves) {
  const auto launcher = [](const std::string& name, const std::string& on) {
    auto made = pod(name, "16Mi", on);
    json::set(made, "/metadata/labels/kubevirt.io", "virt-launcher");
    return made;
  };
  wanted = launcher("p", "");
  pods = {launcher("q", "a"), launcher("r", "b"), pod("big", "2Gi", "c")};
  EXPECT_EQ(place_now().node, "c");
}

}  // namespace
}  // namespace godwit::rules
