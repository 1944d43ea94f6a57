#include "controllers/claims.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "rules/claims.hpp"
#include "rules/objects.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

constexpr auto protection = "kubernetes.io/pvc-protection";
constexpr auto selected_node = "volume.kubernetes.io/selected-node";
constexpr auto provisioner = "godwit.io/shared";

json::Value versioned(const json::Value& object) {
  json::Value patch = json::Object{};
  json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(object, "/metadata/resourceVersion")));
  return patch;
}

bool pod_uses(const json::Value& pod, const kube::Key& claim) {
  if (json::string_at(pod, "/metadata/namespace") != claim.ns || rules::is_final(pod)) return false;
  for (const auto& volume : json::array_at(pod, "/spec/volumes")) {
    if (json::string_at(volume, "/persistentVolumeClaim/claimName") == claim.name) return true;
  }
  return false;
}

}  // namespace

Claims::Claims(Context& context)
    : context_{context},
      claims_{"claims", [this](const kube::Key& key, const std::stop_token&) { return reconcile_claim(key); }, 1},
      volumes_{"volumes", [this](const kube::Key& key, const std::stop_token&) { return reconcile_volume(key); }, 1} {
  context.informers.claims.on_change([this](const auto& before, const auto& after) {
    const auto& claim = after ? *after : *before;
    claims_.queue().add(kube::key_of(claim));
    if (const auto name = json::string_at(claim, "/spec/volumeName"); !name.empty()) volumes_.queue().add({"", name});
  });
  context.informers.volumes.on_change([this](const auto& before, const auto& after) {
    const auto& volume = after ? *after : *before;
    volumes_.queue().add(kube::key_of(volume));
    const auto name = json::string_at(volume, "/spec/claimRef/name");
    if (!name.empty()) claims_.queue().add({json::string_at(volume, "/spec/claimRef/namespace"), name});
  });
  const auto retry_unbound = [this](const kube::ObjectPtr& before, const kube::ObjectPtr& after) {
    const bool same =
        before && after && rules::condition_status(*before, "Ready") == rules::condition_status(*after, "Ready");
    if (same) return;
    retry_unbound_claims();
    for (const auto& volume :
         context_.informers.volumes.cache().list([](const auto& v) { return rules::phase_of(v) == "Released"; })) {
      volumes_.queue().add(kube::key_of(*volume));
    }
  };
  context.informers.nodes.on_change(retry_unbound);
  context.informers.storage_classes.on_change(
      [retry_unbound](const auto&, const auto& after) { retry_unbound(nullptr, after); });
  context.informers.pods.on_change([this](const auto& before, const auto& after) {
    if (!before || (after && !rules::is_final(*after))) return;
    for (const auto& volume : json::array_at(*before, "/spec/volumes")) {
      const auto name = json::string_at(volume, "/persistentVolumeClaim/claimName");
      if (!name.empty()) claims_.queue().add({json::string_at(*before, "/metadata/namespace"), name});
    }
  });
}

void Claims::retry_unbound_claims() {
  for (const auto& claim :
       context_.informers.claims.cache().list([](const auto& c) { return rules::phase_of(c) != "Bound"; })) {
    claims_.queue().add(kube::key_of(*claim));
  }
}

void Claims::start() {
  claims_.start();
  volumes_.start();
}

void Claims::stop() {
  claims_.stop();
  volumes_.stop();
}

bool Claims::in_use(const kube::Key& claim) const {
  return !context_.informers.pods.cache().list([&](const auto& pod) { return pod_uses(pod, claim); }).empty();
}

Result<kube::Again> Claims::reconcile_claim(const kube::Key& key) {
  const auto claim = context_.informers.claims.cache().get(key);
  if (!claim) return kube::Again{};
  const auto finished = [](Result<> done) -> Result<kube::Again> {
    if (!done) return fail(done.error());
    return kube::Again{};
  };
  const bool is_protected = rules::has_finalizer(*claim, protection);
  if (rules::is_deleting(*claim)) {
    if (!is_protected || in_use(key)) return kube::Again{};
    return finished(remove_finalizer(context_, persistent_volume_claims, *claim, protection));
  }
  const bool classless = json::find(*claim, "/spec/storageClassName") == nullptr;
  const auto default_class =
      classless ? rules::default_class(context_.informers.storage_classes.cache().list()) : std::string{};
  if (!is_protected || !default_class.empty()) {
    auto patch = versioned(*claim);
    json::Array finalizers = json::array_at(*claim, "/metadata/finalizers");
    if (!is_protected) finalizers.push_back(protection);
    json::set(patch, "/metadata/finalizers", std::move(finalizers));
    if (!default_class.empty()) json::set(patch, "/spec/storageClassName", json::Value(default_class));
    const auto written = context_.client.patch(persistent_volume_claims, key, kube::PatchType::merge, patch);
    if (!written && written.error().code != Code::not_found) return fail(written.error());
    return kube::Again{};  // comes back with the change
  }
  if (!json::string_at(*claim, "/spec/volumeName").empty()) return finished(complete(*claim));
  const auto volumes = context_.informers.volumes.cache().list();
  if (const auto volume = rules::volume_for(*claim, volumes)) return finished(bind(*claim, *volume));
  return finished(provision(*claim));
}

/// The volume is named in the claim first, then the claim in the volume: whoever restarts in between goes on from
/// there.
Result<> Claims::bind(const json::Value& claim, const json::Value& volume) {
  const auto name = rules::name_of_object(volume);
  if (json::string_at(volume, "/spec/claimRef/uid") != rules::uid_of(claim)) {
    auto reserve = versioned(volume);
    json::set(reserve, "/spec/claimRef",
              json::Object{{"apiVersion", "v1"},
                           {"kind", "PersistentVolumeClaim"},
                           {"namespace", json::string_at(claim, "/metadata/namespace")},
                           {"name", rules::name_of_object(claim)},
                           {"uid", rules::uid_of(claim)}});
    const auto written = context_.client.patch(persistent_volumes, {"", name}, kube::PatchType::merge, reserve);
    if (!written) return fail(written.error());
  }
  auto patch = versioned(claim);
  json::set(patch, "/spec/volumeName", json::Value(name));
  json::set(patch, "/metadata/annotations",
            json::Object{{"pv.kubernetes.io/bind-completed", "yes"}, {"pv.kubernetes.io/bound-by-controller", "yes"}});
  const auto written =
      context_.client.patch(persistent_volume_claims, kube::key_of(claim), kube::PatchType::merge, patch);
  if (!written) return fail(written.error());
  return complete(*written);
}

/// Status of a claim that names its volume: Bound, or Lost when the volume is gone.
Result<> Claims::complete(const json::Value& claim) {
  const kube::Key name{"", json::string_at(claim, "/spec/volumeName")};
  auto volume = context_.informers.volumes.cache().get(name);
  if (!volume) {
    auto read = read_for_certain(context_, persistent_volumes, name);
    if (!read) return fail(read.error());
    volume = *read;
  }
  const auto owner = volume ? json::string_at(*volume, "/spec/claimRef/uid") : std::string{};
  const bool bound = volume && (owner == rules::uid_of(claim) || owner.empty());
  const auto phase = bound ? "Bound" : "Lost";
  if (rules::phase_of(claim) == phase) return {};
  json::Value patch = json::Object{};
  json::set(patch, "/status/phase", phase);
  if (bound) {
    json::set(patch, "/status/accessModes", json::array_at(*volume, "/spec/accessModes"));
    json::set(patch, "/status/capacity", json::object_at(*volume, "/spec/capacity"));
  } else {
    context_.events.record(claim, kube::EventType::warning, "ClaimLost",
                           "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  }
  const auto written =
      context_.client.patch(persistent_volume_claims, kube::key_of(claim), kube::PatchType::merge, patch, "status");
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  volumes_.queue().add(name);
  return {};
}

Result<> Claims::provision(const json::Value& claim) {
  if (rules::phase_of(claim).empty()) {
    json::Value patch = json::Object{};
    json::set(patch, "/status/phase", "Pending");
    const auto written =
        context_.client.patch(persistent_volume_claims, kube::key_of(claim), kube::PatchType::merge, patch, "status");
    if (!written && written.error().code != Code::not_found) return fail(written.error());
  }
  const auto class_name = json::string_at(claim, "/spec/storageClassName");
  const auto storage_class =
      class_name.empty() ? nullptr : context_.informers.storage_classes.cache().get({"", class_name});
  if (!storage_class) {
    context_.events.record(claim, kube::EventType::warning, class_name.empty() ? "FailedBinding" : "ProvisioningFailed",
                           class_name.empty()
                               ? "no persistent volumes available for this claim and no storage class is set"
                               : fmt::format("storageclass.storage.k8s.io \"{}\" not found", class_name));
    return {};
  }
  if (json::string_at(*storage_class, "/provisioner") != provisioner) return {};  // somebody else's
  const auto chosen = rules::annotation_of(claim, selected_node);
  const auto node = chosen.empty() ? nullptr : context_.informers.nodes.cache().get({"", chosen});
  if (node && rules::condition_status(*node, "Ready") == "True") return {};  // its agent is at it
  const auto pick = ready_node(rules::uid_of(claim));
  if (pick.empty()) {
    context_.events.record(claim, kube::EventType::warning, "ProvisioningFailed",
                           "no node is ready to make the volume");
    return {};
  }
  auto patch = versioned(claim);
  json::set(patch, "/metadata/annotations",
            json::Object{{selected_node, pick}, {"volume.kubernetes.io/storage-provisioner", provisioner}});
  const auto written =
      context_.client.patch(persistent_volume_claims, kube::key_of(claim), kube::PatchType::merge, patch);
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

/// Spread by the seed, so that one node doesn't make all volumes.
std::string Claims::ready_node(const std::string& seed) const {
  const auto ready = context_.informers.nodes.cache().list(
      [](const auto& node) { return rules::condition_status(node, "Ready") == "True"; });
  if (ready.empty()) return {};
  return rules::name_of_object(*ready[std::hash<std::string>{}(seed) % ready.size()]);
}

Result<kube::Again> Claims::reconcile_volume(const kube::Key& key) {
  const auto volume = context_.informers.volumes.cache().get(key);
  if (!volume || rules::is_deleting(*volume)) return kube::Again{};
  const kube::Key claim_key{json::string_at(*volume, "/spec/claimRef/namespace"),
                            json::string_at(*volume, "/spec/claimRef/name")};
  const auto uid = json::string_at(*volume, "/spec/claimRef/uid");
  std::string phase = "Available";
  if (!uid.empty()) {
    auto claim = read_for_certain(context_, persistent_volume_claims, claim_key);  // releasing loses data: be sure
    if (!claim) return fail(claim.error());
    const bool holds = *claim && rules::uid_of(**claim) == uid;
    phase = holds ? "Bound" : "Released";
    if (holds && json::string_at(**claim, "/spec/volumeName").empty()) claims_.queue().add(claim_key);
  }
  if (rules::phase_of(*volume) != phase) {
    json::Value patch = json::Object{};
    json::set(patch, "/status/phase", json::Value(phase));
    const auto written = context_.client.patch(persistent_volumes, key, kube::PatchType::merge, patch, "status");
    if (!written && written.error().code != Code::not_found) return fail(written.error());
    return kube::Again{};
  }
  if (phase == "Available") retry_unbound_claims();  // one of them may have waited for it
  // The node that made it removes it; should that one be gone, another can: the directory is shared.
  const bool removable = phase == "Released" &&
                         json::string_at(*volume, "/spec/persistentVolumeReclaimPolicy") == "Delete" &&
                         rules::annotation_of(*volume, "pv.kubernetes.io/provisioned-by") == provisioner;
  if (!removable) return kube::Again{};
  const auto node = context_.informers.nodes.cache().get({"", rules::annotation_of(*volume, selected_node)});
  if (node && rules::condition_status(*node, "Ready") == "True") return kube::Again{};
  const auto pick = ready_node(uid);
  if (pick.empty()) return kube::Again{};
  auto patch = versioned(*volume);
  json::set(patch, "/metadata/annotations", json::Object{{selected_node, pick}});
  const auto written = context_.client.patch(persistent_volumes, key, kube::PatchType::merge, patch);
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return kube::Again{};
}

}  // namespace godwit::controllers
