#include "rules/taints.hpp"

#include <algorithm>
#include <array>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr auto not_ready = "node.kubernetes.io/not-ready";
constexpr auto unreachable = "node.kubernetes.io/unreachable";
constexpr std::int64_t default_toleration_seconds = 300;

struct ConditionTaint {
  const char* condition;
  const char* status;
  const char* key;
};
constexpr std::array by_condition{
    ConditionTaint{"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    ConditionTaint{"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    ConditionTaint{"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
    ConditionTaint{"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
};
constexpr std::array managed{not_ready,
                             unreachable,
                             "node.kubernetes.io/memory-pressure",
                             "node.kubernetes.io/disk-pressure",
                             "node.kubernetes.io/pid-pressure",
                             "node.kubernetes.io/network-unavailable",
                             "node.kubernetes.io/unschedulable"};

bool covers(const json::Value& toleration, const json::Value& taint) {
  const auto effect = json::string_at(toleration, "/effect");
  if (!effect.empty() && effect != json::string_at(taint, "/effect")) return false;
  const auto key = json::string_at(toleration, "/key");
  if (!key.empty() && key != json::string_at(taint, "/key")) return false;
  const auto op = json::string_at(toleration, "/operator");
  if (op == "Exists") return true;
  return (op.empty() || op == "Equal") && !key.empty() &&
         json::string_at(toleration, "/value") == json::string_at(taint, "/value");
}

json::Object taint(const char* key, const char* effect) { return {{"key", key}, {"effect", effect}}; }

std::vector<json::Object> wanted_taints(const json::Value& node) {
  std::vector<json::Object> wanted;
  const auto ready = condition_status(node, "Ready");
  if (ready != "True") {
    const auto* key = ready == "Unknown" ? unreachable : not_ready;
    wanted.push_back(taint(key, "NoSchedule"));
    wanted.push_back(taint(key, "NoExecute"));
  }
  for (const auto& each : by_condition) {
    if (condition_status(node, each.condition) == each.status) wanted.push_back(taint(each.key, "NoSchedule"));
  }
  if (json::bool_at(node, "/spec/unschedulable")) {
    wanted.push_back(taint("node.kubernetes.io/unschedulable", "NoSchedule"));
  }
  return wanted;
}

}  // namespace

bool tolerates(const json::Value& pod, const json::Value& taint) {
  const auto& all = json::array_at(pod, "/spec/tolerations");
  return std::any_of(all.begin(), all.end(), [&](const json::Value& each) { return covers(each, taint); });
}

json::Array taints_by_conditions(const json::Value& node, std::string_view now) {
  const auto& before = json::array_at(node, "/spec/taints");
  json::Array taints;
  for (const auto& each : before) {
    const auto key = json::string_at(each, "/key");
    if (std::find(managed.begin(), managed.end(), key) == managed.end()) taints.push_back(each);
  }
  for (auto& wanted : wanted_taints(node)) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const json::Value& each) {
      return json::string_at(each, "/key") == wanted["key"].as_string() &&
             json::string_at(each, "/effect") == wanted["effect"].as_string();
    });
    if (known != before.end()) {
      taints.push_back(*known);
      continue;
    }
    wanted["timeAdded"] = now;
    taints.push_back(std::move(wanted));
  }
  return taints;
}

std::optional<std::int64_t> seconds_until_eviction(const json::Value& pod, const json::Value& node) {
  std::optional<std::int64_t> least;
  for (const auto& taint : json::array_at(node, "/spec/taints")) {
    if (json::string_at(taint, "/effect") != "NoExecute") continue;
    if (!tolerates(pod, taint)) return 0;
  }
  for (const auto& taint : json::array_at(node, "/spec/taints")) {
    if (json::string_at(taint, "/effect") != "NoExecute") continue;
    for (const auto& toleration : json::array_at(pod, "/spec/tolerations")) {
      if (!covers(toleration, taint) || json::find(toleration, "/tolerationSeconds") == nullptr) continue;
      const auto seconds = std::max<std::int64_t>(0, json::int_at(toleration, "/tolerationSeconds"));
      least = std::min(least.value_or(seconds), seconds);
    }
  }
  return least;
}

void add_default_tolerations(json::Value& pod) {
  json::Array tolerations = json::array_at(pod, "/spec/tolerations");
  const auto count = tolerations.size();
  for (const auto* key : {not_ready, unreachable}) {
    if (tolerates(pod, taint(key, "NoExecute"))) continue;
    tolerations.push_back(json::Object{{"key", key},
                                       {"operator", "Exists"},
                                       {"effect", "NoExecute"},
                                       {"tolerationSeconds", default_toleration_seconds}});
  }
  if (tolerations.size() > count) json::set(pod, "/spec/tolerations", std::move(tolerations));
}

}  // namespace godwit::rules
