#include "controllers/evacuation.hpp"

#include <fmt/format.h>

#include "rules/eviction.hpp"
#include "rules/objects.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

bool may_have_to_leave(const json::Value& vmi) {
  return !rules::is_final(vmi) && !json::string_at(vmi, "/status/nodeName").empty();
}

}  // namespace

Evacuation::Evacuation(Context& context)
    : context_{context},
      controller_{"evacuation", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); }, 1} {
  context.informers.instances.on_change([this](const auto&, const auto& after) {
    if (after && may_have_to_leave(*after)) controller_.queue().add(kube::key_of(*after));
  });
  context.informers.migrations.on_change([this](const auto& before, const auto& after) {
    const auto& vmim = after ? *after : *before;
    controller_.queue().add({json::string_at(vmim, "/metadata/namespace"), json::string_at(vmim, "/spec/vmiName")});
  });
  context.informers.nodes.on_change([this](const auto& before, const auto& after) {
    if (!after) return;
    const bool same = before && json::equal(json::Value(json::array_at(*before, "/spec/taints")),
                                            json::Value(json::array_at(*after, "/spec/taints")));
    if (same) return;
    const auto name = rules::name_of_object(*after);
    for (const auto& vmi : context_.informers.instances.cache().list(
             [&](const json::Value& each) { return json::string_at(each, "/status/nodeName") == name; })) {
      controller_.queue().add(kube::key_of(*vmi));
    }
  });
}

Result<kube::Again> Evacuation::reconcile(const kube::Key& key) {
  const auto vmi = context_.informers.instances.cache().get(key);
  if (!vmi || !may_have_to_leave(*vmi)) return kube::Again{};
  const auto node = context_.informers.nodes.cache().get({"", json::string_at(*vmi, "/status/nodeName")});
  const auto held = context_.informers.migrations.cache().list([&](const json::Value& each) {
    return json::string_at(each, "/metadata/namespace") == key.ns && json::string_at(each, "/spec/vmiName") == key.name;
  });
  std::vector<const json::Value*> migrations;
  for (const auto& each : held) migrations.push_back(each.get());
  const auto step = rules::evacuation_of(*vmi, node.get(), migrations, context_.clock.wall());
  Result<> done;
  if (step.unmark) done = unmark(*vmi);
  if (!step.leave.empty()) {
    // It may have left already, by a migration whose end is known before its effect: moving it again would be wrong.
    const auto now = read_for_certain(context_, virtual_machine_instances, key);
    if (!now) return fail(now.error());
    if (!*now || rules::evacuation_of(**now, node.get(), migrations, context_.clock.wall()).leave != step.leave) {
      return kube::Again{};
    }
    done = migrate(**now, step.leave);
  }
  if (!done) return fail(done.error());
  if (step.wait_for) {
    context_.events.record(*vmi, kube::EventType::warning, "MigrationBackoff",
                           fmt::format("backoff migrating vmi {}", key.text()));
  }
  return kube::Again{step.wait_for};
}

Result<> Evacuation::unmark(const json::Value& vmi) {
  json::Array patch;
  for (const auto* field : {"/metadata/uid", "/status/nodeName", "/status/evacuationNodeName"}) {
    patch.push_back(rules::patch_operation("test", field, json::Value(json::string_at(vmi, field))));
  }
  patch.push_back(rules::patch_remove("/status/evacuationNodeName"));
  const auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(vmi), kube::PatchType::json, std::move(patch));
  if (written || written.error().code == Code::not_found) return {};
  // Refused: it has changed meanwhile, which brings it back here.
  if (written.error().code == Code::invalid || written.error().code == Code::conflict) return {};
  return fail(written.error());
}

/// A migration that the cache doesn't show yet is no harm: admission takes no second one of the same VMI.
Result<> Evacuation::migrate(const json::Value& vmi, const std::string& node) {
  const auto created =
      context_.client.create(virtual_machine_instance_migrations, json::string_at(vmi, "/metadata/namespace"),
                             rules::evacuation_migration(vmi, node));
  if (created) {
    context_.events.record(vmi, kube::EventType::normal, "SuccessfulCreate",
                           fmt::format("Created Migration {}", rules::name_of_object(*created)));
    return {};
  }
  if (created.error().code == Code::bad_request) return {};
  context_.events.record(vmi, kube::EventType::warning, "FailedCreate",
                         fmt::format("Error creating a Migration: {}", created.error().message));
  return fail(created.error().within("creating a migration"));
}

}  // namespace godwit::controllers
