#include "rules/placement_fixture_test.hpp"

namespace godwit::rules {
namespace {

class VolumePlacementTest : public PlacementTest {
 protected:
  VolumePlacementTest() {
    json::set(wanted, "/spec/volumes", yaml("[{name: v, persistentVolumeClaim: {claimName: data}}]"));
  }
};

TEST_F(VolumePlacementTest, WaitsForItsClaims) {
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: persistentvolumeclaim \"data\" not found. preemption: 0/3 nodes are available: 3 "
            "Preemption is not helpful for scheduling.");
  claims = {yaml("{metadata: {name: data, namespace: ns}, status: {phase: Pending}}")};
  const auto waits = place_now();
  EXPECT_EQ(waits.message,
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are "
            "available: 3 Preemption is not helpful for scheduling.");
  EXPECT_TRUE(waits.blocked.volumes);
  EXPECT_FALSE(waits.blocked.nodes || waits.blocked.capacity || waits.blocked.pods);
  json::set(claims[0], "/status/phase", "Bound");
  EXPECT_EQ(place_now().node, "a");
  json::set(claims[0], "/metadata/namespace", "other");
  EXPECT_EQ(place_now().node, "");
}

TEST_F(VolumePlacementTest, GoesWhereItsVolumeIs) {
  claims = {yaml("{metadata: {name: data, namespace: ns}, spec: {volumeName: pv}, status: {phase: Bound}}")};
  volumes = {
      yaml("{metadata: {name: pv}, spec: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: "
           "[{key: kubernetes.io/hostname, operator: In, values: [b]}]}]}}}}")};
  EXPECT_EQ(place_now().node, "b");
  json::set(nodes[1], "/spec/unschedulable", true);
  EXPECT_EQ(place_now().message,
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict. "
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.");
}

}  // namespace
}  // namespace godwit::rules
