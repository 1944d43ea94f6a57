#include "rules/scheduling_fields.hpp"

#include <functional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "rules/label_syntax.hpp"

namespace godwit::rules {
namespace {

/// Where one looks, with the list that takes what is found.
struct Place {
  const json::Value& value;
  std::string path;
  std::vector<FieldError>& found;

  [[nodiscard]] std::string at(std::string_view child) const { return fmt::format("{}.{}", path, child); }
  void invalid(std::string_view child, std::string_view shown, std::string_view why) const {
    found.push_back({"FieldValueInvalid", fmt::format("Invalid value: {}: {}", shown, why), at(child)});
  }
  void required(std::string_view child, std::string_view why) const {
    found.push_back({"FieldValueRequired", fmt::format("Required value: {}", why), at(child)});
  }
  void forbidden(std::string_view child, std::string_view why) const {
    found.push_back({"FieldValueForbidden", fmt::format("Forbidden: {}", why), at(child)});
  }
  void unsupported(std::string_view child, std::string_view supported) const {
    found.push_back({"FieldValueNotSupported",
                     fmt::format("Unsupported value: {}: supported values: {}", quoted(child), supported), at(child)});
  }
  [[nodiscard]] std::string text(std::string_view child) const {
    return json::string_at(value, fmt::format("/{}", child));
  }
  [[nodiscard]] std::string quoted(std::string_view child) const { return fmt::format("\"{}\"", text(child)); }
  [[nodiscard]] bool has(std::string_view child) const {
    const auto* member = json::find(value, fmt::format("/{}", child));
    return member != nullptr && !member->is_null();
  }
  void key(std::string_view child) const {
    if (const auto fault = label_key_fault(text(child)); !fault.empty()) invalid(child, quoted(child), fault);
  }
};

void each(const Place& place, std::string_view list, const std::function<void(const Place&)>& check) {
  const auto& all = json::array_at(place.value, fmt::format("/{}", list));
  for (std::size_t i = 0; i < all.size(); ++i) {
    check({all[i], fmt::format("{}[{}]", place.at(list), i), place.found});
  }
}

void inside(const Place& place, std::string_view child, const std::function<void(const Place&)>& check) {
  const auto* value = json::find(place.value, fmt::format("/{}", child));
  if (value != nullptr && value->is_object()) check({*value, place.at(child), place.found});
}

/// In, NotIn, Exists, DoesNotExist; false: another operator.
bool check_common_operator(const Place& expression) {
  const auto op = expression.text("operator");
  const bool values = !json::array_at(expression.value, "/values").empty();
  if (op == "In" || op == "NotIn") {
    if (!values) expression.required("values", "must be specified when `operator` is 'In' or 'NotIn'");
    return true;
  }
  if (op == "Exists" || op == "DoesNotExist") {
    if (values) expression.forbidden("values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    return true;
  }
  return false;
}

void check_label_expression(const Place& expression) {
  if (!check_common_operator(expression)) {
    expression.invalid("operator", expression.quoted("operator"), "not a valid selector operator");
  }
  expression.key("key");
}

void check_node_expression(const Place& expression) {
  const auto op = expression.text("operator");
  if (op == "Gt" || op == "Lt") {
    if (json::array_at(expression.value, "/values").size() != 1) {
      expression.required("values", "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else if (!check_common_operator(expression)) {
    expression.invalid("operator", expression.quoted("operator"), "not a valid selector operator");
  }
  expression.key("key");
}

void check_node_field(const Place& field) {
  const auto op = field.text("operator");
  if (op != "In" && op != "NotIn") {
    field.invalid("operator", field.quoted("operator"), "not a valid selector operator");
  } else if (json::array_at(field.value, "/values").size() != 1) {
    field.required("values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  }
  if (field.text("key") != "metadata.name") {
    field.invalid("key", field.quoted("key"), "not a valid field selector key");
  }
}

void check_node_term(const Place& term) {
  each(term, "matchExpressions", check_node_expression);
  each(term, "matchFields", check_node_field);
}

void check_selector(const Place& selector) {
  for (const auto& [key, value] : json::object_at(selector.value, "/matchLabels")) {
    const std::string name{key};
    const std::string text{value.is_string() ? std::string_view{value.as_string()} : std::string_view{}};
    if (const auto fault = label_key_fault(name); !fault.empty()) {
      selector.invalid("matchLabels", fmt::format("\"{}\"", name), fault);
    }
    if (const auto fault = label_value_fault(text); !fault.empty()) {
      selector.invalid("matchLabels", fmt::format("\"{}\"", text), fault);
    }
  }
  each(selector, "matchExpressions", check_label_expression);
}

void check_topology_key(const Place& place) {
  if (place.text("topologyKey").empty()) {
    place.required("topologyKey", "can not be empty");
  } else {
    place.key("topologyKey");
  }
}

void check_pod_term(const Place& term) {
  inside(term, "labelSelector", check_selector);
  inside(term, "namespaceSelector", check_selector);
  for (const auto* list : {"matchLabelKeys", "mismatchLabelKeys"}) {
    if (!json::array_at(term.value, fmt::format("/{}", list)).empty() && !term.has("labelSelector")) {
      term.forbidden(list, "must not be specified when labelSelector is not set");
    }
  }
  check_topology_key(term);
}

void check_weight(const Place& preference) {
  const auto weight = json::int_at(preference.value, "/weight");
  if (weight < 1 || weight > 100) preference.invalid("weight", std::to_string(weight), "must be in the range 1-100");
}

constexpr auto required = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr auto preferred = "preferredDuringSchedulingIgnoredDuringExecution";

void check_affinity(const Place& affinity) {
  inside(affinity, "nodeAffinity", [](const Place& nodes) {
    inside(nodes, required, [](const Place& terms) {
      if (json::array_at(terms.value, "/nodeSelectorTerms").empty()) {
        terms.required("nodeSelectorTerms", "must have at least one node selector term");
      }
      each(terms, "nodeSelectorTerms", check_node_term);
    });
    each(nodes, preferred, [](const Place& preference) {
      check_weight(preference);
      inside(preference, "preference", check_node_term);
    });
  });
  for (const auto* kind : {"podAffinity", "podAntiAffinity"}) {
    inside(affinity, kind, [](const Place& pods) {
      each(pods, required, check_pod_term);
      each(pods, preferred, [](const Place& preference) {
        check_weight(preference);
        inside(preference, "podAffinityTerm", check_pod_term);
      });
    });
  }
}

void check_toleration(const Place& toleration) {
  const auto op = toleration.text("operator");
  const auto effect = toleration.text("effect");
  if (!toleration.text("key").empty()) toleration.key("key");
  if (toleration.text("key").empty() && op != "Exists") {
    toleration.invalid("operator", toleration.quoted("operator"),
                       "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
  }
  if (toleration.has("tolerationSeconds") && effect != "NoExecute") {
    toleration.invalid("effect", toleration.quoted("effect"),
                       "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  if (op.empty() || op == "Equal") {
    const auto fault = label_value_fault(toleration.text("value"));
    if (!fault.empty()) toleration.invalid("operator", toleration.quoted("value"), fault);
  } else if (op == "Exists") {
    if (!toleration.text("value").empty()) {
      toleration.invalid("operator", toleration.quoted("value"), "value must be empty when `operator` is 'Exists'");
    }
  } else {
    toleration.unsupported("operator", "\"Equal\", \"Exists\"");
  }
  static const std::set<std::string> effects{"", "NoSchedule", "PreferNoSchedule", "NoExecute"};
  if (!effects.contains(effect)) {
    toleration.unsupported("effect", "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"");
  }
}

void check_positive(const Place& place, std::string_view child) {
  const auto number = json::int_at(place.value, fmt::format("/{}", child));
  if (number <= 0) place.invalid(child, std::to_string(number), "must be greater than 0");
}

void check_spread(const Place& constraint) {
  check_positive(constraint, "maxSkew");
  check_topology_key(constraint);
  const auto action = constraint.text("whenUnsatisfiable");
  if (action != "DoNotSchedule" && action != "ScheduleAnyway") {
    constraint.unsupported("whenUnsatisfiable", "\"DoNotSchedule\", \"ScheduleAnyway\"");
  }
  if (constraint.has("minDomains")) {
    check_positive(constraint, "minDomains");
    if (action != "DoNotSchedule") {
      constraint.invalid("minDomains", std::to_string(json::int_at(constraint.value, "/minDomains")),
                         "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + action);
    }
  }
  for (const auto* policy : {"nodeAffinityPolicy", "nodeTaintsPolicy"}) {
    const auto text = constraint.text(policy);
    if (!text.empty() && text != "Honor" && text != "Ignore") constraint.unsupported(policy, "\"Honor\", \"Ignore\"");
  }
  if (!json::array_at(constraint.value, "/matchLabelKeys").empty() && !constraint.has("labelSelector")) {
    constraint.forbidden("matchLabelKeys", "must not be specified when labelSelector is not set");
  }
  inside(constraint, "labelSelector", check_selector);
}

}  // namespace

std::vector<FieldError> scheduling_errors(const json::Value& spec, const std::string& prefix) {
  std::vector<FieldError> found;
  const Place top{spec, prefix, found};
  for (const auto& [key, value] : json::object_at(spec, "/nodeSelector")) {
    const std::string name{key};
    if (const auto fault = label_key_fault(name); !fault.empty()) {
      top.invalid("nodeSelector", fmt::format("\"{}\"", name), fault);
    }
    const std::string text{value.is_string() ? std::string_view{value.as_string()} : std::string_view{}};
    if (const auto fault = label_value_fault(text); !fault.empty()) {
      top.invalid("nodeSelector", fmt::format("\"{}\"", text), fault);
    }
  }
  inside(top, "affinity", check_affinity);
  each(top, "tolerations", check_toleration);
  std::set<std::pair<std::string, std::string>> seen;
  each(top, "topologySpreadConstraints", [&](const Place& constraint) {
    check_spread(constraint);
    const auto key = constraint.text("topologyKey");
    const auto action = constraint.text("whenUnsatisfiable");
    if (!seen.emplace(key, action).second) {
      found.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: \"{{{}, {}}}\"", key, action),
                       constraint.at("{topologyKey, whenUnsatisfiable}")});
    }
  });
  return found;
}

}  // namespace godwit::rules
