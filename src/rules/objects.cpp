#include "rules/objects.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace godwit::rules {
namespace {

bool one_of(const json::Array& values, const std::string& text) {
  return std::any_of(values.begin(), values.end(),
                     [&](const json::Value& value) { return value.is_string() && value.as_string() == text; });
}

}  // namespace

std::string name_of_object(const json::Value& object) { return json::string_at(object, "/metadata/name"); }
std::string uid_of(const json::Value& object) { return json::string_at(object, "/metadata/uid"); }
std::string label_of(const json::Value& object, std::string_view key) {
  return json::string_at(object, "/metadata/labels/" + json::escape(key));
}
std::string annotation_of(const json::Value& object, std::string_view key) {
  return json::string_at(object, "/metadata/annotations/" + json::escape(key));
}
std::string phase_of(const json::Value& object) { return json::string_at(object, "/status/phase"); }
bool is_deleting(const json::Value& object) {
  const auto* time = json::find(object, "/metadata/deletionTimestamp");
  return time != nullptr && !time->is_null();
}
bool is_final(const json::Value& object) {
  const auto phase = phase_of(object);
  return phase == "Succeeded" || phase == "Failed";
}
bool has_finalizer(const json::Value& object, std::string_view finalizer) {
  return one_of(json::array_at(object, "/metadata/finalizers"), std::string{finalizer});
}

bool same_spec(const json::Value& before, const json::Value& after) {
  const auto* was = json::find(before, "/spec");
  const auto* is = json::find(after, "/spec");
  return was == nullptr || is == nullptr ? was == is : json::equal(*was, *is);
}

std::int64_t bytes_at(const json::Value& value, std::string_view pointer) {
  const auto* field = json::find(value, pointer);
  if (field == nullptr) return 0;
  if (!field->is_string()) return json::int_at(value, pointer);
  const auto quantity = Quantity::parse(field->as_string());
  return quantity ? quantity->value() : 0;
}

const json::Value* condition_of(const json::Value& object, std::string_view type) {
  for (const auto& condition : json::array_at(object, "/status/conditions")) {
    if (json::string_at(condition, "/type") == type) return &condition;
  }
  return nullptr;
}

std::string condition_status(const json::Value& object, std::string_view type) {
  const auto* condition = condition_of(object, type);
  return condition == nullptr ? std::string{} : json::string_at(*condition, "/status");
}

json::Array with_condition(json::Array conditions, json::Value condition, std::string_view now) {
  const auto type = json::string_at(condition, "/type");
  for (auto& existing : conditions) {
    if (json::string_at(existing, "/type") != type) continue;
    const bool same = json::string_at(existing, "/status") == json::string_at(condition, "/status");
    const auto since = json::string_at(existing, "/lastTransitionTime");
    json::set(condition, "/lastTransitionTime", json::Value(same && !since.empty() ? std::string_view{since} : now));
    existing = std::move(condition);
    return conditions;
  }
  json::set(condition, "/lastTransitionTime", json::Value(now));
  conditions.push_back(std::move(condition));
  return conditions;
}

json::Array without_condition(json::Array conditions, std::string_view type) {
  json::Array rest;
  for (auto& condition : conditions) {
    if (json::string_at(condition, "/type") != type) rest.push_back(std::move(condition));
  }
  return rest;
}

json::Value patch_operation(std::string_view op, std::string_view path, json::Value value) {
  json::Object operation;
  operation["op"] = op;
  operation["path"] = path;
  operation["value"] = std::move(value);
  return operation;
}

json::Value patch_remove(std::string_view path) {
  json::Object operation;
  operation["op"] = "remove";
  operation["path"] = path;
  return operation;
}

bool selects(const json::Value* selector, const json::Object& labels) {
  if (selector == nullptr || !selector->is_object()) return false;
  const auto value_of = [&](std::string_view key) -> const json::Value* { return labels.if_contains(key); };
  for (const auto& [key, wanted] : json::object_at(*selector, "/matchLabels")) {
    const auto* value = value_of(key);
    if (value == nullptr || *value != wanted) return false;
  }
  for (const auto& expression : json::array_at(*selector, "/matchExpressions")) {
    const auto* value = value_of(json::string_at(expression, "/key"));
    const auto op = json::string_at(expression, "/operator");
    const bool listed = value != nullptr && value->is_string() &&
                        one_of(json::array_at(expression, "/values"), std::string{value->as_string()});
    if (op == "In" && !listed) return false;
    if (op == "NotIn" && listed) return false;
    if (op == "Exists" && value == nullptr) return false;
    if (op == "DoesNotExist" && value != nullptr) return false;
    if (op != "In" && op != "NotIn" && op != "Exists" && op != "DoesNotExist") return false;
  }
  return true;
}

}  // namespace godwit::rules
