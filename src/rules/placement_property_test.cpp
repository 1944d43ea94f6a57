// Random clusters: whatever they look like, placement keeps its promises.
#include <algorithm>
#include <random>

#include "rules/objects.hpp"
#include "rules/placement_cluster.hpp"
#include "rules/placement_fixture_test.hpp"

namespace godwit::rules {
namespace {

using Random = std::mt19937;

int pick(Random& random, int below) { return std::uniform_int_distribution{0, below - 1}(random); }
bool chance(Random& random, int percent) { return pick(random, 100) < percent; }

json::Value random_node(Random& random, int index) {
  auto made = node("n" + std::to_string(index), std::to_string(1 + pick(random, 8)) + "Gi");
  json::set(made, "/metadata/labels/zone", "z" + std::to_string(pick(random, 3)));
  json::set(made, "/status/allocatable/pods", std::to_string(1 + pick(random, 6)));
  if (chance(random, 15)) json::set(made, "/spec/unschedulable", true);
  if (chance(random, 15)) json::set(made, "/spec/taints", yaml("[{key: t, value: v, effect: NoSchedule}]"));
  if (chance(random, 10)) json::set(made, "/status/conditions/0/status", "Unknown");
  if (chance(random, 10)) json::erase(made, "/metadata/labels/zone");
  return made;
}

json::Value random_pod(Random& random, int index) {
  auto made = pod("p" + std::to_string(index), std::to_string(128 * (1 + pick(random, 16))) + "Mi");
  json::set(made, "/metadata/labels/app", "a" + std::to_string(pick(random, 3)));
  const std::string app = "a" + std::to_string(pick(random, 3));
  const std::string key = chance(random, 50) ? "zone" : "kubernetes.io/hostname";
  const auto terms = yaml("[{topologyKey: " + key + ", labelSelector: {matchLabels: {app: " + app + "}}}]");
  constexpr auto required = "requiredDuringSchedulingIgnoredDuringExecution";
  if (chance(random, 25)) json::set(made, std::string{"/spec/affinity/podAntiAffinity/"} + required, terms);
  if (chance(random, 15)) json::set(made, std::string{"/spec/affinity/podAffinity/"} + required, terms);
  if (chance(random, 20)) json::set(made, "/spec/nodeSelector/zone", "z" + std::to_string(pick(random, 3)));
  if (chance(random, 20)) json::set(made, "/spec/tolerations", yaml("[{key: t, operator: Exists}]"));
  if (chance(random, 20)) {
    json::set(made, "/spec/topologySpreadConstraints",
              yaml("[{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: "
                   "{app: " +
                   app + "}}}]"));
  }
  return made;
}

bool share(const json::Value& a, const json::Value& b, const std::string& key) {
  const auto* left = domain_of(a, key);
  const auto* right = domain_of(b, key);
  return left != nullptr && right != nullptr && *left == *right;
}

/// Does `from` refuse to be with `other`? Written anew, without the code under test.
bool refuses(const json::Value& from, const json::Value& other, const json::Value& here, const json::Value& there) {
  for (const auto& term :
       json::array_at(from, "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution")) {
    const auto app = json::string_at(term, "/labelSelector/matchLabels/app");
    if (label_of(other, "app") == app && share(here, there, json::string_at(term, "/topologyKey"))) return true;
  }
  return false;
}

class World {
 public:
  explicit World(unsigned seed) : random_{seed} {
    const int count = 1 + pick(random_, 7);
    for (int i = 0; i < count; ++i) nodes_.push_back(random_node(random_, i));
  }

  void add_pods() {
    for (int i = 0; i < 20; ++i) {
      const auto wanted = random_pod(random_, i);
      const auto placement = place(wanted, view(nodes_, pods_));
      check_order_is_nothing(wanted, placement);
      pods_.push_back(wanted);
      if (placement.node.empty()) {
        EXPECT_NE(placement.message, "");
        continue;
      }
      json::set(pods_.back(), "/spec/nodeName", placement.node);
      check_last();
    }
    for (const auto& candidate : candidates_of(view(nodes_, pods_))) {
      EXPECT_LE(candidate.used.memory, candidate.allocatable.memory);
      EXPECT_LE(candidate.used.milli_cpu, candidate.allocatable.milli_cpu);
      EXPECT_LE(candidate.used.pods, candidate.allocatable.pods);
    }
  }

 private:
  static ClusterView view(const std::vector<json::Value>& nodes, const std::vector<json::Value>& pods) {
    ClusterView made;
    for (const auto& each : nodes) made.nodes.push_back(&each);
    for (const auto& each : pods) made.pods.push_back(&each);
    return made;
  }

  void check_order_is_nothing(const json::Value& wanted, const Placement& placement) {
    auto nodes = nodes_;
    auto pods = pods_;
    std::shuffle(nodes.begin(), nodes.end(), random_);
    std::shuffle(pods.begin(), pods.end(), random_);
    const auto again = place(wanted, view(nodes, pods));
    EXPECT_EQ(again.node, placement.node);
    EXPECT_EQ(again.message, placement.message);
  }

  const json::Value& node_named(const std::string& name) const {
    return *std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& each) { return name_of_object(each) == name; });
  }

  void check_last() const {
    const auto& last = pods_.back();
    const auto& here = node_named(json::string_at(last, "/spec/nodeName"));
    EXPECT_FALSE(json::bool_at(here, "/spec/unschedulable"));
    EXPECT_EQ(condition_status(here, "Ready"), "True");
    EXPECT_TRUE(json::array_at(here, "/spec/taints").empty() || !json::array_at(last, "/spec/tolerations").empty());
    const auto zone = json::string_at(last, "/spec/nodeSelector/zone");
    EXPECT_TRUE(zone.empty() || label_of(here, "zone") == zone);
    bool any_friend = false;
    const auto& near =
        json::array_at(last, "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    for (const auto& other : pods_) {
      const auto on = json::string_at(other, "/spec/nodeName");
      if (on.empty() || &other == &last) continue;
      const auto& there = node_named(on);
      EXPECT_FALSE(refuses(last, other, here, there)) << json::write(last) << json::write(other);
      EXPECT_FALSE(refuses(other, last, there, here)) << json::write(last) << json::write(other);
      if (!near.empty() && label_of(other, "app") == json::string_at(near[0], "/labelSelector/matchLabels/app")) {
        any_friend = any_friend || share(here, there, json::string_at(near[0], "/topologyKey"));
      }
    }
    const bool first_of_group =
        !near.empty() && label_of(last, "app") == json::string_at(near[0], "/labelSelector/matchLabels/app");
    EXPECT_TRUE(near.empty() || any_friend || first_of_group);
  }

  Random random_;
  std::vector<json::Value> nodes_;
  std::vector<json::Value> pods_;
};

TEST(PlacementProperties, HoldInRandomClusters) {
  for (unsigned seed = 0; seed < 150 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    World{seed}.add_pods();
  }
}

}  // namespace
}  // namespace godwit::rules
