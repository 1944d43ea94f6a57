#include "rules/eviction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr std::int64_t first_pause_seconds = 20;
constexpr std::int64_t most_doublings = 4;  // 320 s

bool is_migratable(const json::Value& vmi) { return condition_status(vmi, "LiveMigratable") == "True"; }

bool wants_to_move(const json::Value& vmi) {
  const auto strategy = json::string_at(vmi, "/spec/evictionStrategy");
  return (strategy == "LiveMigrate" || strategy == "LiveMigrateIfPossible") && is_migratable(vmi);
}

bool is_drained(const json::Value* node) {
  if (node == nullptr) return false;
  const auto& taints = json::array_at(*node, "/spec/taints");
  return std::any_of(taints.begin(), taints.end(), [](const json::Value& taint) {
    return json::string_at(taint, "/key") == drain_taint && json::string_at(taint, "/effect") == "NoSchedule";
  });
}

/// When its phase was reached, else when it was made.
WallTime ended_at(const json::Value& vmim) {
  for (const auto& each : json::array_at(vmim, "/status/phaseTransitionTimestamps")) {
    if (json::string_at(each, "/phase") != "Failed") continue;
    if (const auto time = parse_time(json::string_at(each, "/phaseTransitionTimestamp"))) return *time;
  }
  return parse_time(json::string_at(vmim, "/metadata/creationTimestamp")).value_or(WallTime{});
}

/// How much of the pause after consecutive failures is left.
std::optional<Duration> pause_left(const std::vector<const json::Value*>& migrations, WallTime now) {
  std::vector<const json::Value*> evacuations;
  for (const auto* each : migrations) {
    const bool counts = is_final(*each) && !is_deleting(*each) && !annotation_of(*each, evacuation_annotation).empty();
    if (counts) evacuations.push_back(each);
  }
  std::sort(evacuations.begin(), evacuations.end(),
            [](const auto* a, const auto* b) { return ended_at(*a) > ended_at(*b); });
  const auto success = std::find_if(evacuations.begin(), evacuations.end(),
                                    [](const auto* each) { return phase_of(*each) == "Succeeded"; });
  const auto failures = success - evacuations.begin();
  if (failures == 0) return std::nullopt;
  const auto doublings = std::min<std::int64_t>(failures - 1, most_doublings);
  const auto until = ended_at(*evacuations.front()) + std::chrono::seconds{first_pause_seconds << doublings};
  if (until <= now) return std::nullopt;
  return std::chrono::duration_cast<Duration>(until - now);
}

}  // namespace

bool is_living_launcher(const json::Value& pod) {
  return label_of(pod, "kubevirt.io") == "virt-launcher" && !is_final(pod) &&
         !annotation_of(pod, "kubevirt.io/domain").empty();
}

EvictionAnswer answer_eviction(const json::Value& pod, const json::Value* vmi) {
  if (!is_living_launcher(pod)) return {};
  if (vmi == nullptr) {
    return {fmt::format("kubevirt failed getting the vmi: virtualmachineinstances.kubevirt.io \"{}\" not found",
                        annotation_of(pod, "kubevirt.io/domain"))};
  }
  const auto strategy = json::string_at(*vmi, "/spec/evictionStrategy");
  const auto name = name_of_object(*vmi);
  if (strategy == "LiveMigrate" && !is_migratable(*vmi)) {
    return {fmt::format("VMI {} is configured with an eviction strategy but is not live-migratable", name)};
  }
  const bool moves = strategy == "LiveMigrate" || strategy == "External" ||
                     (strategy == "LiveMigrateIfPossible" && is_migratable(*vmi));
  if (!moves) return {};
  const auto triggered =
      fmt::format("Eviction triggered evacuation of VMI \"{}/{}\"", json::string_at(*vmi, "/metadata/namespace"), name);
  if (!json::string_at(*vmi, "/status/evacuationNodeName").empty()) return {"Evacuation in progress: " + triggered};
  const auto node = json::string_at(pod, "/spec/nodeName");
  if (node != json::string_at(*vmi, "/status/nodeName")) return {"Eviction request for target Pod"};
  // Nobody owns a guest that hasn't been started yet: there is no node to leave, and nothing to lose.
  if (node.empty()) return {};
  return {triggered, node};
}

Evacuation evacuation_of(const json::Value& vmi, const json::Value* node,
                         const std::vector<const json::Value*>& migrations, WallTime now) {
  const auto home = json::string_at(vmi, "/status/nodeName");
  const auto marked = json::string_at(vmi, "/status/evacuationNodeName");
  if (is_final(vmi) || is_deleting(vmi) || home.empty()) return {};
  const bool moving =
      std::any_of(migrations.begin(), migrations.end(), [](const json::Value* each) { return !is_final(*each); });
  if (!marked.empty() && marked != home) return {.unmark = true};
  if ((marked.empty() && !is_drained(node)) || moving || !wants_to_move(vmi) || phase_of(vmi) != "Running") return {};
  if (const auto left = pause_left(migrations, now)) return {.wait_for = left};
  return {.leave = home};
}

json::Value evacuation_migration(const json::Value& vmi, const std::string& node) {
  json::Value made = json::Object{{"apiVersion", "kubevirt.io/v1"}, {"kind", "VirtualMachineInstanceMigration"}};
  json::set(made, "/metadata/generateName", "kubevirt-evacuation-");
  json::set(made, "/metadata/namespace", json::string_at(vmi, "/metadata/namespace"));
  json::Object annotations;
  annotations[evacuation_annotation] = node;
  json::set(made, "/metadata/annotations", std::move(annotations));
  json::set(made, "/spec/vmiName", name_of_object(vmi));
  return made;
}

json::Array with_eviction_condition(json::Array conditions, const json::Value& vmi, std::string_view now) {
  if (json::string_at(vmi, "/status/evacuationNodeName").empty()) {
    return without_condition(std::move(conditions), "EvictionRequested");
  }
  return with_condition(std::move(conditions),
                        json::Object{{"type", "EvictionRequested"},
                                     {"status", "True"},
                                     {"reason", "EvictionRequested"},
                                     {"message", "VMI is marked for eviction"}},
                        now);
}

}  // namespace godwit::rules
