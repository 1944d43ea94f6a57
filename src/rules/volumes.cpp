#include "rules/volumes.hpp"

#include <algorithm>
#include <array>

namespace godwit::rules {

std::string claim_of(const json::Value& volume) {
  return json::string_at(volume, "/persistentVolumeClaim/claimName",
                         json::string_at(volume, "/ephemeral/persistentVolumeClaim/claimName"));
}

bool dies_with_instance(const json::Value& volume) {
  return json::find(volume, "/containerDisk") != nullptr || json::find(volume, "/emptyDisk") != nullptr ||
         json::find(volume, "/ephemeral") != nullptr;
}

bool is_made_of_files(const json::Value& volume) {
  constexpr std::array kinds{"/cloudInitNoCloud", "/cloudInitConfigDrive", "/configMap", "/secret", "/serviceAccount"};
  return std::any_of(kinds.begin(), kinds.end(), [&](const char* k) { return json::find(volume, k) != nullptr; });
}

std::optional<json::Value> image_condition(const json::Value& pod) {
  for (const auto& container : json::array_at(pod, "/status/containerStatuses")) {
    const auto reason = json::string_at(container, "/state/waiting/reason");
    if (reason != "ErrImagePull" && reason != "ImagePullBackOff") continue;
    return json::Object{{"type", "Synchronized"},
                        {"status", "False"},
                        {"reason", reason},
                        {"message", json::string_at(container, "/state/waiting/message")}};
  }
  return std::nullopt;
}

}  // namespace godwit::rules
