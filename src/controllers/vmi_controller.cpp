#include "controllers/vmi_controller.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/addresses.hpp"
#include "rules/eligibility.hpp"
#include "rules/eviction.hpp"
#include "rules/launcher_pod.hpp"
#include "rules/objects.hpp"
#include "rules/ownership.hpp"
#include "rules/vm_state.hpp"
#include "rules/volumes.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

constexpr auto address_annotation = "godwit.io/pod-network-ip";
constexpr auto mac_annotation = "godwit.io/mac";

bool on_pod_network(const json::Value& vmi) {
  const auto& networks = json::array_at(vmi, "/spec/networks");
  return std::any_of(networks.begin(), networks.end(), [](const auto& n) { return json::find(n, "/pod") != nullptr; });
}

bool uses_claim(const json::Value& vmi, const kube::Key& claim) {
  if (json::string_at(vmi, "/metadata/namespace") != claim.ns) return false;
  for (const auto& volume : json::array_at(vmi, "/spec/volumes")) {
    if (rules::claim_of(volume) == claim.name) return true;
  }
  return false;
}

/// A condition of the pod that a user of the VMI wants to see: why it isn't placed.
json::Array with_scheduling(json::Array conditions, const std::vector<kube::ObjectPtr>& pods, std::string_view now) {
  for (const auto& pod : pods) {
    const auto* scheduled = rules::condition_of(*pod, "PodScheduled");
    const bool unschedulable = scheduled != nullptr && json::string_at(*scheduled, "/status") == "False" &&
                               json::string_at(*pod, "/spec/nodeName").empty() &&
                               rules::label_of(*pod, "kubevirt.io/migrationJobUID").empty();
    if (unschedulable) return rules::with_condition(std::move(conditions), *scheduled, now);
  }
  return rules::without_condition(std::move(conditions), "PodScheduled");
}

/// Why a pod's container, which stands for a volume, waits: an image that isn't there.
json::Array with_image(json::Array conditions, const std::vector<kube::ObjectPtr>& pods, std::string_view now) {
  for (const auto& pod : pods) {
    if (auto condition = rules::image_condition(*pod)) {
      return rules::with_condition(std::move(conditions), std::move(*condition), now);
    }
  }
  const bool ours = std::any_of(conditions.begin(), conditions.end(), [](const json::Value& c) {
    return json::string_at(c, "/type") == "Synchronized" && json::string_at(c, "/reason") == "ErrImagePull";
  });
  return ours ? rules::without_condition(std::move(conditions), "Synchronized") : conditions;
}

}  // namespace

std::vector<kube::ObjectPtr> pods_of(const Context& context, const json::Value& vmi) {
  const auto uid = rules::uid_of(vmi);
  const auto ns = json::string_at(vmi, "/metadata/namespace");
  return context.informers.pods.cache().list([&](const json::Value& pod) {
    return json::string_at(pod, "/metadata/namespace") == ns && rules::label_of(pod, "kubevirt.io/created-by") == uid;
  });
}

VmiController::VmiController(Context& context)
    : context_{context},
      controller_{"vmi", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); }} {
  context.informers.instances.on_change([this](const auto& before, const auto& after) {
    controller_.queue().add(kube::key_of(after ? *after : *before));
  });
  context.informers.pods.on_change([this](const auto& before, const auto& after) {
    const auto& pod = after ? *after : *before;
    const auto owner = controller_of(pod, "VirtualMachineInstance");
    if (!owner.empty()) controller_.queue().add({json::string_at(pod, "/metadata/namespace"), owner});
  });
  context.informers.claims.on_change([this](const auto& before, const auto& after) {
    const auto claim = kube::key_of(after ? *after : *before);
    if (before && after) return;  // the access modes of a claim don't change
    for (const auto& vmi :
         context_.informers.instances.cache().list([&](const auto& v) { return uses_claim(v, claim); })) {
      controller_.queue().add(kube::key_of(*vmi));
    }
  });
  context.informers.network.on_change([this](const auto&, const auto& after) {
    if (!after) return;
    for (const auto& vmi : context_.informers.instances.cache().list()) controller_.queue().add(kube::key_of(*vmi));
  });
}

Result<kube::Again> VmiController::reconcile(const kube::Key& key) {
  auto vmi = context_.informers.instances.cache().get(key);
  if (!vmi) return kube::Again{};
  if (rules::is_deleting(*vmi)) return finish(*vmi);
  if (json::find(*vmi, "/status/handover") == nullptr) {
    auto begun = begin(*vmi);
    if (!begun) return fail(begun.error());
    vmi = std::make_shared<const json::Value>(*std::move(begun));
  }
  if (rules::is_final(*vmi)) return kube::Again{};
  if (json::string_at(*vmi, "/status/nodeName").empty()) {
    if (auto done = ensure_pod(*vmi); !done) return fail(done.error());
  }
  if (auto done = write_conditions(*vmi); !done) return fail(done.error());
  return kube::Again{};
}

/// The first write: status, address and MAC at once. Guarded by the version: nobody else's word is overwritten.
Result<json::Value> VmiController::begin(const json::Value& vmi) {
  json::Array patch;
  const auto add = [&](std::string_view op, std::string_view path, json::Value value) {
    patch.push_back(rules::patch_operation(op, path, std::move(value)));
  };
  add("test", "/metadata/uid", json::Value(rules::uid_of(vmi)));
  add("test", "/metadata/resourceVersion", json::Value(json::string_at(vmi, "/metadata/resourceVersion")));
  add("add", "/status", rules::initial_status());
  json::Object annotations = json::object_at(vmi, "/metadata/annotations");
  if (on_pod_network(vmi) && !annotations.contains(address_annotation)) {
    auto address = take_address(vmi);
    if (!address) {
      context_.events.record(vmi, kube::EventType::warning, "FailedAddress", address.error().message);
      return fail(address.error());
    }
    annotations[address_annotation] = *address;
  }
  const auto& interfaces = json::array_at(vmi, "/spec/domain/devices/interfaces");
  if (!interfaces.empty() && json::string_at(interfaces[0], "/macAddress").empty() &&
      !annotations.contains(mac_annotation)) {
    annotations[mac_annotation] =
        rules::stable_mac(json::string_at(vmi, "/metadata/namespace"), rules::name_of_object(vmi), 0);
  }
  add("add", "/metadata/annotations", std::move(annotations));
  if (!rules::has_finalizer(vmi, vmi_finalizer)) {
    json::Array finalizers = json::array_at(vmi, "/metadata/finalizers");
    finalizers.push_back(vmi_finalizer);
    add("add", "/metadata/finalizers", std::move(finalizers));
  }
  auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(vmi), kube::PatchType::json, std::move(patch));
  if (!written && written.error().code == Code::invalid) return fail(Code::conflict, written.error().message);
  return written;
}

Result<> VmiController::ensure_pod(const json::Value& vmi) {
  const auto phase = rules::phase_of(vmi);
  if (phase != "Pending" && phase != "Scheduling") return {};
  const auto pods = pods_of(context_, vmi);
  const bool has_pod = std::any_of(pods.begin(), pods.end(), [](const auto& pod) {
    return rules::label_of(*pod, "kubevirt.io/migrationJobUID").empty() && !rules::is_final(*pod);
  });
  if (!has_pod) {
    if (auto made = ensure_state_claim(vmi); !made) return made;
    // An ended pod of the same name is in the way of a new one.
    for (const auto& pod : pods) {
      if (!rules::is_final(*pod) || rules::is_deleting(*pod)) continue;
      if (auto done = remove_object(context_, kube::resources::pods, *pod, 0); !done) return done;
    }
    const auto pod = rules::launcher_pod(vmi);
    const auto created =
        context_.client.create(kube::resources::pods, json::string_at(vmi, "/metadata/namespace"), pod);
    if (!created && created.error().code != Code::already_exists) {
      context_.events.record(vmi, kube::EventType::warning, "FailedCreate",
                             fmt::format("Error creating pod: {}", created.error().message));
      return fail(created.error().within("creating the launcher pod"));
    }
    if (created) {
      context_.events.record(vmi, kube::EventType::normal, "SuccessfulCreate",
                             fmt::format("Created virtual machine pod {}", rules::name_of_object(pod)));
    }
  }
  if (phase != "Pending") return {};
  json::Array patch;
  patch.push_back(rules::patch_operation("test", "/metadata/uid", json::Value(rules::uid_of(vmi))));
  patch.push_back(rules::patch_operation("test", "/status/phase", "Pending"));
  patch.push_back(rules::patch_operation("replace", "/status/phase", "Scheduling"));
  const auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(vmi), kube::PatchType::json, std::move(patch));
  // Refused: an agent was quicker and wrote a later phase.
  const auto refused = [](Code code) {
    return code == Code::invalid || code == Code::conflict || code == Code::not_found;
  };
  if (!written && !refused(written.error().code)) return fail(written.error());
  return {};
}

/// Where UEFI variables and TPM are kept, before the pod that names it. It is made once and stays for the next start.
Result<> VmiController::ensure_state_claim(const json::Value& vmi) {
  if (!rules::needs_vm_state(vmi)) return {};
  const auto ns = json::string_at(vmi, "/metadata/namespace");
  if (context_.informers.claims.cache().get({ns, rules::vm_state_claim_name(vmi)})) return {};
  const auto all = context_.informers.kubevirts.cache().list();
  const auto storage_class =
      all.empty() ? std::string{} : json::string_at(*all.front(), "/spec/configuration/vmStateStorageClass");
  const auto created = context_.client.create(persistent_volume_claims, ns, rules::vm_state_claim(vmi, storage_class));
  if (created || created.error().code == Code::already_exists) return {};
  context_.events.record(vmi, kube::EventType::warning, "FailedCreate",
                         fmt::format("Error creating the claim for persistent state: {}", created.error().message));
  return fail(created.error().within("creating the claim for persistent state"));
}

/// Conditions are a list that the agent writes too: guarded by what was read.
Result<> VmiController::write_conditions(const json::Value& vmi) {
  const auto ns = json::string_at(vmi, "/metadata/namespace");
  const auto verdict = rules::live_migratable(vmi, [&](const std::string& name) -> std::optional<json::Array> {
    const auto claim = context_.informers.claims.cache().get({ns, name});
    if (!claim) return std::nullopt;
    return json::array_at(*claim, "/spec/accessModes");
  });
  const auto now = format_time(context_.clock.wall());
  const auto& before = json::array_at(vmi, "/status/conditions");
  auto after = rules::with_condition(before, rules::live_migratable_condition(verdict), now);
  const auto pods = pods_of(context_, vmi);
  after = with_scheduling(std::move(after), pods, now);
  after = with_image(std::move(after), pods, now);
  after = rules::with_eviction_condition(std::move(after), vmi, now);
  const bool has_list = json::find(vmi, "/status/conditions") != nullptr;
  if (has_list && json::equal(json::Value(before), json::Value(after))) return {};
  json::Array patch;
  patch.push_back(rules::patch_operation("test", "/metadata/uid", json::Value(rules::uid_of(vmi))));
  patch.push_back(has_list ? rules::patch_operation("test", "/status/conditions", before)
                           : rules::patch_operation("test", "/metadata/resourceVersion",
                                                    json::Value(json::string_at(vmi, "/metadata/resourceVersion"))));
  patch.push_back(rules::patch_operation("add", "/status/conditions", std::move(after)));
  patch.push_back(rules::patch_operation("add", "/status/migrationMethod", "LiveMigration"));
  const auto written =
      context_.client.patch(virtual_machine_instances, kube::key_of(vmi), kube::PatchType::json, std::move(patch));
  if (written || written.error().code == Code::not_found) return {};
  // Refused: the list has changed meanwhile, which brings this VMI back here.
  if (written.error().code == Code::invalid || written.error().code == Code::conflict) return {};
  return fail(written.error());
}

/// Deletion: the agent stops the guest and gives up ownership; then the pods go, then the VMI.
Result<kube::Again> VmiController::finish(const json::Value& vmi) {
  if (!rules::has_finalizer(vmi, vmi_finalizer)) return kube::Again{};
  // While an attempt is under way its agents see the deletion and end it; their pods must stay until then.
  if (!json::string_at(vmi, "/status/handover/migrationUID").empty()) return kube::Again{};
  auto current = read_for_certain(context_, virtual_machine_instances, kube::key_of(vmi));
  if (!current) return fail(current.error());
  if (!*current || rules::uid_of(**current) != rules::uid_of(vmi)) return kube::Again{};
  const bool owned = !json::string_at(**current, "/status/nodeName").empty();
  bool waits = owned;
  for (const auto& pod : pods_of(context_, vmi)) {
    const bool ended = rules::is_final(*pod);
    const bool unbound = json::string_at(*pod, "/spec/nodeName").empty();
    if (!ended) waits = true;
    if (rules::is_deleting(*pod) && !ended) continue;
    if (ended && owned) continue;
    if (ended) {
      if (auto done = remove_object(context_, pods, *pod, 0); !done) return fail(done.error());
      continue;
    }
    const auto version = unbound ? json::string_at(*pod, "/metadata/resourceVersion") : std::string{};
    const auto removed = context_.client.remove(pods, kube::key_of(*pod), rules::uid_of(*pod), version,
                                                unbound ? std::optional{0} : std::nullopt);
    if (!removed && removed.error().code != Code::not_found) return fail(removed.error());
  }
  if (waits) return kube::Again{};
  {
    const std::lock_guard lock{addresses_};
    given_.erase(rules::uid_of(vmi));
  }
  if (auto done = remove_finalizer(context_, virtual_machine_instances, **current, vmi_finalizer); !done)
    return fail(done.error());
  return kube::Again{};
}

Result<std::string> VmiController::take_address(const json::Value& vmi) {
  const auto network = context_.informers.network.cache().get({"kube-system", "godwit-network"});
  if (!network)
    return fail(Code::unavailable, "the pod network isn't set up: ConfigMap kube-system/godwit-network is missing");
  const auto range =
      rules::parse_range(json::string_at(*network, "/data/podCIDR"), json::string_at(*network, "/data/gateway"));
  if (!range) return fail(range.error().within("ConfigMap kube-system/godwit-network"));
  const std::lock_guard lock{addresses_};
  const auto uid = rules::uid_of(vmi);
  if (const auto known = given_.find(uid); known != given_.end()) return rules::format_ipv4(known->second);
  std::set<std::uint32_t> used;
  std::set<std::string> living;
  for (const auto& other : context_.informers.instances.cache().list()) {
    living.insert(rules::uid_of(*other));
    if (const auto a = rules::parse_ipv4(rules::annotation_of(*other, address_annotation))) {
      used.insert(*a);
      last_address_ = std::max(last_address_, *a);
    }
  }
  std::erase_if(given_, [&](const auto& entry) { return !living.contains(entry.first); });
  for (const auto& [other, address] : given_) used.insert(address);
  const auto address = rules::next_free(*range, used, last_address_);
  if (!address) return fail(Code::unavailable, "the pod network has no free address left");
  last_address_ = *address;
  given_[uid] = *address;
  return rules::format_ipv4(*address);
}

}  // namespace godwit::controllers
