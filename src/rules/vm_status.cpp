// What a VirtualMachine's status says of its instance.
#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/vm_lifecycle.hpp"

namespace godwit::rules {
namespace {

bool is_migrating(const json::Value& vmi) {
  const auto* state = json::find(vmi, "/status/migrationState");
  return state != nullptr && json::find(*state, "/startTimestamp") != nullptr &&
         json::find(*state, "/endTimestamp") == nullptr;
}

bool is_false_because(const json::Value& vmi, std::string_view type, std::string_view reason) {
  const auto* condition = condition_of(vmi, type);
  return condition != nullptr && json::string_at(*condition, "/status") == "False" &&
         json::string_at(*condition, "/reason") == reason;
}

bool is_to_start(const VmView& view) {
  switch (run_strategy_of(*view.vm)) {
    case RunStrategy::always:
    case RunStrategy::once: return true;
    case RunStrategy::rerun_on_failure:
    case RunStrategy::manual: return vm_step(view).create_vmi || start_is_requested(*view.vm);
    case RunStrategy::halted:
    case RunStrategy::other: break;
  }
  return start_is_requested(*view.vm);
}

/// Of an instance that has not ended.
std::string status_of_living(const VmView& view) {
  const auto& vmi = *view.vmi;
  const bool halted = run_strategy_of(*view.vm) == RunStrategy::halted;
  if (is_deleting(vmi) || stop_is_requested(*view.vm, vmi) || halted) return "Stopping";
  if (is_migrating(vmi)) return "Migrating";
  if (condition_status(vmi, "Paused") == "True") return "Paused";
  if (phase_of(vmi) == "Running") return "Running";
  if (view.claims_missing) return "ErrorPvcNotFound";
  if (is_false_because(vmi, "PodScheduled", "Unschedulable")) return "ErrorUnschedulable";
  if (view.claims_unbound) return "WaitingForVolumeBinding";
  for (const auto* reason : {"ErrImagePull", "ImagePullBackOff"}) {
    if (is_false_because(vmi, "Synchronized", reason)) return reason;
  }
  return phase_of(vmi) == "Unknown" ? "Unknown" : "Starting";
}

json::Value ready_condition(const VmView& view) {
  json::Object ready{{"type", "Ready"}, {"status", "False"}};
  if (view.vmi == nullptr) {
    ready["reason"] = "VMINotExists";
    ready["message"] = "VMI does not exist";
    return ready;
  }
  const auto* own = condition_of(*view.vmi, "Ready");
  if (own == nullptr) {
    ready["reason"] = "PodNotExists";
    ready["message"] = "virt-launcher pod has not yet been scheduled";
    return ready;
  }
  for (const auto* field : {"status", "reason", "message"}) {
    if (const auto text = json::string_at(*own, fmt::format("/{}", field)); !text.empty()) ready[field] = text;
  }
  return ready;
}

/// Conditions that a VM has of its own; all others are its instance's.
bool is_of_vm(std::string_view type) {
  for (const std::string_view own : {"Failure", "RestartRequired", "ManualRecoveryRequired"}) {
    if (type == own) return true;
  }
  return false;
}

json::Array conditions_of(const VmView& view) {
  const auto now = format_time(view.now);
  json::Array conditions;
  static const json::Array none;
  const auto& of_instance = view.vmi == nullptr ? none : json::array_at(*view.vmi, "/status/conditions");
  for (const auto& condition : json::array_at(*view.vm, "/status/conditions")) {
    const auto type = json::string_at(condition, "/type");
    const bool stays = type == "Ready" || is_of_vm(type) ||
                       std::any_of(of_instance.begin(), of_instance.end(),
                                   [&](const json::Value& c) { return json::string_at(c, "/type") == type; });
    if (stays) conditions.push_back(condition);
  }
  conditions = with_condition(std::move(conditions), ready_condition(view), now);
  for (const auto& condition : of_instance) {
    const auto type = json::string_at(condition, "/type");
    if (type != "Ready" && !is_of_vm(type)) conditions = with_condition(std::move(conditions), condition, now);
  }
  if (view.create_error.empty()) return without_condition(std::move(conditions), "Failure");
  return with_condition(std::move(conditions),
                        json::Object{{"type", "Failure"},
                                     {"status", "True"},
                                     {"reason", "FailedCreate"},
                                     {"message", "Failure while starting VMI: " + view.create_error}},
                        now);
}

}  // namespace

std::string printable_status(const VmView& view) {
  if (is_deleting(*view.vm)) return "Terminating";
  if (view.vmi != nullptr && !is_final(*view.vmi)) return status_of_living(view);
  if (is_to_start(view)) {
    if (view.claims_missing) return "ErrorPvcNotFound";
    if (view.vmi == nullptr && !pause_left(view)) return "Starting";
  }
  const auto strategy = run_strategy_of(*view.vm);
  const bool again = strategy == RunStrategy::always || strategy == RunStrategy::rerun_on_failure;
  return again && pause_left(view) ? "CrashLoopBackOff" : "Stopped";
}

json::Object vm_status(const VmView& view) {
  json::Object status;
  status["created"] = view.vmi != nullptr;
  status["ready"] = view.vmi != nullptr && condition_status(*view.vmi, "Ready") == "True";
  status["printableStatus"] = printable_status(view);
  status["runStrategy"] = run_strategy_name(*view.vm);
  status["observedGeneration"] = json::int_at(*view.vm, "/metadata/generation");
  status["desiredGeneration"] = json::int_at(*view.vm, "/metadata/generation");
  status["conditions"] = conditions_of(view);
  return status;
}

}  // namespace godwit::rules
