#include "rules/eviction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }
WallTime at(const std::string& text) { return *parse_time(text); }

class EvictionTest : public testing::Test {
 protected:
  EvictionAnswer answer() const { return answer_eviction(pod_, &vmi_); }
  Evacuation evacuation() const {
    std::vector<const json::Value*> all;
    for (const auto& each : migrations_) all.push_back(&each);
    return evacuation_of(vmi_, &node_, all, at("2026-01-01T00:01:00Z"));
  }
  static json::Value ended(const std::string& phase, const std::string& time) {
    return yaml("{metadata: {annotations: {kubevirt.io/evacuationMigration: a}, creationTimestamp: '" + time +
                "'}, status: {phase: " + phase + "}}");
  }
  json::Value pod_ = yaml(
      "{metadata: {labels: {kubevirt.io: virt-launcher}, annotations: {kubevirt.io/domain: v}}, spec: {nodeName: a}, "
      "status: {phase: Running}}");
  json::Value vmi_ = yaml(
      "{metadata: {name: v, namespace: ns}, spec: {evictionStrategy: LiveMigrate}, status: {phase: Running, nodeName: "
      "a, "
      "conditions: [{type: LiveMigratable, status: 'True'}]}}");
  json::Value node_ = yaml("{metadata: {name: a}, spec: {}}");
  std::vector<json::Value> migrations_;
};

TEST_F(EvictionTest, MarksWhatCanMove) {
  const auto told = answer();
  EXPECT_EQ(told.refusal, "Eviction triggered evacuation of VMI \"ns/v\"");
  EXPECT_EQ(told.mark_node, "a");
  json::set(vmi_, "/status/evacuationNodeName", "a");
  EXPECT_EQ(answer().refusal, "Evacuation in progress: Eviction triggered evacuation of VMI \"ns/v\"");
  EXPECT_EQ(answer().mark_node, "");
}

TEST_F(EvictionTest, LetsGoWhatMay) {
  json::set(vmi_, "/spec/evictionStrategy", "None");
  EXPECT_EQ(answer().refusal, "");
  json::set(vmi_, "/spec/evictionStrategy", "LiveMigrateIfPossible");
  json::set(vmi_, "/status/conditions/0/status", "False");
  EXPECT_EQ(answer().refusal, "");
  json::set(vmi_, "/spec/evictionStrategy", "LiveMigrate");
  EXPECT_EQ(answer().refusal, "VMI v is configured with an eviction strategy but is not live-migratable");
  json::set(vmi_, "/spec/evictionStrategy", "External");
  EXPECT_EQ(answer().mark_node, "a");
  json::set(pod_, "/status/phase", "Succeeded");
  EXPECT_EQ(answer().refusal, "");
  EXPECT_EQ(answer_eviction(yaml("{metadata: {name: other}}"), nullptr).refusal, "");
}

TEST_F(EvictionTest, ATargetIsNotEvictedAndAnOrphanStays) {
  json::set(pod_, "/spec/nodeName", "b");
  EXPECT_EQ(answer().refusal, "Eviction request for target Pod");
  EXPECT_THAT(answer_eviction(pod_, nullptr).refusal, testing::HasSubstr("kubevirt failed getting the vmi: "));
}

TEST_F(EvictionTest, MarkedVmisLeaveOnceAtATime) {
  EXPECT_EQ(evacuation().leave, "");
  json::set(vmi_, "/status/evacuationNodeName", "a");
  EXPECT_EQ(evacuation().leave, "a");
  migrations_ = {yaml("{status: {phase: Running}}")};
  EXPECT_EQ(evacuation().leave, "");
  migrations_ = {};
  json::set(vmi_, "/spec/evictionStrategy", "External");
  EXPECT_EQ(evacuation().leave, "");
}

TEST_F(EvictionTest, TheMarkGoesOnceItHasLeft) {
  json::set(vmi_, "/status/evacuationNodeName", "a");
  json::set(vmi_, "/status/nodeName", "b");
  EXPECT_TRUE(evacuation().unmark);
  EXPECT_EQ(evacuation().leave, "");
}

TEST_F(EvictionTest, TheDrainTaintMeansAll) {
  json::set(node_, "/spec/taints", yaml("[{key: kubevirt.io/drain, effect: NoSchedule}]"));
  EXPECT_EQ(evacuation().leave, "a");
  json::set(node_, "/spec/taints/0/effect", "PreferNoSchedule");
  EXPECT_EQ(evacuation().leave, "");
}

TEST_F(EvictionTest, PausesGrowWithFailures) {
  using std::chrono::seconds;
  json::set(vmi_, "/status/evacuationNodeName", "a");
  migrations_ = {ended("Failed", "2026-01-01T00:00:50Z")};
  EXPECT_EQ(evacuation().wait_for, seconds{10});
  migrations_.push_back(ended("Failed", "2026-01-01T00:00:40Z"));
  EXPECT_EQ(evacuation().wait_for, seconds{30});
  migrations_.push_back(ended("Succeeded", "2026-01-01T00:00:30Z"));
  migrations_.push_back(ended("Failed", "2026-01-01T00:00:20Z"));
  EXPECT_EQ(evacuation().wait_for, seconds{30});
  migrations_ = {ended("Failed", "2026-01-01T00:00:30Z")};
  EXPECT_EQ(evacuation().leave, "a");
}

TEST_F(EvictionTest, TheMigrationNamesTheNodeItLeaves) {
  const auto made = evacuation_migration(vmi_, "a");
  EXPECT_EQ(json::string_at(made, "/spec/vmiName"), "v");
  EXPECT_EQ(annotation_of(made, "kubevirt.io/evacuationMigration"), "a");
  json::set(vmi_, "/status/evacuationNodeName", "a");
  const auto with = with_eviction_condition({}, vmi_, "t");
  EXPECT_EQ(json::string_at(with.at(0), "/message"), "VMI is marked for eviction");
  json::erase(vmi_, "/status/evacuationNodeName");
  EXPECT_TRUE(with_eviction_condition(with, vmi_, "t").empty());
}

}  // namespace
}  // namespace godwit::rules
