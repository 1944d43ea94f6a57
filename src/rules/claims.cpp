#include "rules/claims.hpp"

#include <algorithm>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

bool has_modes(const json::Value& volume, const json::Array& wanted) {
  const auto& modes = json::array_at(volume, "/spec/accessModes");
  return std::all_of(wanted.begin(), wanted.end(), [&](const json::Value& mode) {
    return std::find(modes.begin(), modes.end(), mode) != modes.end();
  });
}

bool fits(const json::Value& claim, const json::Value& volume) {
  return json::find(volume, "/spec/claimRef") == nullptr && !is_deleting(volume) && phase_of(volume) == "Available" &&
         json::string_at(volume, "/spec/storageClassName") == json::string_at(claim, "/spec/storageClassName") &&
         json::string_at(volume, "/spec/volumeMode", "Filesystem") ==
             json::string_at(claim, "/spec/volumeMode", "Filesystem") &&
         has_modes(volume, json::array_at(claim, "/spec/accessModes")) &&
         bytes_at(volume, "/spec/capacity/storage") >= bytes_at(claim, "/spec/resources/requests/storage") &&
         (json::find(claim, "/spec/selector") == nullptr ||
          selects(json::find(claim, "/spec/selector"), json::object_at(volume, "/metadata/labels")));
}

}  // namespace

std::string default_class(const std::vector<SharedObject>& classes) {
  const json::Value* best = nullptr;
  for (const auto& each : classes) {
    if (annotation_of(*each, "storageclass.kubernetes.io/is-default-class") != "true") continue;
    const auto age = [](const json::Value& c) { return json::string_at(c, "/metadata/creationTimestamp"); };
    const bool better = best == nullptr || age(*each) > age(*best) ||
                        (age(*each) == age(*best) && name_of_object(*each) < name_of_object(*best));
    if (better) best = each.get();
  }
  return best == nullptr ? std::string{} : name_of_object(*best);
}

SharedObject volume_for(const json::Value& claim, const std::vector<SharedObject>& volumes) {
  SharedObject best;
  for (const auto& volume : volumes) {
    const auto uid = json::string_at(*volume, "/spec/claimRef/uid");
    if (!uid.empty() && uid == uid_of(claim)) return volume;
    const bool reserved =
        uid.empty() && json::string_at(*volume, "/spec/claimRef/name") == name_of_object(claim) &&
        json::string_at(*volume, "/spec/claimRef/namespace") == json::string_at(claim, "/metadata/namespace");
    if (reserved) return volume;
    if (!fits(claim, *volume)) continue;
    if (!best || bytes_at(*volume, "/spec/capacity/storage") < bytes_at(*best, "/spec/capacity/storage")) best = volume;
  }
  return best;
}

}  // namespace godwit::rules
