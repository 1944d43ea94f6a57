#include <fmt/format.h>

#include "base/files.hpp"
#include "kube/modify.hpp"
#include "migrate/handover.hpp"
#include "node/guest_state.hpp"
#include "node/guests.hpp"
#include "node/pod_status.hpp"
#include "node/vmi_status.hpp"
#include "node/volume_sources.hpp"
#include "rules/guest_control.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr std::chrono::seconds command_patience{10};
constexpr std::chrono::seconds adoption_patience{3};

}  // namespace

/// Asked for certain before anything is started for a pod: the cache may still show one alive whose QEMU has ended
/// here.
Result<bool> Guests::still_wanted(const json::Value& pod) const {
  const auto now = client_.get(pods, kube::key_of(pod));
  if (!now && now.error().code == Code::not_found) return false;
  if (!now) return fail(now.error());
  return json::string_at(*now, "/metadata/uid") == json::string_at(pod, "/metadata/uid") && !pod_is_terminal(*now) &&
         json::find(*now, "/metadata/deletionTimestamp") == nullptr;
}

/// The VMI as it is once this node owns it.
Result<json::Value> Guests::claim(const json::Value& vmi, const VolumeSources& volumes) {
  const auto ownership = rules::read_ownership(vmi);
  if (!ownership) return fail(ownership.error());
  const json::Array extra{
      rules::patch_operation("add", "/status/phase", "Scheduled"),
      rules::patch_operation("add", volumes_directory, json::Value(volumes.shared_directory.string())),
      rules::patch_operation("add", volumes_fingerprint, json::Value(volumes.fingerprint))};
  const auto patch =
      rules::guarded_patch(*ownership, {.transition = rules::Transition::claim, .self = options_.config.name}, extra);
  if (!patch) return fail(patch.error());
  auto written =
      client_.guarded_patch(virtual_machine_instances, kube::key_of(vmi), *patch, Deadline::after(command_patience));
  // Refused and unknown alike: the next look decides on a fresh read.
  if (!written) return fail(written.error().error);
  return std::move(*written);
}

Result<kube::Again> Guests::claim_and_start(const json::Value& vmi, const json::Value& pod) {
  const auto wanted = still_wanted(pod);
  if (!wanted) return fail(wanted.error());
  if (!*wanted) return kube::Again{};
  const auto volumes = find_volumes(client_, vmi);
  if (!volumes) return report_missing_volume(vmi, pod, volumes.error());
  troubles_.over(json::string_at(vmi, "/metadata/uid"));
  const auto owned = claim(vmi, *volumes);
  if (!owned) return fail(owned.error());
  if (auto started = start_owner(*owned, pod); !started) return fail(started.error());
  return kube::Again{};
}

qemu::MachineHandlers Guests::handlers_of(const std::weak_ptr<Guest>& weak) {
  return {
      .on_event =
          [this, weak](const qemu::Event& event) {
            const auto guest = weak.lock();
            if (!guest) return;
            {
              const std::lock_guard lock{guest->mutex};
              if (const auto end = end_of_event(event.name, event.data); end != GuestEnd::none) guest->end = end;
              if (guest->source) guest->source->on_qemu_event(event.name, event.data);
              if (guest->target) guest->target->on_qemu_event(event.name, event.data);
              const bool agent = event.name == "VSERPORT_CHANGE";
              if (!agent && !changes_run_state(event.name)) return;
              if (agent) guest->agent_changed = true;
              guest->run_state_changed |= !agent;
            }
            wake(guest->record.vmi);
          },
      .on_exit =
          [this, weak](const qemu::MachineExit& exit) {
            const auto guest = weak.lock();
            if (!guest) return;
            {
              const std::lock_guard lock{guest->mutex};
              guest->ended = true;
              guest->last_words = exit.describe();
              logs_.note(guest->record.pod_uid, exit.describe());
              if (guest->source) guest->source->on_qemu_event("GODWIT_EXIT", json::Object{});
              if (guest->target) guest->target->on_qemu_event("GODWIT_EXIT", json::Object{});
            }
            wake(guest->record.vmi);
          },
  };
}

Result<Guests::GuestPtr> Guests::launch(const json::Value& vmi, const json::Value& pod, Role role) {
  const auto volumes = volume_files(vmi, role);
  if (!volumes) return fail(volumes.error());
  auto plan = plan_guest(vmi, *volumes, options_.network, options_.host, std::chrono::system_clock::now());
  if (!plan) return fail(plan.error());
  const auto own_directory = paths_.machine(json::string_at(pod, "/metadata/uid"));
  const auto kept = volumes->find(vm_state);
  name_state(vmi, own_directory, kept == volumes->end() ? std::nullopt : std::optional{kept->second.path}, {},
             plan->machine);
  if (auto made = make_state(vmi, plan->machine, {}, role); !made) return fail(made.error());
  auto guest = std::make_shared<Guest>();
  guest->record = {.vmi = kube::key_of(vmi),
                   .vmi_uid = json::string_at(vmi, "/metadata/uid"),
                   .pod = kube::key_of(pod),
                   .pod_uid = json::string_at(pod, "/metadata/uid"),
                   .role = role,
                   .migration_uid = role == Role::incoming ? migration_uid_of(pod) : std::string{},
                   .last_migration_uid = {},
                   .peer = role == Role::incoming ? json::string_at(vmi, "/status/nodeName") : std::string{},
                   .ports = plan->ports,
                   .interface_names = plan->interface_names,
                   .machine_type = plan->machine.machine_type,
                   .cpu = plan->machine.cpu_model,
                   .reboots = false};
  auto cgroup = cgroups_.make(guest->record.pod_uid, confine::limits_of(pod));
  if (!cgroup) return fail(cgroup.error().within("cgroup"));
  const auto streams = paths_.streams(guest->record.pod_uid);
  if (auto made = make_directory(streams, 0755); !made) return fail(made.error());
  if (auto saved = save(paths_, guest->record); !saved) return fail(saved.error());
  std::vector<UniqueFd> taps;
  for (std::size_t i = 0; i < plan->ports.size(); ++i) {
    auto port = hostnet::VmPort::create(plan->ports[i]);
    if (!port) return fail(port.error().within("network port " + plan->ports[i].tap));
    guest->ports.push_back(std::make_unique<hostnet::VmPort>(std::move(port->port)));
    taps.push_back(std::move(port->tap));
    plan->machine.nics[i].tap_fds = {taps.back().get()};
  }
  plan->machine.incoming = role == Role::incoming;
  tell(guest->record, fmt::format("starting QEMU, machine {}, accelerator {}{}", plan->machine.machine_type,
                                  qemu::name_of(options_.host.accelerator),
                                  role == Role::incoming ? ", to receive the guest from " + guest->record.peer : ""));
  auto machine = qemu::Machine::start(
      plan->machine, {.directory = own_directory, .cgroups = cgroup->directories(), .socket_directories = {streams}},
      handlers_of(guest));
  logs_.add_qemu_log(guest->record.pod_uid, qemu::log_of(paths_.machine(guest->record.pod_uid)));
  if (!machine) {
    tell(guest->record, machine.error().message);
    for (const auto& port : guest->ports) (void)port->remove();
    (void)storage::remove_instance(paths_.local_volumes(), guest->record.vmi_uid);
    forget(paths_, guest->record);
    return fail(machine.error());
  }
  guest->machine = std::move(*machine);
  cgroup->stay();
  guest->cgroup = std::move(*cgroup);
  keep(guest);
  return guest;
}

void Guests::serve_dhcp(Guest& guest) {
  guest.dhcp.clear();
  for (const hostnet::PortSpec& port : guest.record.ports) {
    auto server = hostnet::DhcpServer::start(port);
    if (server) {
      guest.dhcp.push_back(std::move(*server));
    } else {
      log_.error("{}: no DHCP on {}: {}", guest.record.vmi.text(), port.tap, server.error().message);
    }
  }
}

Result<> Guests::first_cont(Guest& guest, const json::Value& vmi) {
  const auto ownership = rules::read_ownership(vmi);
  if (!ownership) return fail(ownership.error());
  const auto status = guest.machine->status(Deadline::after(command_patience));
  if (!status) return fail(status.error());
  const auto allowed = migrate::authorize_cont({.reason = migrate::ContReason::start,
                                                .self = options_.config.name,
                                                .migration_uid = {},
                                                .ownership = *ownership,
                                                .run_state = status->state});
  if (!allowed) return fail(allowed.error());
  return guest.machine->cont(Deadline::after(command_patience));
}

Result<> Guests::start_owner(const json::Value& vmi, const json::Value& pod) {
  auto guest = launch(vmi, pod, Role::owner);
  if (!guest) {
    events_.record(vmi, kube::EventType::warning, "SyncFailed", guest.error().message);
    (void)finish_pod(kube::key_of(pod), json::string_at(pod, "/metadata/uid"), false, guest.error().message);
    return release(vmi, false, guest.error().message);
  }
  (*guest)->starting = true;
  return finish_start(**guest);
}

/// What is left of a start: network, first `cont`, report. Also of one that an earlier agent, or an error, broke off.
Result<> Guests::finish_start(Guest& guest) {
  const auto vmi = read_vmi(guest.record.vmi);
  if (!vmi) return fail(vmi.error());
  if (!*vmi || json::string_at(**vmi, "/status/nodeName") != options_.config.name) return {};
  const auto status = guest.machine->status(Deadline::after(command_patience));
  if (!status) return fail(status.error());
  if (status->state == "prelaunch") {
    for (const auto& port : guest.ports) {
      if (auto attached = port->attach(); !attached) return fail(attached.error());
    }
    if (guest.dhcp.empty()) serve_dhcp(guest);
    const bool waits = rules::wants_pause(**vmi);
    if (!waits) {
      if (auto runs = first_cont(guest, **vmi); !runs) return fail(runs.error());
    }
    tell(guest.record, fmt::format("the guest {}, as process {}", waits ? "waits" : "runs", guest.machine->pid()));
    events_.record(**vmi, kube::EventType::normal, "Started", "VirtualMachineInstance started.");
  }
  if (auto reported = report_running(**vmi, guest); !reported) return reported;
  guest.starting = false;
  return {};
}

Result<> Guests::report_running(const json::Value& vmi, Guest& guest) {
  const WallTime now = std::chrono::system_clock::now();
  const std::string address = guest.record.ports.empty() ? std::string{} : guest.record.ports.front().pod_ip;
  auto pod = client_.patch(pods, guest.record.pod, kube::PatchType::merge,
                           pod_ready({guest.record.pod_uid, options_.config.address}, address, now), "status");
  if (!pod && pod.error().code != Code::not_found) return fail(pod.error());
  auto written =
      kube::modify(client_, virtual_machine_instances, kube::key_of(vmi), [&](json::Value& object) -> Result<> {
        if (json::string_at(object, "/status/nodeName") == options_.config.name) {
          set_running(object, {guest.record, options_.config.name}, now);
          if (rules::wants_pause(object)) set_paused(object, RunStep::Paused::by_user, format_time(now));
        }
        return {};
      });
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

void Guests::adopt(InstanceRecord record) {
  auto guest = std::make_shared<Guest>();
  guest->record = std::move(record);
  for (const hostnet::PortSpec& spec : guest->record.ports) {
    auto port = hostnet::VmPort::adopt(spec);
    if (port) guest->ports.push_back(std::make_unique<hostnet::VmPort>(std::move(*port)));
  }
  guest->cgroup = cgroups_.find(guest->record.pod_uid);
  guest->adopting = true;
  keep(guest);
  adopt_machine(guest);
}

/// False when its QEMU lives, but does not answer: to be tried again.
bool Guests::adopt_machine(const GuestPtr& guest) {
  auto machine = qemu::Machine::adopt(paths_.machine(guest->record.pod_uid), handlers_of(guest),
                                      Deadline::after(adoption_patience));
  if (!machine && machine.error().code != Code::gone && machine.error().code != Code::not_found) {
    log_.warning("{}: {}", guest->record.vmi.text(), machine.error().message);
    return false;
  }
  if (machine) {
    guest->machine = std::move(*machine);
    if (guest->record.role == Role::owner) serve_dhcp(*guest);
    tell(guest->record, fmt::format("a new agent has adopted the guest (process {})", guest->machine->pid()));
  } else {
    guest->ended = true;
    guest->last_words = machine.error().message;
    log_.warning("{}: {}", guest->record.vmi.text(), machine.error().message);
  }
  if (guest->machine) {
    if (const auto status = guest->machine->status(Deadline::after(command_patience)))
      guest->end = end_of_run_state(status->state);
  }
  guest->starting = guest->machine && guest->end == GuestEnd::none && guest->record.role == Role::owner &&
                    guest->record.migration_uid.empty();
  guest->adopting = false;
  if (guest->record.migration_uid.empty()) return true;
  // Also when QEMU is dead: what becomes of the guest is for both sides to decide.
  const auto vmi = read_vmi(guest->record.vmi);
  const json::Value known = vmi && *vmi ? **vmi : json::Value(json::Object{});
  if (guest->record.role == Role::incoming) {
    start_target_driver(known, guest, true);
  } else {
    start_source_driver(known, guest, true);
  }
  return true;
}

}  // namespace godwit::node
