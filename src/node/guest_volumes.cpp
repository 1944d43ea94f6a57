// The disks that live as long as a guest's life: made for it, and removed when it has ended, whoever saw it end.
#include <fmt/format.h>

#include <set>

#include "node/guests.hpp"
#include "node/pod_status.hpp"
#include "node/volume_sources.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

}  // namespace

/// Nothing has been made yet and nobody owns the guest: it is tried again after a while.
Result<kube::Again> Guests::report_missing_volume(const json::Value& vmi, const json::Value& pod, const Error& error) {
  const bool image = !error.causes.empty() && error.causes.front().reason == image_missing;
  const std::string message = image ? error.causes.front().message : error.message;
  const bool passing = error.code == Code::unavailable || error.code == Code::timeout;
  const auto advice =
      troubles_.meet(json::string_at(vmi, "/metadata/uid"), message, passing, std::chrono::steady_clock::now());
  if (!advice.tell) return kube::Again{advice.look_again};
  log_.warning("{}: {}", kube::key_of(vmi).text(), message);
  events_.record(vmi, kube::EventType::warning, image ? "Failed" : "FailedMount", message);
  if (image) events_.record(pod, kube::EventType::warning, "Failed", message);
  const auto told = client_.patch(
      pods, kube::key_of(pod), kube::PatchType::merge,
      image ? pod_waiting("volume" + error.causes.front().field, image_missing, message) : pod_creating(), "status");
  if (!told && told.error().code != Code::not_found) return fail(told.error());
  return kube::Again{advice.look_again};
}

Result<VolumePaths> Guests::volume_files(const json::Value& vmi, Role role) const {
  const auto sources = find_volumes(client_, vmi);
  if (!sources) return fail(sources.error());
  const std::string uid = json::string_at(vmi, "/metadata/uid");
  std::filesystem::path directory = json::string_at(vmi, volumes_directory);
  if (directory.empty()) directory = storage::instance_directory(paths_.local_volumes(), uid);
  if (directory.filename() != uid) {
    return fail(Code::invalid, fmt::format("status.volumesDirectory \"{}\" is not of this VMI", directory.string()));
  }
  return role == Role::owner ? make_volumes(*sources, directory)
                             : find_made_volumes(*sources, directory, json::string_at(vmi, volumes_fingerprint));
}

/// Told by the VMI's end or removal: no QEMU of it is left then.
void Guests::remove_shared_volumes(const json::Value& vmi) {
  const std::filesystem::path directory = json::string_at(vmi, volumes_directory);
  const std::string uid = json::string_at(vmi, "/metadata/uid");
  std::error_code ignored;
  if (directory.filename() != uid || !std::filesystem::exists(directory, ignored)) return;
  const std::filesystem::path root = directory.parent_path().parent_path();
  if (storage::instance_directory(root, uid) != directory) return;
  // Every node's agent is at it: what another has removed meanwhile is no error.
  if (auto removed = storage::remove_instance(root, uid); !removed && std::filesystem::exists(directory, ignored)) {
    log_.warning("{}", removed.error().message);
  }
}

/// What was left while no agent watched.
void Guests::remove_stale_volumes() {
  const auto root = shared_volumes(client_);
  // First the directories, then the VMIs: a guest whose directory is seen is in the list if it lives.
  const std::vector<std::string> shared =
      root && !root->empty() ? storage::list_instances(*root) : std::vector<std::string>{};
  const auto local = storage::list_instances(paths_.local_volumes());
  const auto vmis = client_.list(virtual_machine_instances);
  if (!vmis) return;
  std::set<std::string> living;
  for (const json::Value& vmi : vmis->items) {
    if (!rules::is_final(vmi)) living.insert(json::string_at(vmi, "/metadata/uid"));
  }
  for (const std::string& uid : shared) {
    if (!living.contains(uid)) (void)storage::remove_instance(*root, uid);
  }
  std::set<std::string> here;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [key, guest] : guests_) here.insert(guest->record.vmi_uid);
  }
  for (const std::string& uid : local) {
    if (!here.contains(uid)) (void)storage::remove_instance(paths_.local_volumes(), uid);
  }
}

}  // namespace godwit::node
