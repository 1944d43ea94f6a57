#include "rules/vm_lifecycle.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/launcher_pod.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr std::int64_t first_pause_seconds = 10;
constexpr std::int64_t longest_pause_seconds = 300;

bool wants(const json::Array& requests, std::string_view action) {
  return std::any_of(requests.begin(), requests.end(),
                     [&](const json::Value& r) { return json::string_at(r, "/action") == action; });
}

json::Array without(const json::Array& requests, std::string_view action) {
  json::Array rest;
  for (const auto& request : requests) {
    if (json::string_at(request, "/action") != action) rest.push_back(request);
  }
  return rest;
}

/// A stop names the instance it means; one without a uid means whichever there is.
bool stop_is_meant_for(const json::Array& requests, const json::Value& vmi) {
  return std::any_of(requests.begin(), requests.end(), [&](const json::Value& request) {
    const auto uid = json::string_at(request, "/uid");
    return json::string_at(request, "/action") == "Stop" && (uid.empty() || uid == uid_of(vmi));
  });
}

/// When a guest may be started again that failed before: a growing pause.
std::optional<Duration> pause_left(const VmView& view) {
  const auto retry = parse_time(json::string_at(*view.vm, "/status/startFailure/retryAfterTimestamp"));
  if (!retry || *retry <= view.now) return std::nullopt;
  return std::chrono::duration_cast<Duration>(*retry - view.now);
}

void count_failure(const VmView& view, VmStep& step) {
  if (phase_of(*view.vmi) != "Failed") return;
  if (json::string_at(*view.vm, "/status/startFailure/lastFailedVMIUID") == uid_of(*view.vmi)) return;
  const auto count = json::int_at(*view.vm, "/status/startFailure/consecutiveFailCount") + 1;
  const auto pause = std::min(longest_pause_seconds, first_pause_seconds << std::min<std::int64_t>(count - 1, 6));
  step.start_failure =
      json::Value(json::Object{{"consecutiveFailCount", count},
                               {"lastFailedVMIUID", uid_of(*view.vmi)},
                               {"retryAfterTimestamp", format_time(view.now + std::chrono::seconds{pause})}});
}

VmStep step_without_instance(const VmView& view, RunStrategy strategy, json::Array requests) {
  VmStep step;
  if (wants(requests, "Stop")) step.requests = requests = without(requests, "Stop");  // done: it is gone
  const bool asked = wants(requests, "Start");
  if (strategy == RunStrategy::always || (strategy == RunStrategy::manual && asked)) {
    if (const auto left = asked ? std::nullopt : pause_left(view)) {
      step.look_again = *left;
      return step;
    }
    step.create_vmi = true;
    if (asked) step.requests = without(requests, "Start");
  } else if (asked) {
    step.requests = without(requests, "Start");  // halted: a start changes the strategy, a left-over means nothing
  }
  return step;
}

VmStep step_with_instance(const VmView& view, RunStrategy strategy, const json::Array& requests) {
  VmStep step;
  const bool ended = is_final(*view.vmi);
  count_failure(view, step);
  if (is_deleting(*view.vmi)) return step;
  const bool stop = stop_is_meant_for(requests, *view.vmi);
  const bool restart = ended && (strategy == RunStrategy::always || wants(requests, "Start"));
  step.delete_vmi = stop || restart || strategy == RunStrategy::halted;
  if (step.delete_vmi) return step;
  if (!requests.empty()) step.requests = json::Array{};  // a start of what runs; a stop of an earlier instance
  const bool runs = phase_of(*view.vmi) == "Running";
  if (runs && json::find(*view.vm, "/status/startFailure") != nullptr) step.start_failure = json::Value(nullptr);
  return step;
}

bool is_migrating(const json::Value& vmi) {
  const auto* state = json::find(vmi, "/status/migrationState");
  return state != nullptr && json::find(*state, "/startTimestamp") != nullptr &&
         json::find(*state, "/endTimestamp") == nullptr;
}

bool is_unschedulable(const json::Value& vmi) {
  const auto* condition = condition_of(vmi, "PodScheduled");
  return condition != nullptr && json::string_at(*condition, "/status") == "False" &&
         json::string_at(*condition, "/reason") == "Unschedulable";
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

}  // namespace

RunStrategy run_strategy_of(const json::Value& vm) {
  const auto strategy = json::string_at(vm, "/spec/runStrategy");
  if (strategy == "Always") return RunStrategy::always;
  if (strategy == "Halted") return RunStrategy::halted;
  if (strategy == "Manual") return RunStrategy::manual;
  if (!strategy.empty()) return RunStrategy::other;
  return json::bool_at(vm, "/spec/running") ? RunStrategy::always : RunStrategy::halted;
}

VmStep vm_step(const VmView& view) {
  if (is_deleting(*view.vm)) {
    VmStep step;
    step.delete_vmi = view.vmi != nullptr && !is_deleting(*view.vmi);
    return step;
  }
  const auto strategy = run_strategy_of(*view.vm);
  if (strategy == RunStrategy::other) return {};
  const auto& requests = json::array_at(*view.vm, "/status/stateChangeRequests");
  return view.vmi == nullptr ? step_without_instance(view, strategy, requests)
                             : step_with_instance(view, strategy, requests);
}

std::string printable_status(const VmView& view) {
  const auto strategy = run_strategy_of(*view.vm);
  const auto& requests = json::array_at(*view.vm, "/status/stateChangeRequests");
  if (is_deleting(*view.vm)) return "Terminating";
  const bool lives = view.vmi != nullptr && !is_final(*view.vmi);
  if (lives && (is_deleting(*view.vmi) || stop_is_meant_for(requests, *view.vmi) || strategy == RunStrategy::halted)) {
    return "Stopping";
  }
  if (lives && is_migrating(*view.vmi)) return "Migrating";
  if (lives && condition_status(*view.vmi, "Paused") == "True") return "Paused";
  if (lives && phase_of(*view.vmi) == "Running") return "Running";
  const bool starts = lives || strategy == RunStrategy::always || wants(requests, "Start");
  if (starts && view.claims_missing) return "ErrorPvcNotFound";
  if (lives && is_unschedulable(*view.vmi)) return "ErrorUnschedulable";
  if (lives && view.claims_unbound) return "WaitingForVolumeBinding";
  if (lives) return "Starting";
  if (starts && pause_left(view)) return "CrashLoopBackOff";
  if (starts && view.vmi == nullptr) return "Starting";
  return "Stopped";
}

json::Object vm_status(const VmView& view) {
  json::Object status;
  const auto now = format_time(view.now);
  status["created"] = view.vmi != nullptr;
  status["ready"] = view.vmi != nullptr && condition_status(*view.vmi, "Ready") == "True";
  status["printableStatus"] = printable_status(view);
  status["observedGeneration"] = json::int_at(*view.vm, "/metadata/generation");
  status["desiredGeneration"] = json::int_at(*view.vm, "/metadata/generation");
  auto conditions = with_condition(json::array_at(*view.vm, "/status/conditions"), ready_condition(view), now);
  for (const auto* type : {"Paused", "LiveMigratable"}) {
    const auto* own = view.vmi == nullptr ? nullptr : condition_of(*view.vmi, type);
    conditions = own == nullptr ? without_condition(std::move(conditions), type)
                                : with_condition(std::move(conditions), *own, now);
  }
  status["conditions"] = std::move(conditions);
  return status;
}

json::Value vmi_of(const json::Value& vm) {
  json::Value vmi = json::Object{{"apiVersion", "kubevirt.io/v1"}, {"kind", "VirtualMachineInstance"}};
  json::set(vmi, "/metadata/name", json::Value(name_of_object(vm)));
  json::set(vmi, "/metadata/namespace", json::Value(json::string_at(vm, "/metadata/namespace")));
  json::Object labels = json::object_at(vm, "/spec/template/metadata/labels");
  labels["vm.kubevirt.io/name"] = name_of_object(vm);
  json::set(vmi, "/metadata/labels", std::move(labels));
  if (const auto& annotations = json::object_at(vm, "/spec/template/metadata/annotations"); !annotations.empty()) {
    json::set(vmi, "/metadata/annotations", annotations);
  }
  json::set(vmi, "/metadata/ownerReferences",
            json::Array({controller_reference(vm, "kubevirt.io/v1", "VirtualMachine")}));
  const auto* spec = json::find(vm, "/spec/template/spec");
  json::set(vmi, "/spec", spec == nullptr ? json::Value(json::Object{}) : *spec);
  return vmi;
}

}  // namespace godwit::rules
