#include "rules/priority.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"

namespace godwit::rules {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

TEST(Priority, ComesFromTheClass) {
  const auto high = yaml("{metadata: {name: high}, value: 1000, preemptionPolicy: Never}");
  const auto usual = yaml("{metadata: {name: usual}, value: 5, globalDefault: true}");
  auto pod = yaml("{spec: {priorityClassName: high}}");
  ASSERT_TRUE(set_priority(pod, &high, &usual));
  EXPECT_EQ(json::int_at(pod, "/spec/priority"), 1000);
  EXPECT_EQ(json::string_at(pod, "/spec/preemptionPolicy"), "Never");
  pod = yaml("{spec: {}}");
  ASSERT_TRUE(set_priority(pod, nullptr, &usual));
  EXPECT_EQ(pod, yaml("{spec: {priorityClassName: usual, priority: 5, preemptionPolicy: PreemptLowerPriority}}"));
  pod = yaml("{spec: {}}");
  ASSERT_TRUE(set_priority(pod, nullptr, nullptr));
  EXPECT_EQ(pod, yaml("{spec: {priority: 0, preemptionPolicy: PreemptLowerPriority}}"));
}

TEST(Priority, IsNotThePodsToChoose) {
  auto pod = yaml("{spec: {priority: 7}}");
  EXPECT_EQ(set_priority(pod, nullptr, nullptr).error().code, Code::forbidden);
  pod = yaml("{spec: {priorityClassName: gone}}");
  EXPECT_EQ(set_priority(pod, nullptr, nullptr).error().message, "no PriorityClass with name gone was found");
}

TEST(Priority, ClassesAreChecked) {
  const auto fault = [](const std::string& before, const std::string& after) {
    const auto old = yaml(before);
    const auto found = priority_class_errors(before == "{}" ? nullptr : &old, yaml(after));
    return found.empty() ? std::string{} : found[0].field + ": " + found[0].message;
  };
  EXPECT_EQ(fault("{}", "{metadata: {name: a}, value: 1000000000}"), "");
  EXPECT_EQ(fault("{}", "{metadata: {name: a}, value: 1000000001}"),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000");
  EXPECT_NE(fault("{}", "{metadata: {name: system-mine}, value: 1}"), "");
  EXPECT_EQ(fault("{metadata: {name: a}, value: 1}", "{metadata: {name: a}, value: 2}"),
            "value: Forbidden: may not be changed in an update.");
  EXPECT_EQ(fault("{metadata: {name: a}, value: 1}", "{metadata: {name: a}, value: 1, preemptionPolicy: Never}"),
            "preemptionPolicy: Invalid value: \"Never\": field is immutable");
  for (const auto& each : system_priority_classes()) EXPECT_TRUE(priority_class_errors(nullptr, each).empty());
  EXPECT_EQ(other_default(yaml("{metadata: {name: a}, globalDefault: true}"),
                          {yaml("{metadata: {name: a}, globalDefault: true}"),
                           yaml("{metadata: {name: b}, globalDefault: true}")}),
            "b");
}

}  // namespace
}  // namespace godwit::rules
