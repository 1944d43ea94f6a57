#include "controllers/migration_controller.hpp"

#include <fmt/format.h>

#include "controllers/vmi_controller.hpp"
#include "rules/launcher_pod.hpp"
#include "rules/migration_settings.hpp"
#include "rules/migration_writes.hpp"
#include "rules/objects.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;
using rules::MigrationStep;

constexpr int most_steps = 16;  // more than there are phases: a reconcile that goes on is broken

kube::Key vmi_key(const json::Value& vmim) {
  return {json::string_at(vmim, "/metadata/namespace"), json::string_at(vmim, "/spec/vmiName")};
}

/// A JSON patch whose test failed: what was read is old.
Failure as_conflict(Error error) {
  if (error.code == Code::invalid) error.code = Code::conflict;
  return fail(std::move(error));
}

}  // namespace

MigrationController::MigrationController(Context& context)
    : context_{context},
      controller_{"migration", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); }, 4} {
  context.informers.migrations.on_change([this](const auto& before, const auto& after) {
    controller_.queue().add(kube::key_of(after ? *after : *before));
    if (!after || rules::is_final(*after)) give_slot(after ? *after : *before);
  });
  context.informers.instances.on_change([this](const auto& before, const auto& after) {
    const auto key = kube::key_of(after ? *after : *before);
    const auto concerned = context_.informers.migrations.cache().list(
        [&](const json::Value& vmim) { return (!after || !rules::is_final(vmim)) && vmi_key(vmim) == key; });
    for (const auto& vmim : concerned) controller_.queue().add(kube::key_of(*vmim));
  });
  context.informers.kubevirts.on_change([this](const auto&, const auto&) { wake_waiting(); });  // limits may be wider
  context.informers.pods.on_change([this](const auto& before, const auto& after) {
    const auto& pod = after ? *after : *before;
    const auto name = rules::annotation_of(pod, "kubevirt.io/migrationJobName");
    if (!name.empty()) controller_.queue().add({json::string_at(pod, "/metadata/namespace"), name});
  });
}

Result<kube::Again> MigrationController::reconcile(const kube::Key& key) {
  Scene scene;
  scene.vmim = context_.informers.migrations.cache().get(key);
  if (!scene.vmim) return kube::Again{};
  if (auto done = look(scene, key); !done) return fail(done.error());
  for (int i = 0; i < most_steps; ++i) {
    rules::MigrationView view{scene.vmim.get(), scene.vmi.get(), scene.pod.get(), true, context_.clock.wall()};
    auto step = rules::next_step(view);
    if (step.create_target_pod && !take_slot(scene)) {
      view.slot_free = false;
      step = rules::next_step(view);
    }
    const bool grave = step.phase == "Failed" || step.request_abort || step.end_attempt;
    if (grave && !scene.certain) {  // a cache that lags must not fail a migration
      scene.certain = true;
      if (auto done = look(scene, key); !done) return fail(done.error());
      if (!scene.vmim) return kube::Again{};
      continue;
    }
    for (const auto& note : step.notes) {
      context_.events.record(*scene.vmim, note.warning ? kube::EventType::warning : kube::EventType::normal,
                             note.reason, note.message);
    }
    if (step.nothing()) return kube::Again{step.look_again};
    if (auto done = apply(scene, step); !done) return fail(done.error());
    if (step.remove_finalizer || step.delete_migration) return kube::Again{};
  }
  return fail(Code::internal, "the phases don't come to rest");
}

Result<> MigrationController::look(Scene& scene, const kube::Key& key) const {
  if (scene.certain) {
    auto vmim = read_for_certain(context_, virtual_machine_instance_migrations, key);
    if (!vmim) return fail(vmim.error());
    scene.vmim = *vmim;
    if (!scene.vmim) return {};
  }
  const auto instance = vmi_key(*scene.vmim);
  scene.vmi = scene.certain ? nullptr : context_.informers.instances.cache().get(instance);
  if (!scene.vmi) {
    auto vmi = read_for_certain(context_, virtual_machine_instances, instance);
    if (!vmi) return fail(vmi.error());
    scene.vmi = *vmi;
  }
  scene.pod = nullptr;
  if (!scene.vmi) return {};
  const kube::Key pod{key.ns, rules::launcher_pod_name(*scene.vmi, rules::uid_of(*scene.vmim))};
  if (!scene.certain) scene.pod = context_.informers.pods.cache().get(pod);
  if (!scene.pod && (scene.certain || rules::is_running_migration(*scene.vmim))) {
    auto read = read_for_certain(context_, pods, pod);
    if (!read) return fail(read.error());
    scene.pod = *read;
  }
  return {};
}

Result<> MigrationController::apply(Scene& scene, const MigrationStep& step) {
  if (step.create_target_pod) {
    if (auto done = create_target(scene); !done) {
      give_slot(*scene.vmim);
      return done;
    }
  }
  if (step.hand_off) {
    if (auto done = hand_off(scene); !done) return done;
  }
  if (step.request_abort || step.end_attempt) {
    if (auto done = write_abort(scene, step); !done) return done;
  }
  if (step.delete_target_pod && scene.pod) {
    const bool unbound = json::string_at(*scene.pod, "/spec/nodeName").empty();
    const auto version = unbound ? json::string_at(*scene.pod, "/metadata/resourceVersion") : std::string{};
    const auto removed = context_.client.remove(pods, kube::key_of(*scene.pod), rules::uid_of(*scene.pod), version,
                                                unbound ? std::optional{0} : std::nullopt);
    if (!removed && removed.error().code != Code::not_found) return removed;
  }
  if (auto done = write_status(scene, step); !done) return done;
  if (step.remove_finalizer) {
    if (auto done = collect(*scene.vmim); !done) return done;
    if (auto done =
            remove_finalizer(context_, virtual_machine_instance_migrations, *scene.vmim, rules::migration_finalizer);
        !done)
      return done;
  }
  if (step.delete_migration) return remove_object(context_, virtual_machine_instance_migrations, *scene.vmim);
  return {};
}

Result<> MigrationController::create_target(Scene& scene) {
  const auto source = json::string_at(*scene.vmi, "/status/nodeName");
  const auto node = context_.informers.nodes.cache().get({"", source});
  if (!node) return fail(Code::not_found, fmt::format("the guest's node \"{}\" is unknown", source));
  const auto pod = rules::target_pod(*scene.vmi, *scene.vmim, *node);
  auto created = context_.client.create(pods, json::string_at(*scene.vmim, "/metadata/namespace"), pod);
  if (created) {
    context_.events.record(*scene.vmim, kube::EventType::normal, "SuccessfulCreate",
                           fmt::format("Created migration target pod {}", rules::name_of_object(pod)));
    scene.pod = std::make_shared<const json::Value>(*std::move(created));
    return {};
  }
  if (created.error().code != Code::already_exists) {
    context_.events.record(*scene.vmim, kube::EventType::warning, "FailedCreate",
                           fmt::format("Error creating pod: {}", created.error().message));
    return fail(created.error().within("creating the target pod"));
  }
  auto existing = read_for_certain(context_, pods, kube::key_of(pod));
  if (!existing) return fail(existing.error());
  scene.pod = *existing;
  return {};
}

Result<> MigrationController::hand_off(Scene& scene) {
  std::string source_pod;
  for (const auto& pod : pods_of(context_, *scene.vmi)) {
    const bool on_source = json::string_at(*pod, "/spec/nodeName") == json::string_at(*scene.vmi, "/status/nodeName");
    if (on_source && !rules::is_final(*pod)) source_pod = rules::name_of_object(*pod);
  }
  const auto settings = kubevirt();
  const auto patch = rules::hand_off_patch(*scene.vmi, *scene.vmim, *scene.pod, source_pod,
                                           rules::migration_configuration(settings.get()));
  if (!patch) return fail(patch.error());
  auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(*scene.vmi), kube::PatchType::json, *patch);
  if (!written) return as_conflict(written.error());
  scene.vmi = std::make_shared<const json::Value>(*std::move(written));
  return {};
}

Result<> MigrationController::write_abort(Scene& scene, const MigrationStep& step) {
  const std::string reason = step.request_abort   ? "Live migration has been aborted"
                             : step.notes.empty() ? "the attempt has ended"
                                                  : step.notes.front().message;
  const auto patch = rules::abort_patch(*scene.vmi, rules::uid_of(*scene.vmim), step.request_abort, step.end_attempt,
                                        reason, context_.clock.wall());
  auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(*scene.vmi), kube::PatchType::json, patch);
  if (!written) return as_conflict(written.error());
  scene.vmi = std::make_shared<const json::Value>(*std::move(written));
  return {};
}

Result<> MigrationController::write_status(Scene& scene, const MigrationStep& step) {
  auto patch = rules::migration_status_patch(*scene.vmim, step, scene.vmi.get(), context_.clock.wall());
  if (patch.is_null()) return {};
  auto written = context_.client.patch(virtual_machine_instance_migrations, kube::key_of(*scene.vmim),
                                       kube::PatchType::json, patch, "status");
  if (written) {
    scene.vmim = std::make_shared<const json::Value>(*std::move(written));
    return {};
  }
  // It was further on than the cache said; a pod made for one that is over would stay for ever.
  if (step.create_target_pod && scene.pod && written.error().code != Code::unavailable) {
    const auto now = read_for_certain(context_, virtual_machine_instance_migrations, kube::key_of(*scene.vmim));
    const bool over = now && (!*now || rules::uid_of(**now) != rules::uid_of(*scene.vmim) || rules::is_final(**now));
    if (over) {
      if (auto done = remove_object(context_, pods, *scene.pod); !done) return done;
    }
  }
  if (written.error().code == Code::not_found) return fail(Code::conflict, written.error().message);
  return as_conflict(written.error());
}

bool MigrationController::take_slot(const Scene& scene) {
  const auto settings = kubevirt();
  const auto limits = rules::migration_limits(settings.get());
  const auto uid = rules::uid_of(*scene.vmim);
  const auto source = json::string_at(*scene.vmi, "/status/nodeName");
  const std::lock_guard lock{mutex_};
  if (starting_.contains(uid)) return true;
  auto running = starting_;
  for (const auto& other : context_.informers.migrations.cache().list(rules::is_running_migration)) {
    const auto vmi = context_.informers.instances.cache().get(vmi_key(*other));
    if (!vmi) continue;
    const bool passed_on = rules::is_handed_off(*vmi, rules::uid_of(*other));
    running[rules::uid_of(*other)] =
        json::string_at(*vmi, passed_on ? "/status/migrationState/sourceNode" : "/status/nodeName");
  }
  std::int64_t outbound = 0;
  for (const auto& [other, node] : running) outbound += node == source ? 1 : 0;
  if (static_cast<std::int64_t>(running.size()) >= limits.in_cluster || outbound >= limits.outbound_per_node) {
    waiting_.insert(kube::key_of(*scene.vmim));
    return false;
  }
  starting_[uid] = source;
  return true;
}

void MigrationController::give_slot(const json::Value& vmim) {
  {
    const std::lock_guard lock{mutex_};
    starting_.erase(rules::uid_of(vmim));
  }
  wake_waiting();
}

void MigrationController::wake_waiting() {
  const std::lock_guard lock{mutex_};
  for (const auto& key : waiting_) controller_.queue().add(key);
  waiting_.clear();
}

/// The newest five final migrations of a VMI stay; with the others goes the pod that ended with them.
Result<> MigrationController::collect(const json::Value& vmim) {
  constexpr std::size_t kept = 5;
  const auto instance = vmi_key(vmim);
  auto ended = context_.informers.migrations.cache().list([&](const json::Value& other) {
    return rules::is_final(other) && !rules::is_deleting(other) && vmi_key(other) == instance;
  });
  if (ended.size() <= kept) return {};
  std::sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) {
    return json::string_at(*a, "/metadata/creationTimestamp") > json::string_at(*b, "/metadata/creationTimestamp");
  });
  for (std::size_t i = kept; i < ended.size(); ++i) {
    const bool succeeded = rules::phase_of(*ended[i]) == "Succeeded";
    const auto name =
        json::string_at(*ended[i], succeeded ? "/status/migrationState/sourcePod" : "/status/migrationState/targetPod");
    const auto pod = context_.informers.pods.cache().get({instance.ns, name});
    if (pod && rules::is_final(*pod)) {
      if (auto done = remove_object(context_, pods, *pod, 0); !done) return done;
    }
    if (auto done = remove_object(context_, virtual_machine_instance_migrations, *ended[i]); !done) return done;
  }
  return {};
}

kube::ObjectPtr MigrationController::kubevirt() const {
  const auto all = context_.informers.kubevirts.cache().list();
  return all.empty() ? nullptr : all.front();
}

}  // namespace godwit::controllers
