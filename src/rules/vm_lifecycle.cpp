#include "rules/vm_lifecycle.hpp"

#include <algorithm>

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

bool wants_paused_start(const json::Array& requests) {
  return std::any_of(requests.begin(), requests.end(), [&](const json::Value& r) {
    return json::string_at(r, "/action") == "Start" && json::string_at(r, "/data/paused") == "true";
  });
}

json::Array without(const json::Array& requests, std::string_view action) {
  json::Array rest;
  for (const auto& request : requests) {
    if (json::string_at(request, "/action") != action) rest.push_back(request);
  }
  return rest;
}

const json::Array& requests_of(const json::Value& vm) { return json::array_at(vm, "/status/stateChangeRequests"); }

bool has_run(const json::Value& vmi) {
  if (phase_of(vmi) == "Running") return true;
  const auto& transitions = json::array_at(vmi, "/status/phaseTransitionTimestamps");
  return std::any_of(transitions.begin(), transitions.end(),
                     [](const json::Value& t) { return json::string_at(t, "/phase") == "Running"; });
}

/// Strategies under which a failed start is tried again, after a pause.
bool tries_again(RunStrategy strategy) {
  return strategy == RunStrategy::always || strategy == RunStrategy::rerun_on_failure || strategy == RunStrategy::once;
}

/// An instance that ended before its guest ever ran counts as a failed start; one that ran ends the row.
void count_failure(const VmView& view, RunStrategy strategy, VmStep& step) {
  const bool counted = json::find(*view.vm, "/status/startFailure") != nullptr;
  if (!tries_again(strategy) || (view.vmi != nullptr && has_run(*view.vmi))) {
    if (counted) step.start_failure = json::Value(nullptr);
    return;
  }
  if (view.vmi == nullptr || !is_final(*view.vmi) || is_deleting(*view.vmi)) return;
  if (json::string_at(*view.vm, "/status/startFailure/lastFailedVMIUID") == uid_of(*view.vmi)) return;
  const auto count = json::int_at(*view.vm, "/status/startFailure/consecutiveFailCount") + 1;
  const auto pause = std::min(longest_pause_seconds, first_pause_seconds * count * count);
  step.start_failure =
      json::Value(json::Object{{"consecutiveFailCount", count},
                               {"lastFailedVMIUID", uid_of(*view.vmi)},
                               {"retryAfterTimestamp", format_time(view.now + std::chrono::seconds{pause})}});
}

bool starts_without_instance(const VmView& view, RunStrategy strategy, bool asked) {
  switch (strategy) {
    case RunStrategy::always:
    case RunStrategy::once: return true;
    case RunStrategy::manual: return asked;
    // An instance that went away under this very strategy had not failed, or a start is asked for.
    case RunStrategy::rerun_on_failure:
      return asked || json::string_at(*view.vm, "/status/runStrategy") != "RerunOnFailure";
    case RunStrategy::halted:
    case RunStrategy::other: break;
  }
  return false;
}

VmStep step_without_instance(const VmView& view, RunStrategy strategy, json::Array requests) {
  VmStep step;
  count_failure(view, strategy, step);
  if (wants(requests, "Stop")) step.requests = requests = without(requests, "Stop");  // done: it is gone
  const bool asked = wants(requests, "Start");
  if (strategy == RunStrategy::halted && wants_paused_start(requests)) {
    step.set_always = true;  // the request stays: it says that the instance is to be paused
    return step;
  }
  if (!starts_without_instance(view, strategy, asked)) {
    // Halted: any other start changes the strategy itself, a left-over means nothing.
    if (asked) step.requests = without(requests, "Start");
    return step;
  }
  if (const auto left = tries_again(strategy) ? pause_left(view) : std::nullopt) {
    step.look_again = *left;
    return step;
  }
  step.create_vmi = true;
  if (asked) step.requests = without(requests, "Start");
  return step;
}

VmStep step_with_instance(const VmView& view, RunStrategy strategy, const json::Array& requests) {
  VmStep step;
  count_failure(view, strategy, step);
  if (is_deleting(*view.vmi)) return step;
  const bool ended = is_final(*view.vmi);
  const bool failed = phase_of(*view.vmi) == "Failed";
  const bool stop = stop_is_requested(*view.vm, *view.vmi);
  const bool asked = wants(requests, "Start");
  switch (strategy) {
    case RunStrategy::always: step.delete_vmi = stop || ended; break;
    case RunStrategy::rerun_on_failure: step.delete_vmi = stop || failed || (ended && asked); break;
    case RunStrategy::manual: step.delete_vmi = stop || (ended && asked); break;
    case RunStrategy::halted: step.delete_vmi = true; break;
    case RunStrategy::once:
    case RunStrategy::other: break;
  }
  if (step.delete_vmi) {
    if (strategy == RunStrategy::rerun_on_failure && failed && !asked) {
      step.requests = requests;
      step.requests->push_back(json::Object{{"action", "Start"}});
    }
    return step;
  }
  if (!requests.empty()) step.requests = json::Array{};  // a start of what runs; a stop of an earlier instance
  return step;
}

}  // namespace

RunStrategy run_strategy_of(const json::Value& vm) {
  const auto strategy = run_strategy_name(vm);
  if (strategy == "Always") return RunStrategy::always;
  if (strategy == "Halted") return RunStrategy::halted;
  if (strategy == "Manual") return RunStrategy::manual;
  if (strategy == "RerunOnFailure") return RunStrategy::rerun_on_failure;
  return strategy == "Once" ? RunStrategy::once : RunStrategy::other;
}

std::string run_strategy_name(const json::Value& vm) {
  const auto strategy = json::string_at(vm, "/spec/runStrategy");
  if (!strategy.empty()) return strategy;
  return json::bool_at(vm, "/spec/running") ? "Always" : "Halted";
}

json::Value run_strategy_patch(const json::Value& vm, std::string_view strategy) {
  const auto* running = json::find(vm, "/spec/running");
  json::Object spec;
  if (running != nullptr && !running->is_null()) {
    spec["running"] = strategy == "Always";
  } else {
    spec["runStrategy"] = strategy;
  }
  return json::Object{{"spec", std::move(spec)}};
}

bool stop_is_requested(const json::Value& vm, const json::Value& vmi) {
  const auto& requests = requests_of(vm);
  return std::any_of(requests.begin(), requests.end(), [&](const json::Value& request) {
    const auto uid = json::string_at(request, "/uid");
    return json::string_at(request, "/action") == "Stop" && (uid.empty() || uid == uid_of(vmi));
  });
}

bool start_is_requested(const json::Value& vm) { return wants(requests_of(vm), "Start"); }

std::optional<Duration> pause_left(const VmView& view) {
  const auto retry = parse_time(json::string_at(*view.vm, "/status/startFailure/retryAfterTimestamp"));
  if (!retry || *retry <= view.now) return std::nullopt;
  return std::chrono::duration_cast<Duration>(*retry - view.now);
}

VmStep vm_step(const VmView& view) {
  if (is_deleting(*view.vm)) {
    VmStep step;
    step.delete_vmi = view.vmi != nullptr && !is_deleting(*view.vmi) && !has_finalizer(*view.vm, orphan_finalizer);
    return step;
  }
  const auto strategy = run_strategy_of(*view.vm);
  if (strategy == RunStrategy::other) return {};
  const auto& requests = requests_of(*view.vm);
  return view.vmi == nullptr ? step_without_instance(view, strategy, requests)
                             : step_with_instance(view, strategy, requests);
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
  if (wants_paused_start(requests_of(vm))) json::set(vmi, "/spec/startStrategy", "Paused");
  return vmi;
}

}  // namespace godwit::rules
