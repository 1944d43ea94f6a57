#include "node/volume_provisioner.hpp"

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "storage/volumes.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr const char* selected_node = "/metadata/annotations/volume.kubernetes.io~1selected-node";
constexpr const char* image_annotation = "/metadata/annotations/godwit.io~1image";

bool waits_for(const json::Value& claim, const std::string& node) {
  return json::string_at(claim, selected_node) == node && json::string_at(claim, "/spec/volumeName").empty() &&
         json::find(claim, "/metadata/deletionTimestamp") == nullptr;
}

/// A volume of this host's making that nobody claims any more.
bool is_released(const json::Value& volume, const std::string& node) {
  return json::string_at(volume, "/status/phase") == "Released" && json::string_at(volume, selected_node) == node &&
         json::string_at(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete";
}

json::Value volume_object(const json::Value& claim, const std::string& name, const std::string& directory,
                          const std::string& node) {
  return json::Object{
      {"apiVersion", "v1"},
      {"kind", "PersistentVolume"},
      {"metadata", json::Object{{"name", name},
                                {"annotations", json::Object{{"pv.kubernetes.io/provisioned-by", "godwit.io/shared"},
                                                             {"volume.kubernetes.io/selected-node", node}}}}},
      {"spec",
       json::Object{
           {"capacity", json::Object{{"storage", json::string_at(claim, "/spec/resources/requests/storage")}}},
           {"accessModes", json::Array{"ReadWriteMany", "ReadWriteOnce"}},
           {"persistentVolumeReclaimPolicy", "Delete"},
           {"storageClassName", json::string_at(claim, "/spec/storageClassName")},
           {"volumeMode", "Filesystem"},
           {"hostPath", json::Object{{"path", directory}, {"type", "Directory"}}},
           {"claimRef", json::Object{{"apiVersion", "v1"},
                                     {"kind", "PersistentVolumeClaim"},
                                     {"namespace", json::string_at(claim, "/metadata/namespace")},
                                     {"name", json::string_at(claim, "/metadata/name")},
                                     {"uid", json::string_at(claim, "/metadata/uid")}}},
       }},
  };
}

Result<std::string> shared_path(const kube::Client& client, const std::string& storage_class) {
  auto found = client.get(storage_classes, {.ns = {}, .name = storage_class});
  if (!found) return fail(found.error());
  std::string path = json::string_at(*found, "/parameters/path");
  if (path.empty()) return fail(Code::invalid, "storage class " + storage_class + " has no parameters.path");
  return path;
}

}  // namespace

VolumeProvisioner::VolumeProvisioner(const kube::Client& client, kube::EventRecorder& events, std::string node_name)
    : client_{client},
      events_{events},
      node_name_{std::move(node_name)},
      claims_{"volume-claims", [this](const kube::Key& key, const std::stop_token&) { return provision(key); }, 1},
      volumes_{"volume-reclaim", [this](const kube::Key& key, const std::stop_token&) { return reclaim(key); }, 1} {
  claim_informer_ = std::make_unique<kube::Informer>(client_, persistent_volume_claims, kube::ListOptions{},
                                                     [this](const kube::ObjectPtr&, const kube::ObjectPtr& after) {
                                                       if (after && waits_for(*after, node_name_))
                                                         claims_.queue().add(kube::key_of(*after));
                                                     });
  volume_informer_ = std::make_unique<kube::Informer>(client_, persistent_volumes, kube::ListOptions{},
                                                      [this](const kube::ObjectPtr&, const kube::ObjectPtr& after) {
                                                        if (after && is_released(*after, node_name_))
                                                          volumes_.queue().add(kube::key_of(*after));
                                                      });
  claims_.start();
  volumes_.start();
}

Result<kube::Again> VolumeProvisioner::provision(const kube::Key& claim_key) {
  auto claim = client_.get(persistent_volume_claims, claim_key);
  if (!claim && claim.error().code == Code::not_found) return kube::Again{};
  if (!claim) return fail(claim.error());
  if (!waits_for(*claim, node_name_)) return kube::Again{};
  const auto path = shared_path(client_, json::string_at(*claim, "/spec/storageClassName"));
  if (!path) return fail(path.error());
  const auto size = Quantity::parse(json::string_at(*claim, "/spec/resources/requests/storage"));
  if (!size) return fail(size.error().within("spec.resources.requests.storage"));
  const std::string uid = json::string_at(*claim, "/metadata/uid");
  const std::string image = json::string_at(*claim, image_annotation);
  auto directory =
      storage::create_volume(*path, uid, size->value(), image.empty() ? std::nullopt : std::optional{image});
  if (!directory) {
    const std::string& why = directory.error().message;
    const auto advice = troubles_.meet(uid, why, false, std::chrono::steady_clock::now());
    if (advice.tell) events_.record(*claim, kube::EventType::warning, "ProvisioningFailed", why);
    return kube::Again{advice.look_again};
  }
  troubles_.over(uid);
  const std::string name = "pvc-" + uid;
  auto created = client_.create(persistent_volumes, {}, volume_object(*claim, name, directory->string(), node_name_));
  if (!created && created.error().code != Code::already_exists) return fail(created.error());
  events_.record(*claim, kube::EventType::normal, "ProvisioningSucceeded", "Successfully provisioned volume " + name);
  return kube::Again{};
}

Result<kube::Again> VolumeProvisioner::reclaim(const kube::Key& volume_key) {
  auto volume = client_.get(persistent_volumes, volume_key);
  if (!volume && volume.error().code == Code::not_found) return kube::Again{};
  if (!volume) return fail(volume.error());
  if (!is_released(*volume, node_name_)) return kube::Again{};
  const auto path = shared_path(client_, json::string_at(*volume, "/spec/storageClassName"));
  if (!path) return fail(path.error());
  const std::string uid = json::string_at(*volume, "/spec/claimRef/uid");
  if (auto removed = storage::remove_volume(*path, uid); !removed) return fail(removed.error());
  auto deleted = client_.remove(persistent_volumes, volume_key, json::string_at(*volume, "/metadata/uid"));
  if (!deleted && deleted.error().code != Code::not_found) return fail(deleted.error());
  log_.info("removed volume {}", volume_key.name);
  return kube::Again{};
}

}  // namespace godwit::node
