#include "node/guests.hpp"
#include "node/pod_status.hpp"
#include "node/vmi_status.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr std::chrono::seconds command_patience{10};

}  // namespace

/// Asks the guest to switch itself off; ends QEMU when its grace period is over.
Result<kube::Again> Guests::shut_down(const GuestView& view, Guest& guest, const std::string& reason) {
  const Instant now = std::chrono::steady_clock::now();
  bool asked = true;
  if (!guest.stopping_since) {
    guest.stopping_since = now;
    events_.record(*view.vmi, kube::EventType::normal, "ShuttingDown", "Signaled Graceful Shutdown");
    tell(guest.record, "asking the guest to shut down" + (reason.empty() ? reason : ": " + reason));
    asked = guest.machine->system_powerdown(Deadline::after(command_patience)).has_value();
  }
  const Instant insist_at = *guest.stopping_since + grace_of(view, guest.record.pod_uid);
  if (asked && now < insist_at) return kube::Again{.after = insist_at - now};
  if (guest.machine && guest.machine->alive()) {
    if (auto killed = guest.machine->kill(Deadline::after(command_patience)); !killed) return fail(killed.error());
  }
  return kube::Again{};
}

Result<> Guests::finish_pod(const kube::Key& pod, const std::string& pod_uid, bool succeeded,
                            const std::string& reason) {
  auto current = client_.get(pods, pod);
  if (!current && current.error().code == Code::not_found) return {};
  if (!current) return fail(current.error());
  if (json::string_at(*current, "/metadata/uid") != pod_uid) return {};
  if (!pod_is_terminal(*current)) {
    const json::Value status = pod_ended(*current, succeeded, succeeded ? 0 : 1, succeeded ? "Completed" : "Error",
                                         reason, std::chrono::system_clock::now());
    auto written = client_.patch(pods, pod, kube::PatchType::merge, status, "status");
    if (!written && written.error().code != Code::not_found) return fail(written.error());
  }
  if (json::find(*current, "/metadata/deletionTimestamp") == nullptr) return {};
  return remove_pod(*current);
}

Result<> Guests::remove_pod(const json::Value& pod) {
  auto removed = client_.remove(pods, kube::key_of(pod), json::string_at(pod, "/metadata/uid"), {}, 0);
  if (!removed && removed.error().code != Code::not_found) return fail(removed.error());
  return {};
}

Result<> Guests::release(const json::Value& vmi, bool succeeded, const std::string& reason) {
  const auto ownership = rules::read_ownership(vmi);
  if (!ownership) return fail(ownership.error());
  if (ownership->node_name != options_.config.name) return {};
  json::Value ended = vmi;
  set_ended(ended, succeeded, reason, std::chrono::system_clock::now());
  const json::Array extra{
      rules::patch_operation("add", "/status/phase", *json::find(ended, "/status/phase")),
      rules::patch_operation("add", "/status/reason", *json::find(ended, "/status/reason")),
      rules::patch_operation("add", "/status/conditions", *json::find(ended, "/status/conditions")),
  };
  const auto patch =
      rules::guarded_patch(*ownership, {.transition = rules::Transition::release, .self = options_.config.name}, extra);
  if (!patch) return fail(patch.error());
  auto written =
      client_.guarded_patch(virtual_machine_instances, kube::key_of(vmi), *patch, Deadline::after(command_patience));
  if (!written && written.error().error.code != Code::not_found) return fail(written.error().error);
  return {};
}

Result<> Guests::report_end(const json::Value& vmi, const GuestPtr& guest) {
  bool succeeded = false;
  std::string reason;
  {
    const std::lock_guard lock{guest->mutex};
    succeeded = guest->end == GuestEnd::shut_down || guest->stopping_since;
    reason = succeeded                          ? "The VirtualMachineInstance was shut down."
             : guest->end == GuestEnd::panicked ? "the guest panicked"
                                                : guest->last_words;
  }
  if (auto released = release(vmi, succeeded, reason); !released) return released;
  events_.record(vmi, succeeded ? kube::EventType::normal : kube::EventType::warning, "Stopped",
                 succeeded ? "The VirtualMachineInstance was shut down." : "The VirtualMachineInstance crashed.");
  discard(guest, succeeded, reason);
  return {};
}

/// Takes away everything that is left of a QEMU here. Ownership is not touched.
void Guests::discard(const GuestPtr& guest, bool succeeded, const std::string& reason) {
  tell(guest->record, "removing its QEMU here: " + reason);
  if (guest->machine && guest->machine->alive()) {
    if (auto killed = guest->machine->kill(Deadline::after(command_patience)); !killed) {
      log_.error("{}: {}", guest->record.vmi.text(), killed.error().message);
    }
  }
  if (auto removed = guest->cgroup.remove(Deadline::after(command_patience)); !removed)
    log_.warning("{}: {}", guest->record.vmi.text(), removed.error().message);
  guest->dhcp.clear();
  for (const auto& port : guest->ports) {
    if (auto removed = port->remove(); !removed)
      log_.warning("{}: {}", guest->record.vmi.text(), removed.error().message);
  }
  if (auto finished = finish_pod(guest->record.pod, guest->record.pod_uid, succeeded, reason); !finished) {
    log_.warning("pod {}: {}", guest->record.pod.text(), finished.error().message);
  }
  if (auto removed = storage::remove_instance(paths_.local_volumes(), guest->record.vmi_uid); !removed) {
    log_.warning("{}", removed.error().message);
  }
  end_attempt(*guest);
  forget(paths_, guest->record);
  const std::lock_guard lock{mutex_};
  const auto found = guests_.find(guest->record.vmi);
  if (found != guests_.end() && found->second == guest) guests_.erase(found);
}

}  // namespace godwit::node
