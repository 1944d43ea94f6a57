#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "kube/modify.hpp"
#include "node/guests.hpp"
#include "node/pod_status.hpp"
#include "node/progress_reporter.hpp"
#include "node/started_marker.hpp"
#include "node/vmi_ownership.hpp"
#include "node/vmi_status.hpp"
#include "rules/launcher_pod.hpp"
#include "rules/migration_settings.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr int qemu_user = 107;

/// Where QEMU meets the tunnel. A target's makes its socket there; a source's, whose guest may have taken it over by
/// now, only uses what is there, so that it can't put a link in the place of a file that we write.
Result<> make_migration_directory(const std::filesystem::path& path, mode_t mode) {
  if (auto made = make_directory(path, 0700); !made) return made;
  if (::chown(path.c_str(), 0, qemu_user) != 0 || ::chmod(path.c_str(), mode) != 0) return fail_errno(path.string());
  return {};
}

/// The VMIM of that uid.
Result<kube::Key> find_migration(const kube::Client& client, const kube::Key& vmi, const std::string& uid) {
  const auto list = client.list(virtual_machine_instance_migrations, vmi.ns,
                                {.label_selector = "kubevirt.io/vmi-name=" + vmi.name, .field_selector = {}});
  if (!list) return fail(list.error());
  for (const json::Value& migration : list->items) {
    if (json::string_at(migration, "/metadata/uid") == uid) return kube::key_of(migration);
  }
  return fail(Code::not_found, "the migration is gone");
}

int published_port(const json::Value& vmi) {
  for (const auto& [port, meaning] : json::object_at(vmi, "/status/migrationState/targetDirectMigrationNodePorts")) {
    return std::atoi(std::string{port}.c_str());
  }
  return 0;
}

}  // namespace

Result<> Guests::start_incoming(const json::Value& vmi, const json::Value& pod) {
  const auto wanted = still_wanted(pod);
  if (!wanted) return fail(wanted.error());
  if (!*wanted) return {};
  auto guest = launch(vmi, pod, Role::incoming);
  if (!guest) {
    events_.record(vmi, kube::EventType::warning, "SyncFailed", guest.error().message);
    return finish_pod(kube::key_of(pod), json::string_at(pod, "/metadata/uid"), false, guest.error().message);
  }
  start_target_driver(vmi, *guest, false);
  return report_waiting(*guest);
}

Result<> Guests::report_waiting(const GuestPtr& guest) const {
  auto running = client_.patch(
      pods, guest->record.pod, kube::PatchType::merge,
      pod_running({guest->record.pod_uid, options_.config.address}, std::chrono::system_clock::now()), "status");
  if (!running && running.error().code != Code::not_found) return fail(running.error());
  return {};
}

void Guests::start_target_driver(const json::Value& vmi, const GuestPtr& guest, bool adopted) {
  const InstanceRecord& record = guest->record;
  migrate::TargetSpec spec{.migration_uid = record.migration_uid,
                           .self = options_.config.name,
                           .source = record.peer,
                           .address = options_.config.address,
                           .first_port = options_.config.first_migration_port,
                           .last_port = options_.config.last_migration_port,
                           .credentials = options_.credentials,
                           .directory = paths_.migration(record),
                           .program = options_.program,
                           .adopt = adopted};
  if (auto made = make_migration_directory(spec.directory, 01770); !made) log_.error("{}", made.error().message);
  migrate::TargetPorts ports{.qemu = std::make_shared<GuestQemu>(guest->machine),
                             .ownership = std::make_shared<VmiOwnership>(client_, record.vmi, record.vmi_uid),
                             .network = std::make_shared<GuestNetwork>(guest),
                             .marker = std::make_shared<StartedMarker>(paths_.record_directory(record.pod_uid)),
                             .started_extra = [] { return migration_completed(std::chrono::system_clock::now()); },
                             .on_listening =
                                 [this, weak = std::weak_ptr{guest}](int port) {
                                   const auto listening = weak.lock();
                                   if (!listening) return;
                                   {
                                     const std::lock_guard lock{listening->mutex};
                                     listening->listen_port = port;
                                   }
                                   wake(listening->record.vmi);
                                 }};
  const std::lock_guard lock{guest->mutex};
  guest->target = std::make_unique<migrate::TargetDriver>(
      std::move(spec), std::move(ports), [this, weak = std::weak_ptr{guest}](const migrate::TargetOutcome& outcome) {
        const auto ended = weak.lock();
        if (!ended) return;
        {
          const std::lock_guard inner{ended->mutex};
          ended->target_end = outcome;
        }
        wake(ended->record.vmi);
      });
  if (rules::read_ownership(vmi)) guest->target->observe(vmi);
}

Result<> Guests::publish_address(const json::Value& vmi, const GuestPtr& guest) {
  int port = 0;
  {
    const std::lock_guard lock{guest->mutex};
    port = guest->listen_port;
  }
  const bool wanted = port != 0 &&
                      json::string_at(vmi, "/status/migrationState/migrationUid") == guest->record.migration_uid &&
                      json::string_at(vmi, "/status/migrationState/targetNodeAddress").empty() &&
                      !json::bool_at(vmi, "/status/migrationState/completed");
  if (!wanted) return {};
  const json::Value patch = json::Array{
      rules::patch_operation("test", "/status/migrationState/migrationUid", json::Value(guest->record.migration_uid)),
      rules::patch_operation("add", "/status/migrationState/targetNodeAddress", json::Value(options_.config.address)),
      rules::patch_operation("add", "/status/migrationState/targetDirectMigrationNodePorts",
                             json::Object{{std::to_string(port), 49152}}),
  };
  auto written = client_.patch(virtual_machine_instances, guest->record.vmi, kube::PatchType::json, patch);
  if (!written) return fail(written.error());
  events_.record(vmi, kube::EventType::normal, "PreparingTarget",
                 fmt::format("Migration Target is listening at {}, on ports: {}", options_.config.address, port));
  return {};
}

Result<> Guests::start_source(const json::Value& vmi, const std::string& migration_uid, const GuestPtr& guest,
                              bool adopted) {
  guest->record.migration_uid = migration_uid;
  guest->record.peer = json::string_at(vmi, "/status/migrationState/targetNode");
  if (auto saved = save(paths_, guest->record); !saved) return saved;
  tell(guest->record, fmt::format("migration {} to {} begins", migration_uid, guest->record.peer));
  start_source_driver(vmi, guest, adopted);
  const json::Value patch = json::Array{
      rules::patch_operation("test", "/status/migrationState/migrationUid", json::Value(migration_uid)),
      rules::patch_operation("add", "/status/migrationState/startTimestamp",
                             json::Value(format_time(std::chrono::system_clock::now()))),
      rules::patch_operation("add", "/status/migrationState/mode", "PreCopy"),
  };
  auto written = client_.patch(virtual_machine_instances, guest->record.vmi, kube::PatchType::json, patch);
  if (!written) log_.warning("{}: {}", guest->record.vmi.text(), written.error().message);
  events_.record(vmi, kube::EventType::normal, "Migrating", "VirtualMachineInstance is migrating.");
  return {};
}

void Guests::start_source_driver(const json::Value& vmi, const GuestPtr& guest, bool adopted) {
  const InstanceRecord& record = guest->record;
  const auto settings = rules::migration_settings(vmi);
  migrate::SourceSpec spec{.migration_uid = record.migration_uid,
                           .self = options_.config.name,
                           .target = record.peer,
                           .target_address = json::string_at(vmi, "/status/migrationState/targetNodeAddress"),
                           .target_port = published_port(vmi),
                           .credentials = options_.credentials,
                           .directory = paths_.migration(record),
                           .program = options_.program,
                           .memory_bytes = rules::guest_memory_bytes(vmi),
                           .bandwidth_limit = settings.bytes_per_second,
                           .auto_converge = settings.auto_converge,
                           .completion_timeout_per_gib = settings.completion_timeout_per_gib,
                           .progress_timeout = settings.progress_timeout,
                           .most_downtime_ms = settings.most_downtime_ms,
                           .adopt = adopted};
  if (auto made = make_migration_directory(spec.directory, 0710); !made) log_.error("{}", made.error().message);
  if (const auto migration = find_migration(client_, record.vmi, record.migration_uid)) {
    guest->migration = *migration;
    guest->progress = std::make_shared<ProgressReporter>(client_, *migration);
  }
  migrate::SourcePorts ports{.qemu = std::make_shared<GuestQemu>(guest->machine),
                             .ownership = std::make_shared<VmiOwnership>(client_, record.vmi, record.vmi_uid),
                             .network = std::make_shared<GuestNetwork>(guest),
                             .progress = guest->progress};
  const std::lock_guard lock{guest->mutex};
  guest->source = std::make_unique<migrate::SourceDriver>(
      std::move(spec), std::move(ports), [this, weak = std::weak_ptr{guest}](const migrate::SourceOutcome& outcome) {
        const auto ended = weak.lock();
        if (!ended) return;
        {
          const std::lock_guard inner{ended->mutex};
          ended->source_end = outcome;
        }
        wake(ended->record.vmi);
      });
  if (rules::read_ownership(vmi)) guest->source->observe(vmi);
}

/// Acts on drivers that have come to an end. True when one has.
Result<bool> Guests::settle_drivers(const std::optional<json::Value>&, const GuestPtr& guest) {
  std::optional<migrate::SourceOutcome> source;
  std::optional<migrate::TargetOutcome> target;
  std::unique_ptr<migrate::SourceDriver> source_driver;
  std::unique_ptr<migrate::TargetDriver> target_driver;
  {
    const std::lock_guard lock{guest->mutex};
    source = guest->source_end;
    target = guest->target_end;
    if (source) source_driver = std::move(guest->source);
    if (target) target_driver = std::move(guest->target);
  }
  source_driver.reset();  // joins its thread, outside the lock
  target_driver.reset();
  if (!source && !target) return false;
  if (source) {
    if (auto settled = settle_source(guest, *source); !settled) return fail(settled.error());
  }
  if (target) {
    if (auto settled = settle_target(guest, *target); !settled) return fail(settled.error());
  }
  const std::lock_guard lock{guest->mutex};
  guest->source_end.reset();
  guest->target_end.reset();
  guest->run_state_changed = true;
  guest->agent_changed = true;
  return true;
}

Result<> Guests::settle_source(const GuestPtr& guest, const migrate::SourceOutcome& outcome) {
  using End = migrate::SourceOutcome::End;
  const std::string uid = guest->record.migration_uid;
  guest->progress.reset();
  if (!guest->migration.name.empty()) (void)report_summary(client_, guest->migration, outcome.summary);
  tell(guest->record, fmt::format("migration {} ended here as source: {}", uid,
                                  outcome.end == End::succeeded ? "the guest has moved" : outcome.reason));
  if (outcome.end == End::succeeded || outcome.end == End::superseded) {
    discard(guest, true, outcome.end == End::succeeded ? "the guest has moved" : outcome.reason);
    return {};
  }
  if (outcome.end == End::interrupted) return {};
  const bool aborted = outcome.end == End::cancelled;
  auto written = kube::modify(client_, virtual_machine_instances, guest->record.vmi, [&](json::Value& vmi) -> Result<> {
    set_migration_failed(vmi, uid, outcome.reason, aborted, std::chrono::system_clock::now());
    return {};
  });
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  if (written) {
    events_.record(*written, kube::EventType::warning, "Migrated",
                   fmt::format("VirtualMachineInstance migration uid {} failed. reason:{}", uid, outcome.reason));
  }
  // Last: whoever comes after a broken-off report must know of the attempt.
  end_attempt(*guest);
  return save(paths_, guest->record);
}

void Guests::end_attempt(Guest& guest) const {
  InstanceRecord& record = guest.record;
  if (record.migration_uid.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(paths_.migration(record), ignored);
  record.last_migration_uid = std::exchange(record.migration_uid, {});
  record.peer.clear();
}

Result<> Guests::settle_target(const GuestPtr& guest, const migrate::TargetOutcome& outcome) {
  using End = migrate::TargetOutcome::End;
  tell(guest->record, fmt::format("migration {} ended here as target: {}", guest->record.migration_uid,
                                  outcome.end == End::running ? "the guest runs here" : outcome.reason));
  if (outcome.end == End::interrupted) return {};
  if (outcome.end == End::abandoned || outcome.end == End::given_back) {
    discard(guest, false, outcome.reason);
    return {};
  }
  // The guest is this host's now, whatever has become of it.
  guest->record.role = Role::owner;
  end_attempt(*guest);
  if (auto saved = save(paths_, guest->record); !saved) return saved;
  if (outcome.end != End::running) return {};
  serve_dhcp(*guest);
  const auto vmi = read_vmi(guest->record.vmi);
  if (!vmi) return fail(vmi.error());
  if (!*vmi) return {};
  events_.record(**vmi, kube::EventType::normal, "Migrated",
                 fmt::format("The VirtualMachineInstance migrated to node {}.", options_.config.name));
  return report_running(**vmi, *guest);
}

}  // namespace godwit::node
