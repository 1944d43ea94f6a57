#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "apiserver/table.hpp"

namespace godwit::apiserver {
namespace {

bool deleting(const json::Value& object) { return json::find(object, "/metadata/deletionTimestamp") != nullptr; }

std::string condition_status(const json::Value& object, std::string_view type) {
  for (const json::Value& condition : json::array_at(object, "/status/conditions")) {
    if (json::string_at(condition, "/type") == type) return json::string_at(condition, "/status");
  }
  return {};
}

std::string node_status(const json::Value& node) {
  const std::string ready = condition_status(node, "Ready");
  std::string text = ready == "True" ? "Ready" : ready == "False" ? "NotReady" : ready.empty() ? "Unknown" : "NotReady";
  if (json::bool_at(node, "/spec/unschedulable")) text += ",SchedulingDisabled";
  return text;
}

std::string node_roles(const json::Value& node) {
  constexpr std::string_view prefix = "node-role.kubernetes.io/";
  std::string roles;
  for (const auto& [key, value] : json::object_at(node, "/metadata/labels")) {
    const std::string_view name{key.data(), key.size()};
    if (!name.starts_with(prefix)) continue;
    roles += (roles.empty() ? "" : ",") + std::string{name.substr(prefix.size())};
  }
  return roles.empty() ? "<none>" : roles;
}

std::string pod_ready(const json::Value& pod) {
  std::int64_t ready = 0;
  for (const json::Value& status : json::array_at(pod, "/status/containerStatuses")) {
    if (json::bool_at(status, "/ready")) ++ready;
  }
  return fmt::format("{}/{}", ready, json::array_at(pod, "/spec/containers").size());
}

std::string pod_status(const json::Value& pod) {
  const std::string phase = json::string_at(pod, "/status/phase", "Pending");
  if (deleting(pod)) return phase == "Succeeded" ? "Completed" : "Terminating";
  std::string text = json::string_at(pod, "/status/reason", phase);
  for (const json::Value& status : json::array_at(pod, "/status/containerStatuses")) {
    const std::string waiting = json::string_at(status, "/state/waiting/reason");
    const std::string terminated = json::string_at(status, "/state/terminated/reason");
    if (!waiting.empty()) text = waiting;
    if (!terminated.empty()) text = terminated;
  }
  return text == "Succeeded" ? "Completed" : text;
}

std::int64_t pod_restarts(const json::Value& pod) {
  std::int64_t restarts = 0;
  for (const json::Value& status : json::array_at(pod, "/status/containerStatuses"))
    restarts += json::int_at(status, "/restartCount");
  return restarts;
}

std::string pod_readiness_gates(const json::Value& pod) {
  const auto& gates = json::array_at(pod, "/spec/readinessGates");
  if (gates.empty()) return "<none>";
  std::int64_t hold = 0;
  for (const json::Value& gate : gates) {
    if (condition_status(pod, json::string_at(gate, "/conditionType")) == "True") ++hold;
  }
  return fmt::format("{}/{}", hold, gates.size());
}

std::string access_modes(const json::Value& object) {
  const bool bound =
      json::find(object, "/spec/volumeName") != nullptr || json::find(object, "/spec/claimRef") != nullptr;
  const auto& actual = json::array_at(object, "/status/accessModes");
  const auto& modes = !actual.empty() ? actual : bound ? json::array_at(object, "/spec/accessModes") : json::Array{};
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
  std::string text;
  for (const auto& [name, brief] : names) {
    const json::Value wanted(name);
    if (std::find(modes.begin(), modes.end(), wanted) != modes.end())
      text += (text.empty() ? "" : ",") + std::string{brief};
  }
  return text;
}

std::string since(const json::Value& object, std::initializer_list<const char*> pointers, WallTime now) {
  for (const char* pointer : pointers) {
    const std::string text = json::string_at(object, pointer);
    if (const auto time = parse_time(text); !text.empty() && time) return human_duration(now - *time);
  }
  return "<unknown>";
}

std::string event_object(const json::Value& event) {
  std::string kind = json::string_at(event, "/involvedObject/kind");
  for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return kind + "/" + json::string_at(event, "/involvedObject/name");
}

std::string event_source(const json::Value& event) {
  const std::string host = json::string_at(event, "/source/host");
  const std::string component =
      json::string_at(event, "/source/component", json::string_at(event, "/reportingComponent"));
  return host.empty() ? component : component + ", " + host;
}

std::string storage_class_name(const json::Value& storage_class) {
  const std::string name = json::string_at(storage_class, "/metadata/name");
  const bool is_default =
      json::string_at(storage_class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") == "true";
  return is_default ? name + " (default)" : name;
}

std::string pv_claim(const json::Value& volume) {
  const std::string name = json::string_at(volume, "/spec/claimRef/name");
  return name.empty() ? name : json::string_at(volume, "/spec/claimRef/namespace") + "/" + name;
}

}  // namespace

json::Value computed_cell(const std::string& name, const json::Value& object, WallTime now) {
  if (name == "phase") return json::Value(deleting(object) ? "Terminating" : json::string_at(object, "/status/phase"));
  if (name == "node-status") return json::Value(node_status(object));
  if (name == "node-roles") return json::Value(node_roles(object));
  if (name == "pod-ready") return json::Value(pod_ready(object));
  if (name == "pod-status") return json::Value(pod_status(object));
  if (name == "pod-restarts") return json::Value(std::to_string(pod_restarts(object)));
  if (name == "pod-readiness-gates") return json::Value(pod_readiness_gates(object));
  if (name == "access-modes") return json::Value(access_modes(object));
  if (name == "pv-claim") return json::Value(pv_claim(object));
  if (name == "data-count") {
    return json::Value(
        std::to_string(json::object_at(object, "/data").size() + json::object_at(object, "/binaryData").size()));
  }
  if (name == "secrets-count") return json::Value(std::to_string(json::array_at(object, "/secrets").size()));
  if (name == "event-last-seen")
    return json::Value(since(
        object, {"/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"}, now));
  if (name == "event-first-seen")
    return json::Value(since(object, {"/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"}, now));
  if (name == "event-object") return json::Value(event_object(object));
  if (name == "event-source") return json::Value(event_source(object));
  if (name == "event-count") return json::Value(std::to_string(json::int_at(object, "/count", 1)));
  if (name == "priority-class-default") return json::Value(json::bool_at(object, "/globalDefault"));
  if (name == "storage-class-name") return json::Value(storage_class_name(object));
  return json::Value("<unknown>");
}

}  // namespace godwit::apiserver
