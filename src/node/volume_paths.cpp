#include "node/volume_paths.hpp"

#include "rules/vm_state.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

Result<std::filesystem::path> directory_of_claim(const kube::Client& client, const kube::Key& key) {
  const auto claim = client.get(persistent_volume_claims, key);
  if (!claim) return fail(claim.error());
  const std::string volume_name = json::string_at(*claim, "/spec/volumeName");
  if (volume_name.empty()) return fail(Code::unavailable, "claim " + key.text() + " is not bound to a volume yet");
  const auto volume = client.get(persistent_volumes, {.ns = {}, .name = volume_name});
  if (!volume) return fail(volume.error());
  const std::string directory = json::string_at(*volume, "/spec/hostPath/path");
  if (directory.empty()) return fail(Code::not_built_yet, "not built yet: volume " + volume_name + " is no hostPath");
  return std::filesystem::path{directory};
}

}  // namespace

Result<VolumePaths> find_volumes(const kube::Client& client, const json::Value& vmi) {
  VolumePaths paths;
  const std::string ns = json::string_at(vmi, "/metadata/namespace");
  for (const json::Value& volume : json::array_at(vmi, "/spec/volumes")) {
    const std::string name = json::string_at(volume, "/name");
    if (const std::string claim = json::string_at(volume, "/persistentVolumeClaim/claimName"); !claim.empty()) {
      const auto directory = directory_of_claim(client, {.ns = ns, .name = claim});
      if (!directory) return fail(directory.error().within("volume " + name));
      paths[name] = *directory / "disk.img";
    } else if (const std::string file = json::string_at(volume, "/hostDisk/path"); !file.empty()) {
      paths[name] = file;
    } else {
      return fail(Code::not_built_yet, "not built yet: volume " + name + " is of a kind that no agent knows");
    }
  }
  if (rules::needs_vm_state(vmi)) {
    auto directory = directory_of_claim(client, {.ns = ns, .name = rules::vm_state_claim_name(vmi)});
    if (!directory) return fail(directory.error().within("the guest's persistent state"));
    paths[vm_state] = std::move(*directory);
  }
  return paths;
}

}  // namespace godwit::node
