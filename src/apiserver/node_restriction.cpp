#include "apiserver/node_restriction.hpp"

#include <fmt/format.h>

#include "apiserver/status.hpp"

namespace godwit::apiserver {
namespace {

constexpr const char* selected_node = "/metadata/annotations/volume.kubernetes.io~1selected-node";

bool same(const json::Value& a, const json::Value& b, std::string_view pointer) {
  const json::Value* x = json::find(a, pointer);
  const json::Value* y = json::find(b, pointer);
  return x == nullptr || y == nullptr ? x == y : json::equal(*x, *y);
}

Result<> refuse(const AdmissionRequest& request, std::string_view why) {
  return fail(forbidden(request.kind, request.name, why));
}

/// The directory below which the storage class of the claim keeps its volumes; "" when it is unknown.
std::string volumes_of_class(const json::Value& claim, const Lookup& lookup) {
  const auto found =
      lookup.get("storage.k8s.io", "storageclasses", "", json::string_at(claim, "/spec/storageClassName"));
  std::string path = found ? json::string_at(*found, "/parameters/path") : std::string{};
  while (path.ends_with('/')) path.pop_back();
  return path.empty() ? path : path + "/volumes/";
}

/// A new volume must be what a claim waits for, of this node, and lie where its class keeps volumes: every node mounts
/// it later.
Result<> check_new_volume(const AdmissionRequest& request, const json::Value& volume, const std::string& node) {
  const auto claim =
      request.lookup.get("", "persistentvolumeclaims", json::string_at(volume, "/spec/claimRef/namespace"),
                         json::string_at(volume, "/spec/claimRef/name"));
  const std::string uid = json::string_at(volume, "/spec/claimRef/uid");
  if (!claim || uid.empty() || json::string_at(*claim, "/metadata/uid") != uid ||
      json::string_at(*claim, selected_node) != node) {
    return refuse(request, fmt::format("node \"{}\" was not asked for a volume of that claim", node));
  }
  if (json::string_at(volume, selected_node) != node) {
    return refuse(request, "the annotation volume.kubernetes.io/selected-node must name the node that made the volume");
  }
  const std::string root = volumes_of_class(*claim, request.lookup);
  if (root.empty() || json::string_at(volume, "/spec/hostPath/path") != root + uid) {
    return refuse(request, fmt::format("the volume must lie at \"{}{}\"", root, uid));
  }
  return {};
}

class NodeRestriction final : public Admission {
 public:
  Result<> mutate(const AdmissionRequest&, json::Value&) override { return {}; }

  Result<> validate(const AdmissionRequest& request, const json::Value& object) override {
    const auto node = node_of(request.user);
    if (!node || request.operation == Operation::remove) return {};
    return request.operation == Operation::create ? check_new(request, object, *node)
                                                  : check_change(request, object, *request.old_object);
  }

 private:
  static Result<> check_new(const AdmissionRequest& request, const json::Value& object, const std::string& node) {
    const std::string& plural = request.kind.plural;
    if (plural == "nodes" && request.name != node) {
      return refuse(request, fmt::format("node \"{}\" is not allowed to modify node \"{}\"", node, request.name));
    }
    if (plural == "leases" && request.name != node) {
      return refuse(request, "can only access node lease with the same name as the requesting node");
    }
    return plural == "persistentvolumes" ? check_new_volume(request, object, node) : Result<>{};
  }

  /// Agents report in status and annotations. What is wanted, and how long it is held, others say.
  static Result<> check_change(const AdmissionRequest& request, const json::Value& after, const json::Value& old) {
    const std::string& plural = request.kind.plural;
    if (plural == "nodes" || plural == "leases" || plural == "events") return {};
    json::Value before = old;
    request.kind.schema.apply_defaults(before);  // as `after` has them, also those of a newer schema
    for (const char* theirs : {"/spec", "/metadata/finalizers", "/metadata/ownerReferences"}) {
      if (!same(after, before, theirs)) {
        return refuse(request, fmt::format("an agent must not change {}", std::string{theirs + 1}));
      }
    }
    const bool volume = plural == "persistentvolumes" || plural == "persistentvolumeclaims";
    if (volume && !same(after, before, selected_node)) {
      return refuse(request, "an agent must not change the annotation volume.kubernetes.io/selected-node");
    }
    return {};
  }
};

}  // namespace

std::shared_ptr<Admission> node_restriction() { return std::make_shared<NodeRestriction>(); }

}  // namespace godwit::apiserver
