#include "rules/scheduling_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

std::vector<std::string> faults(const std::string& spec) {
  std::vector<std::string> texts;
  for (const auto& each : scheduling_errors(json::parse_yaml(spec).value(), "spec")) {
    texts.push_back(each.field + ": " + each.message);
  }
  return texts;
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SchedulingFields, TakesWhatIsRight) {
  EXPECT_THAT(faults(R"({nodeSelector: {example.com/disk: ssd},
    affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
      {matchExpressions: [{key: a, operator: In, values: [b]}, {key: g, operator: Gt, values: ['5']}],
       matchFields: [{key: metadata.name, operator: In, values: [n]}]}]}},
      podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, podAffinityTerm:
        {topologyKey: kubernetes.io/hostname, namespaceSelector: {}, labelSelector: {matchExpressions: [{key: a, operator: Exists}]}}}]}},
    tolerations: [{operator: Exists}, {key: k, value: v, effect: NoExecute, tolerationSeconds: 5}],
    topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, minDomains: 2}]})"),
              IsEmpty());
}

TEST(SchedulingFields, NodeAffinity) {
  EXPECT_THAT(
      faults("{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}}"),
      ElementsAre(
          "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required "
          "value: must have at least one node selector term"));
  const std::string path =
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].";
  const auto term = [](const std::string& text) {
    return faults("{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{" +
                  text + "}]}}}}");
  };
  EXPECT_THAT(term("matchExpressions: [{key: a, operator: In}]"),
              ElementsAre(path + "matchExpressions[0].values: Required value: must be specified when `operator` is "
                                 "'In' or 'NotIn'"));
  EXPECT_THAT(term("matchExpressions: [{key: a, operator: Exists, values: [b]}]"),
              ElementsAre(path + "matchExpressions[0].values: Forbidden: may not be specified when `operator` is "
                                 "'Exists' or 'DoesNotExist'"));
  EXPECT_THAT(term("matchExpressions: [{key: a, operator: Gt, values: ['1', '2']}]"),
              ElementsAre(path + "matchExpressions[0].values: Required value: must be specified single value when "
                                 "`operator` is 'Lt' or 'Gt'"));
  EXPECT_THAT(
      term("matchExpressions: [{key: a, operator: Like, values: [b]}]"),
      ElementsAre(path + "matchExpressions[0].operator: Invalid value: \"Like\": not a valid selector operator"));
  EXPECT_THAT(term("matchFields: [{key: spec.x, operator: In, values: [b]}]"),
              ElementsAre(path + "matchFields[0].key: Invalid value: \"spec.x\": not a valid field selector key"));
}

TEST(SchedulingFields, PodAffinityAndSpreading) {
  EXPECT_THAT(
      faults("{affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, "
             "podAffinityTerm: {topologyKey: ''}}]}}}"),
      ElementsAre("spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid "
                  "value: 0: must be in the range 1-100",
                  "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm."
                  "topologyKey: Required value: can not be empty"));
  EXPECT_THAT(faults("{topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: Perhaps}]}"),
              ElementsAre("spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than 0",
                          "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"Perhaps\": "
                          "supported values: \"DoNotSchedule\", \"ScheduleAnyway\""));
  EXPECT_THAT(faults("{topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}, "
                     "{maxSkew: 2, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]}"),
              ElementsAre("spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{z, "
                          "ScheduleAnyway}\""));
}

TEST(SchedulingFields, Tolerations) {
  EXPECT_THAT(faults("{tolerations: [{value: v}]}"),
              ElementsAre("spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is "
                          "empty, which means \"match all values and all keys\""));
  EXPECT_THAT(faults("{tolerations: [{key: k, operator: Exists, effect: NoSchedule, tolerationSeconds: 1}]}"),
              ElementsAre("spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
                          "`tolerationSeconds` is set"));
  EXPECT_THAT(faults("{tolerations: [{key: k, operator: In, effect: Sometimes}]}"),
              ElementsAre("spec.tolerations[0].operator: Unsupported value: \"In\": supported values: \"Equal\", "
                          "\"Exists\"",
                          "spec.tolerations[0].effect: Unsupported value: \"Sometimes\": supported values: "
                          "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\""));
  EXPECT_EQ(faults("{nodeSelector: {'-bad': x}}").size(), 1U);
}

}  // namespace
}  // namespace godwit::rules
