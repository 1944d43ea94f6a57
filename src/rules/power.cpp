#include "rules/power.hpp"

#include "rules/objects.hpp"
#include "rules/vm_lifecycle.hpp"

namespace godwit::rules {
namespace {

json::Object start_request(bool paused) {
  json::Object request{{"action", "Start"}};
  if (paused) request["data"] = json::Object{{"paused", "true"}};
  return request;
}

json::Object stop_request(const json::Value& vmi) { return {{"action", "Stop"}, {"uid", uid_of(vmi)}}; }

json::Value as_requests(json::Array requests) {
  return json::Object{{"status", json::Object{{"stateChangeRequests", std::move(requests)}}}};
}

/// A stop replaces whatever is asked for; anything else waits until that is done.
Result<json::Value> ask(const json::Value& vm, json::Array requests) {
  const bool stops = requests.size() == 1 && json::string_at(requests[0], "/action") == "Stop";
  if (!stops && !json::array_at(vm, "/status/stateChangeRequests").empty())
    return fail(Code::internal, "unable to complete request: stop/start already underway");
  return as_requests(std::move(requests));
}

bool lives(const json::Value* vmi) { return vmi != nullptr && !is_final(*vmi); }

}  // namespace

Result<PowerChange> start_change(const json::Value& vm, const json::Value* vmi, bool paused) {
  if (lives(vmi)) return fail(Code::conflict, "VM is already running");
  const auto strategy = run_strategy_of(vm);
  PowerChange change;
  if (strategy == RunStrategy::halted) {
    if (!paused) {
      change.vm = run_strategy_patch(vm, "Always");
      return change;
    }
    auto asked = ask(vm, {start_request(true)});
    if (!asked) return fail(asked.error());
    change.vm_status = std::move(*asked);
    return change;
  }
  if (strategy != RunStrategy::manual && strategy != RunStrategy::rerun_on_failure)
    return fail(Code::conflict, run_strategy_name(vm) + " does not support manual start requests");
  const bool failed = vmi != nullptr && phase_of(*vmi) == "Failed";
  if (strategy == RunStrategy::rerun_on_failure && failed)
    return fail(Code::conflict, "RerunOnFailure does not support starting VM from failed state");
  json::Array requests;
  if (vmi != nullptr) requests.push_back(stop_request(*vmi));  // an ended instance makes room first
  requests.push_back(start_request(paused));
  auto asked = ask(vm, std::move(requests));
  if (!asked) return fail(asked.error());
  change.vm_status = std::move(*asked);
  return change;
}

Result<PowerChange> stop_change(const json::Value& vm, const json::Value* vmi, std::optional<std::int64_t> grace) {
  const auto strategy = run_strategy_of(vm);
  if (grace && *grace < 0) return fail(Code::bad_request, "gracePeriod has to be greater or equal to 0");
  PowerChange change;
  if (lives(vmi) && grace) change.vmi = json::Object{{"spec", json::Object{{"terminationGracePeriodSeconds", *grace}}}};
  if (strategy == RunStrategy::always || strategy == RunStrategy::once) {
    change.vm = run_strategy_patch(vm, "Halted");
    return change;
  }
  if (!lives(vmi)) return fail(Code::conflict, "VM is not running");
  if (strategy == RunStrategy::halted) {
    const auto* limit = json::find(*vmi, "/spec/terminationGracePeriodSeconds");
    const bool shorter =
        grace && (limit == nullptr || *grace < json::int_at(*vmi, "/spec/terminationGracePeriodSeconds"));
    if (!shorter) return fail(Code::conflict, "Halted only supports manual stop requests with a shorter graceperiod");
  }
  change.vm_status = as_requests({stop_request(*vmi)});
  return change;
}

Result<PowerChange> restart_change(const json::Value& vm, const json::Value* vmi, std::optional<std::int64_t> grace) {
  if (grace && *grace > 0) return fail(Code::bad_request, "For force restart, only gracePeriod=0 is supported for now");
  if (grace && *grace < 0) return fail(Code::bad_request, "gracePeriod has to be greater or equal to 0");
  const auto strategy = run_strategy_of(vm);
  if (strategy == RunStrategy::halted || strategy == RunStrategy::once)
    return fail(Code::conflict, "RunStategy " + run_strategy_name(vm) + " does not support manual restart requests");
  if (vmi == nullptr) return fail(Code::conflict, "VM is not running: Halted");
  auto asked = ask(vm, {stop_request(*vmi), start_request(false)});
  if (!asked) return fail(asked.error());
  PowerChange change;
  change.vm_status = std::move(*asked);
  return change;
}

}  // namespace godwit::rules
