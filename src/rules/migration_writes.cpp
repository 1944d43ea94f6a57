#include "rules/migration_writes.hpp"

#include "rules/objects.hpp"
#include "rules/ownership.hpp"

namespace godwit::rules {
namespace {

constexpr auto target_label = "kubevirt.io/migrationTargetNodeName";

json::Value test(std::string_view path, json::Value value) { return patch_operation("test", path, std::move(value)); }

}  // namespace

json::Value migration_status_patch(const json::Value& vmim, const MigrationStep& step, const json::Value* vmi,
                                   WallTime now) {
  json::Array changes;
  const auto time = format_time(now);
  if (!step.phase.empty()) {
    changes.push_back(patch_operation("add", "/status/phase", json::Value(step.phase)));
    json::Array times = json::array_at(vmim, "/status/phaseTransitionTimestamps");
    times.push_back(json::Object{{"phase", step.phase}, {"phaseTransitionTimestamp", time}});
    changes.push_back(patch_operation("add", "/status/phaseTransitionTimestamps", std::move(times)));
  }
  if (step.note_abort) {
    auto conditions = with_condition(json::array_at(vmim, "/status/conditions"),
                                     json::Object{{"type", "migrationAbortRequested"}, {"status", "True"}}, time);
    changes.push_back(patch_operation("add", "/status/conditions", std::move(conditions)));
  }
  const bool final_now = step.phase == "Succeeded" || step.phase == "Failed";
  if (final_now && vmi != nullptr && is_handed_off(*vmi, uid_of(vmim))) {
    changes.push_back(patch_operation("add", "/status/migrationState", *json::find(*vmi, "/status/migrationState")));
  }
  if (changes.empty()) return nullptr;
  json::Array operations;
  operations.push_back(test("/metadata/uid", json::Value(uid_of(vmim))));
  if (const auto phase = phase_of(vmim); !phase.empty()) {
    operations.push_back(test("/status/phase", json::Value(phase)));
  } else {
    operations.push_back(
        test("/metadata/resourceVersion", json::Value(json::string_at(vmim, "/metadata/resourceVersion"))));
    if (json::find(vmim, "/status") == nullptr) operations.push_back(patch_operation("add", "/status", json::Object{}));
  }
  for (auto& change : changes) operations.push_back(std::move(change));
  return operations;
}

Result<json::Value> hand_off_patch(const json::Value& vmi, const json::Value& vmim, const json::Value& target_pod,
                                   const std::string& source_pod, const json::Value& configuration) {
  const auto ownership = read_ownership(vmi);
  if (!ownership) return fail(ownership.error());
  if (ownership->node_name.empty() || !ownership->migration_uid.empty()) {
    return fail(Code::conflict, "the VMI has no owner, or another attempt is under way");
  }
  const auto target_node = json::string_at(target_pod, "/spec/nodeName");
  if (target_node == ownership->node_name) return fail(Code::conflict, "the target pod is on the source's node");
  json::Array operations;
  operations.push_back(test("/metadata/uid", json::Value(ownership->uid)));
  operations.push_back(test("/status/nodeName", json::Value(ownership->node_name)));
  operations.push_back(test("/status/handover/epoch", ownership->epoch));
  operations.push_back(test("/status/handover/migrationUID", ""));
  if (json::find(vmi, "/metadata/labels") == nullptr) {
    operations.push_back(patch_operation("add", "/metadata/labels", json::Object{}));
  }
  operations.push_back(
      patch_operation("add", "/metadata/labels/" + json::escape(target_label), json::Value(target_node)));
  json::Object state;
  state["migrationUid"] = uid_of(vmim);
  state["sourceNode"] = ownership->node_name;
  state["sourcePod"] = source_pod;
  state["targetNode"] = target_node;
  state["targetPod"] = name_of_object(target_pod);
  if (configuration.is_object()) state["migrationConfiguration"] = configuration;
  operations.push_back(patch_operation("add", "/status/migrationState", std::move(state)));
  return json::Value(std::move(operations));
}

json::Value abort_patch(const json::Value& vmi, const std::string& vmim_uid, bool abort, bool end,
                        const std::string& reason, WallTime now) {
  json::Array operations;
  operations.push_back(test("/metadata/uid", json::Value(uid_of(vmi))));
  operations.push_back(test("/status/migrationState/migrationUid", json::Value(vmim_uid)));
  const auto state = [&](std::string_view field, json::Value value) {
    operations.push_back(patch_operation("add", "/status/migrationState/" + std::string{field}, std::move(value)));
  };
  if (end) {
    operations.push_back(test("/status/handover/epoch", json::int_at(vmi, "/status/handover/epoch")));
    operations.push_back(
        test("/status/handover/migrationUID", json::Value(json::string_at(vmi, "/status/handover/migrationUID"))));
    state("failed", true);
    state("completed", true);
    state("failureReason", json::Value(reason));
    state("endTimestamp", json::Value(format_time(now)));
    if (abort) state("abortStatus", "Succeeded");
  }
  if (abort) state("abortRequested", true);
  return json::Value(std::move(operations));
}

}  // namespace godwit::rules
