#include "controllers/vm_controller.hpp"

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/vm_lifecycle.hpp"
#include "rules/volumes.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

bool owns(const json::Value& vm, const json::Value& vmi) {
  for (const auto& owner : json::array_at(vmi, "/metadata/ownerReferences")) {
    if (json::string_at(owner, "/uid") == rules::uid_of(vm)) return true;
  }
  return false;
}

void look_at_claims(const Informers& informers, rules::VmView& view) {
  const auto ns = json::string_at(*view.vm, "/metadata/namespace");
  for (const auto& volume : json::array_at(*view.vm, "/spec/template/spec/volumes")) {
    const auto name = rules::claim_of(volume);
    if (name.empty()) continue;
    const auto claim = informers.claims.cache().get({ns, name});
    if (!claim) {
      view.claims_missing = true;
    } else if (rules::phase_of(*claim) != "Bound") {
      view.claims_unbound = true;
    }
  }
}

bool uses_claim(const json::Value& vm, const kube::Key& claim) {
  if (json::string_at(vm, "/metadata/namespace") != claim.ns) return false;
  for (const auto& volume : json::array_at(vm, "/spec/template/spec/volumes")) {
    if (rules::claim_of(volume) == claim.name) return true;
  }
  return false;
}

}  // namespace

VmController::VmController(Context& context)
    : context_{context},
      controller_{"vm", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); }} {
  context.informers.machines.on_change([this](const auto& before, const auto& after) {
    controller_.queue().add(kube::key_of(after ? *after : *before));
  });
  // An instance has the name of its VM.
  context.informers.instances.on_change([this](const auto& before, const auto& after) {
    controller_.queue().add(kube::key_of(after ? *after : *before));
  });
  context.informers.claims.on_change([this](const auto& before, const auto& after) {
    const auto claim = kube::key_of(after ? *after : *before);
    if (before && after && rules::phase_of(*before) == rules::phase_of(*after)) return;
    for (const auto& vm :
         context_.informers.machines.cache().list([&](const auto& vm) { return uses_claim(vm, claim); })) {
      controller_.queue().add(kube::key_of(*vm));
    }
  });
}

Result<kube::Again> VmController::reconcile(const kube::Key& key) {
  const auto vm = context_.informers.machines.cache().get(key);
  if (!vm) return kube::Again{};
  if (!rules::is_deleting(*vm) && !rules::has_finalizer(*vm, rules::vm_finalizer)) {
    json::Array finalizers = json::array_at(*vm, "/metadata/finalizers");
    finalizers.push_back(rules::vm_finalizer);
    json::Value patch = json::Object{};
    json::set(patch, "/metadata/finalizers", std::move(finalizers));
    json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(*vm, "/metadata/resourceVersion")));
    const auto written = context_.client.patch(virtual_machines, key, kube::PatchType::merge, patch);
    if (!written) return fail(written.error());
    return kube::Again{};  // comes back with the change
  }
  auto vmi = context_.informers.instances.cache().get(key);
  if (!vmi) {  // creating and finishing need certainty
    auto read = read_for_certain(context_, virtual_machine_instances, key);
    if (!read) return fail(read.error());
    vmi = *read;
  }
  if (vmi && !owns(*vm, *vmi)) {
    if (rules::is_deleting(*vm))
      return remove_finalizer(context_, virtual_machines, *vm, rules::vm_finalizer).map([] { return kube::Again{}; });
    return fail(Code::conflict, "the VMI of this name belongs to something else");
  }
  rules::VmView view{.vm = vm.get(), .vmi = vmi.get(), .now = context_.clock.wall()};
  look_at_claims(context_.informers, view);
  const auto step = rules::vm_step(view);
  if (rules::is_deleting(*vm) && (!vmi || rules::has_finalizer(*vm, rules::orphan_finalizer))) {
    if (!rules::has_finalizer(*vm, rules::vm_finalizer)) return kube::Again{};
    if (auto done = remove_finalizer(context_, virtual_machines, *vm, rules::vm_finalizer); !done)
      return fail(done.error());
    return kube::Again{};
  }
  if (step.delete_vmi) {
    const auto name = rules::name_of_object(*vmi);
    if (auto done = remove_object(context_, virtual_machine_instances, *vmi); !done) return fail(done.error());
    context_.events.record(
        *vm, kube::EventType::normal, "SuccessfulDelete",
        fmt::format("Stopped the virtual machine by deleting the virtual machine instance {}", rules::uid_of(*vmi)));
  }
  if (step.set_always) {
    auto patch = rules::run_strategy_patch(*vm, "Always");
    json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(*vm, "/metadata/resourceVersion")));
    const auto written = context_.client.patch(virtual_machines, key, kube::PatchType::merge, patch);
    if (!written) return fail(written.error());
    return kube::Again{};  // comes back with the change
  }
  Result<> created;
  if (step.create_vmi) {
    if (auto made = create_instance(*vm)) {
      vmi = *made;
      view.vmi = vmi.get();
    } else {
      created = fail(made.error());
      view.create_error = made.error().message;
    }
  }
  if (auto done = write_outcome(view, step); !done) return fail(done.error());
  if (!created) return fail(created.error());
  return kube::Again{step.look_again};
}

Result<> VmController::write_outcome(const rules::VmView& view, const rules::VmStep& step) {
  auto wanted = rules::vm_status(view);
  const bool failed = !view.create_error.empty();
  // A strategy is in force once it has been acted upon.
  if (step.look_again || failed) wanted.erase("runStrategy");
  if (step.requests && !failed)
    wanted["stateChangeRequests"] = step.requests->empty() ? json::Value(nullptr) : json::Value(*step.requests);
  if (step.start_failure) wanted["startFailure"] = *step.start_failure;
  return write_status(*view.vm, std::move(wanted));
}

Result<kube::ObjectPtr> VmController::create_instance(const json::Value& vm) {
  auto created =
      context_.client.create(virtual_machine_instances, json::string_at(vm, "/metadata/namespace"), rules::vmi_of(vm));
  if (!created) {
    if (created.error().code != Code::already_exists) {
      context_.events.record(vm, kube::EventType::warning, "FailedCreate",
                             fmt::format("Error creating virtual machine instance: {}", created.error().message));
    }
    return fail(created.error());
  }
  context_.events.record(vm, kube::EventType::normal, "SuccessfulCreate",
                         fmt::format("Started the virtual machine by creating the new virtual machine instance {}",
                                     rules::name_of_object(vm)));
  return std::make_shared<const json::Value>(*std::move(created));
}

Result<> VmController::write_status(const json::Value& vm, json::Object wanted) {
  json::Object changed;
  for (auto& [field, value] : wanted) {
    const auto* have = json::find(vm, "/status/" + json::escape(field));
    const bool same = have == nullptr ? value.is_null() : json::equal(*have, value);
    if (!same) changed[field] = value;
  }
  if (changed.empty()) return {};
  json::Value patch = json::Object{{"status", std::move(changed)}};
  // Requests are added by others: what was read must still hold.
  if (patch.at("status").as_object().contains("stateChangeRequests")) {
    json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(vm, "/metadata/resourceVersion")));
  }
  const auto written =
      context_.client.patch(virtual_machines, kube::key_of(vm), kube::PatchType::merge, patch, "status");
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

}  // namespace godwit::controllers
