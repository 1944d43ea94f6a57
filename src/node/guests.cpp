#include "node/guests.hpp"

#include <algorithm>

#include <algorithm>
#include <set>

#include "node/pod_status.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr int workers = 4;

/// Tells the agents of one machine apart.
std::string path_as_name(const std::filesystem::path& path) {
  std::string name = std::filesystem::absolute(path);
  std::replace(name.begin(), name.end(), '/', ':');
  return name;
}

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

/// An incoming QEMU is up, but its agent ended before it could say so.
bool waits_unreported(const GuestView& view) {
  return view.instance->driver_active && !view.instance->ended &&
         std::any_of(view.pods.begin(), view.pods.end(), [&](const json::Value& pod) {
           return json::string_at(pod, "/metadata/uid") == view.instance->pod_uid &&
                  json::string_at(pod, "/status/phase") == "Pending";
         });
}

/// What must not be done on the word of a cache that may be behind.
bool needs_certainty(const Action& wanted) {
  return std::holds_alternative<action::Discard>(wanted) || std::holds_alternative<action::ReleaseOrphan>(wanted) ||
         std::holds_alternative<action::ReportEnd>(wanted) || std::holds_alternative<action::ClaimAndStart>(wanted) ||
         std::holds_alternative<action::StartIncoming>(wanted) || std::holds_alternative<action::StartSource>(wanted);
}

}  // namespace

Guests::Guests(const kube::Client& client, kube::EventRecorder& events, GuestsOptions options)
    : client_{client},
      events_{events},
      options_{std::move(options)},
      paths_{options_.config.data},
      cgroups_{confine::Cgroups::set_up(confine::read_hierarchies(), options_.config.name + path_as_name(paths_.data),
                                        paths_.cgroups())},
      logs_{paths_.logs()},
      controller_{"guests", [this](const kube::Key& key, const std::stop_token& stop) { return reconcile(key, stop); },
                  workers} {}

Guests::~Guests() = default;

void Guests::start() {
  for (const std::string& shortcoming : cgroups_.shortcomings()) log_.warning("cgroups: {}", shortcoming);
  std::set<std::string> known;
  for (InstanceRecord& record : load_records(paths_)) {
    known.insert(record.pod_uid);
    adopt(std::move(record));
  }
  if (auto cleaned = cgroups_.keep_only(known, Deadline::after(std::chrono::seconds{10})); !cleaned)
    log_.warning("cgroups: {}", cleaned.error().message);
  const auto vmi_of_pod = [](const json::Value& pod) {
    return kube::Key{.ns = json::string_at(pod, "/metadata/namespace"), .name = vmi_name_of(pod)};
  };
  pods_ = std::make_unique<kube::Informer>(
      client_, pods, kube::ListOptions{.label_selector = {}, .field_selector = "spec.nodeName=" + options_.config.name},
      [this, vmi_of_pod](const kube::ObjectPtr& before, const kube::ObjectPtr& after) {
        if (!after) logs_.remove(json::string_at(*before, "/metadata/uid"));
        wake(vmi_of_pod(after ? *after : *before));
      });
  vmis_ = std::make_unique<kube::Informer>(client_, virtual_machine_instances, kube::ListOptions{},
                                           [this](const kube::ObjectPtr& before, const kube::ObjectPtr& after) {
                                             wake(kube::key_of(after ? *after : *before));
                                             if (!after || rules::is_final(*after)) {
                                               remove_shared_volumes(after ? *after : *before);
                                             }
                                           });
  const std::stop_token never;
  while (!pods_->wait_synced(Deadline::after(std::chrono::seconds{5}), never) ||
         !vmis_->wait_synced(Deadline::after(std::chrono::seconds{5}), never)) {
    log_.warning("the API server has not answered yet");
  }
  std::set<std::string> pod_uids;
  for (const kube::ObjectPtr& pod : pods_->list()) pod_uids.insert(json::string_at(*pod, "/metadata/uid"));
  logs_.keep_only(pod_uids);
  remove_stale_volumes();
  controller_.start();
  const std::lock_guard lock{mutex_};
  for (const auto& [key, guest] : guests_) wake(key);
}

std::optional<GuestSockets> Guests::sockets_of(const kube::Key& vmi) const {
  const GuestPtr guest = find(vmi);
  // An incoming one too: nobody is sent here before this node owns the guest, and then its console is the right one.
  if (!guest || !guest->machine) return std::nullopt;
  const auto paths = guest->machine->paths();
  return GuestSockets{.console = paths.console, .vnc = paths.vnc};
}

bool Guests::runs_pod(const std::string& pod_uid) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(guests_.begin(), guests_.end(),
                     [&](const auto& entry) { return entry.second->record.pod_uid == pod_uid; });
}

void Guests::tell(const InstanceRecord& record, std::string_view text) const {
  log_.info("{}: {}", record.vmi.text(), text);
  logs_.note(record.pod_uid, text);
}

Guests::GuestPtr Guests::find(const kube::Key& key) const {
  const std::lock_guard lock{mutex_};
  const auto found = guests_.find(key);
  return found == guests_.end() ? nullptr : found->second;
}

void Guests::keep(const GuestPtr& guest) {
  const std::lock_guard lock{mutex_};
  guests_.insert_or_assign(guest->record.vmi, guest);
}

GuestView Guests::view_of(const kube::Key& key, std::optional<json::Value> vmi, const GuestPtr& guest) const {
  GuestView view{.self = options_.config.name, .vmi = std::move(vmi), .pods = {}, .instance = {}};
  if (guest && view.vmi && json::string_at(*view.vmi, "/metadata/uid") != guest->record.vmi_uid) view.vmi.reset();
  for (const kube::ObjectPtr& pod : pods_->list([&](const json::Value& p) {
         return json::string_at(p, "/metadata/namespace") == key.ns && vmi_name_of(p) == key.name;
       })) {
    if (view.vmi && vmi_uid_of(*pod) != json::string_at(*view.vmi, "/metadata/uid")) continue;
    view.pods.push_back(*pod);
  }
  if (guest) {
    const std::lock_guard lock{guest->mutex};
    view.instance = InstanceView{.role = guest->record.role,
                                 .pod_uid = guest->record.pod_uid,
                                 .migration_uid = guest->record.migration_uid,
                                 .ended = guest->ended,
                                 .guest_ended = guest->end != GuestEnd::none,
                                 .reboots = guest->record.reboots && guest->end == GuestEnd::shut_down,
                                 .driver_active = guest->source != nullptr || guest->target != nullptr,
                                 .stopping = guest->stopping_since.has_value(),
                                 .last_migration_uid = guest->record.last_migration_uid};
  }
  return view;
}

Result<std::optional<json::Value>> Guests::read_vmi(const kube::Key& key) const {
  auto vmi = client_.get(virtual_machine_instances, key);
  if (vmi) return std::optional{std::move(*vmi)};
  if (vmi.error().code == Code::not_found) return std::optional<json::Value>{};
  return fail(vmi.error());
}

Result<kube::Again> Guests::reconcile(const kube::Key& key, const std::stop_token&) {
  const kube::ObjectPtr cached = vmis_->get(key);
  std::optional<json::Value> vmi = cached ? std::optional{*cached} : std::nullopt;
  GuestPtr guest = find(key);
  if (guest && guest->adopting && !adopt_machine(guest)) return kube::Again{.after = std::chrono::seconds{1}};
  if (guest) {
    if (vmi) {
      const std::lock_guard lock{guest->mutex};
      if (guest->source) guest->source->observe(*vmi);
      if (guest->target) guest->target->observe(*vmi);
    }
    const auto settled = settle_drivers(vmi, guest);
    if (!settled) return fail(settled.error());
    if (*settled) {  // what the cache says of this guest is older than what was just decided
      auto now = read_vmi(key);
      if (!now) return fail(now.error());
      vmi = std::move(*now);
      guest = find(key);
    }
  }
  GuestView view = view_of(key, vmi, guest);
  Action wanted = decide(view);
  if (needs_certainty(wanted)) {
    auto now = read_vmi(key);
    if (!now) return fail(now.error());
    view = view_of(key, std::move(*now), guest);
    wanted = decide(view);
  }
  if (guest && view.vmi && guest->record.role == Role::incoming) {
    if (waits_unreported(view)) {
      if (auto reported = report_waiting(guest); !reported) return fail(reported.error());
    }
    if (auto published = publish_address(*view.vmi, guest); !published) return fail(published.error());
  }
  return perform(wanted, view, guest);
}

Result<kube::Again> Guests::perform(const Action& wanted, const GuestView& view, const GuestPtr& guest) {
  const auto plainly = [](Result<> done) -> Result<kube::Again> {
    if (!done) return fail(done.error());
    return kube::Again{};
  };
  return std::visit(
      Overloaded{
          [&](const action::None&) -> Result<kube::Again> {
            if (!guest || !view.vmi || guest->record.role != Role::owner || view.instance->ended) return kube::Again{};
            if (guest->stopping_since) return shut_down(view, *guest, {});
            if (guest->starting && !view.instance->driver_active) return plainly(finish_start(*guest));
            if (auto settled = settle_run(*view.vmi, *guest); !settled) return fail(settled.error());
            return settle_agent(*guest);
          },
          [&](const action::ClaimAndStart& a) { return claim_and_start(*view.vmi, a.pod); },
          [&](const action::StartIncoming& a) { return plainly(start_incoming(*view.vmi, a.pod)); },
          [&](const action::StartSource& a) { return plainly(start_source(*view.vmi, a.migration_uid, guest, false)); },
          [&](const action::CancelSource& a) -> Result<kube::Again> {
            const std::lock_guard lock{guest->mutex};
            if (guest->source) guest->source->cancel(a.reason);
            return kube::Again{};
          },
          [&](const action::AbandonIncoming& a) -> Result<kube::Again> {
            const std::lock_guard lock{guest->mutex};
            if (guest->target) guest->target->abandon(a.reason);
            return kube::Again{};
          },
          [&](const action::Shutdown& a) { return shut_down(view, *guest, a.reason); },
          [&](const action::StartOver&) { return plainly(start_over(*guest)); },
          [&](const action::EndQemu&) { return plainly(end_qemu(*guest)); },
          [&](const action::Discard& a) -> Result<kube::Again> {
            discard(guest, true, a.reason);
            return kube::Again{};
          },
          [&](const action::ReportEnd&) { return plainly(report_end(*view.vmi, guest)); },
          [&](const action::RemovePod& a) { return plainly(remove_pod(a.pod)); },
          [&](const action::ReleaseOrphan&) {
            return plainly(release(*view.vmi, false, "its QEMU ended while nobody watched"));
          },
      },
      wanted);
}

}  // namespace godwit::node
