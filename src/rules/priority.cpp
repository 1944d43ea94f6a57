#include "rules/priority.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr std::int64_t highest_of_users = 1000000000;
constexpr std::int64_t cluster_critical = 2000000000;
constexpr std::int64_t node_critical = 2000001000;

json::Value system_class(const char* name, std::int64_t value, const char* description) {
  json::Value made = json::Object{{"apiVersion", "scheduling.k8s.io/v1"}, {"kind", "PriorityClass"}};
  json::set(made, "/metadata", json::Object{{"name", name}});
  json::set(made, "/value", value);
  json::set(made, "/description", description);
  return made;
}

bool is_system_class(const json::Value& priority_class) {
  const auto name = name_of_object(priority_class);
  const auto all = system_priority_classes();
  return std::any_of(all.begin(), all.end(), [&](const json::Value& each) {
    return name_of_object(each) == name && json::int_at(each, "/value") == json::int_at(priority_class, "/value");
  });
}

}  // namespace

const json::Value* default_priority_class(const std::vector<json::Value>& classes) {
  const json::Value* lowest = nullptr;
  for (const auto& each : classes) {
    if (!json::bool_at(each, "/globalDefault")) continue;
    if (lowest == nullptr || json::int_at(each, "/value") < json::int_at(*lowest, "/value")) lowest = &each;
  }
  return lowest;
}

Result<> set_priority(json::Value& pod, const json::Value* its_class, const json::Value* default_class) {
  const auto named = json::string_at(pod, "/spec/priorityClassName");
  if (!named.empty() && its_class == nullptr) {
    return fail(Code::forbidden, fmt::format("no PriorityClass with name {} was found", named));
  }
  const auto* giver = named.empty() ? default_class : its_class;
  const auto priority = giver == nullptr ? 0 : json::int_at(*giver, "/value");
  const auto* own = json::find(pod, "/spec/priority");
  if (own != nullptr && !own->is_null() && json::int_at(pod, "/spec/priority") != priority) {
    return fail(Code::forbidden,
                fmt::format("the integer value of priority ({}) must not be provided in pod spec; priority admission "
                            "controller computed {} from the given PriorityClass name",
                            json::int_at(pod, "/spec/priority"), priority));
  }
  const auto policy =
      giver == nullptr ? std::string{} : json::string_at(*giver, "/preemptionPolicy", "PreemptLowerPriority");
  const auto own_policy = json::string_at(pod, "/spec/preemptionPolicy");
  if (!own_policy.empty() && own_policy != (policy.empty() ? "PreemptLowerPriority" : policy)) {
    return fail(Code::forbidden,
                fmt::format("the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority "
                            "admission controller computed {} from the given PriorityClass name",
                            own_policy, policy.empty() ? "PreemptLowerPriority" : policy));
  }
  if (named.empty() && giver != nullptr) json::set(pod, "/spec/priorityClassName", name_of_object(*giver));
  json::set(pod, "/spec/priority", priority);
  json::set(pod, "/spec/preemptionPolicy", policy.empty() ? std::string{"PreemptLowerPriority"} : policy);
  return {};
}

std::vector<FieldError> priority_class_errors(const json::Value* before, const json::Value& after) {
  std::vector<FieldError> found;
  const auto value = json::int_at(after, "/value");
  const auto name = name_of_object(after);
  if (before != nullptr) {
    if (json::int_at(*before, "/value") != value) {
      found.push_back({"FieldValueForbidden", "Forbidden: may not be changed in an update.", "value"});
    }
    const auto policy = [](const json::Value& each) {
      return json::string_at(each, "/preemptionPolicy", "PreemptLowerPriority");
    };
    if (policy(*before) != policy(after)) {
      found.push_back({"FieldValueInvalid", fmt::format("Invalid value: \"{}\": field is immutable", policy(after)),
                       "preemptionPolicy"});
    }
    return found;
  }
  if (is_system_class(after)) return found;
  if (name.starts_with("system-")) {
    found.push_back({"FieldValueForbidden",
                     "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: " +
                         fmt::format("{} is not a known system priority class", name),
                     "metadata.name"});
  }
  if (value > highest_of_users) {
    found.push_back({"FieldValueForbidden",
                     fmt::format("Forbidden: maximum allowed value of a user defined priority is {}", highest_of_users),
                     "value"});
  }
  return found;
}

std::string other_default(const json::Value& priority_class, const std::vector<json::Value>& others) {
  if (!json::bool_at(priority_class, "/globalDefault")) return {};
  for (const auto& other : others) {
    if (json::bool_at(other, "/globalDefault") && name_of_object(other) != name_of_object(priority_class)) {
      return name_of_object(other);
    }
  }
  return {};
}

std::vector<json::Value> system_priority_classes() {
  return {system_class("system-cluster-critical", cluster_critical,
                       "Used for system critical pods that must run in the cluster, but can be moved to another node "
                       "if necessary."),
          system_class("system-node-critical", node_critical,
                       "Used for system critical pods that must not be moved from their current node.")};
}

}  // namespace godwit::rules
