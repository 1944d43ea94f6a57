#include "node/guest_decision.hpp"

#include <algorithm>

#include "node/pod_status.hpp"

namespace godwit::node {
namespace {

constexpr std::int64_t default_grace_seconds = 30;

bool is_deleting(const json::Value& object) { return json::find(object, "/metadata/deletionTimestamp") != nullptr; }

bool is_final(const json::Value& vmi) {
  const std::string phase = json::string_at(vmi, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

const json::Value* pod_of(const GuestView& view, const std::string& uid) {
  const auto found = std::find_if(view.pods.begin(), view.pods.end(),
                                  [&](const json::Value& pod) { return json::string_at(pod, "/metadata/uid") == uid; });
  return found == view.pods.end() ? nullptr : &*found;
}

bool migration_is_over(const json::Value& vmi, const std::string& migration_uid) {
  return json::string_at(vmi, "/status/migrationState/migrationUid") == migration_uid &&
         json::bool_at(vmi, "/status/migrationState/completed");
}

/// The attempt that waits for this node to send, or "".
std::string migration_to_send(const GuestView& view) {
  const json::Value& vmi = *view.vmi;
  const std::string uid = json::string_at(vmi, "/status/migrationState/migrationUid");
  const bool wanted = !uid.empty() && json::string_at(vmi, "/status/migrationState/sourceNode") == view.self &&
                      !json::string_at(vmi, "/status/migrationState/targetNodeAddress").empty() &&
                      !json::bool_at(vmi, "/status/migrationState/completed") &&
                      !json::bool_at(vmi, "/status/migrationState/abortRequested");
  return wanted && uid != view.instance->last_migration_uid ? uid : std::string{};
}

Action decide_for_owner(const GuestView& view, const rules::Ownership& ownership) {
  const InstanceView& instance = *view.instance;
  const json::Value* pod = pod_of(view, instance.pod_uid);
  const bool stop_wanted = is_deleting(*view.vmi) || (pod != nullptr && is_deleting(*pod));
  if (instance.driver_active) {
    if (stop_wanted) return action::CancelSource{"the virtual machine instance is being stopped"};
    if (json::bool_at(*view.vmi, "/status/migrationState/abortRequested")) {
      return action::CancelSource{"Live migration has been aborted"};
    }
    if (instance.guest_ended) return action::CancelSource{"the guest has ended"};
    return action::None{};
  }
  if (ownership.node_name != view.self) return action::Discard{"the guest's owner is " + ownership.node_name};
  if (instance.ended) return action::ReportEnd{};
  if (instance.guest_ended) {
    if (instance.reboots && !stop_wanted) return action::StartOver{};
    return action::EndQemu{};
  }
  if (stop_wanted) {
    if (instance.stopping) return action::None{};
    return action::Shutdown{"VirtualMachineInstance stopping"};
  }
  if (std::string uid = migration_to_send(view); !uid.empty()) return action::StartSource{std::move(uid)};
  return action::None{};
}

Action decide_for_incoming(const GuestView& view) {
  const InstanceView& instance = *view.instance;
  const json::Value* pod = pod_of(view, instance.pod_uid);
  if (instance.driver_active) {
    if (pod != nullptr && is_deleting(*pod)) return action::AbandonIncoming{"the target pod is being deleted"};
    return action::None{};
  }
  return action::Discard{"its migration has ended"};
}

/// Nothing runs here for a pod that is bound to this host.
std::optional<Action> decide_for_pod(const GuestView& view, const rules::Ownership& ownership, const json::Value& pod) {
  if (is_deleting(pod)) return action::RemovePod{pod};
  if (pod_is_terminal(pod) || is_deleting(*view.vmi) || is_final(*view.vmi)) return std::nullopt;
  const std::string migration_uid = migration_uid_of(pod);
  if (!migration_uid.empty()) {
    if (migration_is_over(*view.vmi, migration_uid) || ownership.node_name == view.self) return std::nullopt;
    return action::StartIncoming{pod};
  }
  // Also when it is ours already: an agent that ended between claim and start claims anew, which raises the epoch.
  if (ownership.node_name.empty() || ownership.node_name == view.self) return action::ClaimAndStart{pod};
  return std::nullopt;
}

}  // namespace

std::chrono::seconds grace_of(const GuestView& view, const std::string& pod_uid) {
  auto grace = json::int_at(*view.vmi, "/spec/terminationGracePeriodSeconds", default_grace_seconds);
  const json::Value* pod = pod_of(view, pod_uid);
  if (pod != nullptr && is_deleting(*pod))
    grace = std::min(grace, json::int_at(*pod, "/metadata/deletionGracePeriodSeconds", grace));
  return std::chrono::seconds{grace};
}

Action decide(const GuestView& view) {
  const bool known = view.vmi.has_value();
  if (!known) {
    if (view.instance) return action::Discard{"its virtual machine instance is gone"};
    for (const json::Value& pod : view.pods) {
      if (is_deleting(pod)) return action::RemovePod{pod};
    }
    return action::None{};
  }
  const auto ownership = rules::read_ownership(*view.vmi);
  if (!ownership) return action::None{};  // its controller has not spoken yet
  if (view.instance) {
    return view.instance->role == Role::owner ? decide_for_owner(view, *ownership) : decide_for_incoming(view);
  }
  for (const json::Value& pod : view.pods) {
    if (auto wanted = decide_for_pod(view, *ownership, pod)) return std::move(*wanted);
  }
  if (ownership->node_name == view.self) return action::ReleaseOrphan{};
  return action::None{};
}

}  // namespace godwit::node
