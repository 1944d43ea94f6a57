#include "rules/eligibility.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/volumes.hpp"

namespace godwit::rules {
namespace {

constexpr auto bridge_may_move = "kubevirt.io/allow-pod-bridge-network-live-migration";
constexpr auto must_be_shared =
    "live migration requires that all PVCs must be shared (using ReadWriteMany access mode)";

std::optional<Eligibility> check_interfaces(const json::Value& vmi) {
  constexpr auto reason = "InterfaceNotLiveMigratable";
  for (const auto& network : json::array_at(vmi, "/spec/networks")) {
    if (json::find(network, "/pod") == nullptr) continue;
    const auto name = json::string_at(network, "/name");
    const auto& interfaces = json::array_at(vmi, "/spec/domain/devices/interfaces");
    const auto* found = std::find_if(interfaces.begin(), interfaces.end(), [&](const json::Value& interface) {
      return json::string_at(interface, "/name") == name;
    });
    if (found == interfaces.end()) {
      return Eligibility{false, reason, fmt::format("no primary interface found for network {}", name)};
    }
    if (json::find(*found, "/masquerade") != nullptr || json::find(*found, "/passt") != nullptr) continue;
    const bool may_move =
        json::find(vmi, fmt::format("/metadata/annotations/{}", json::escape(bridge_may_move))) != nullptr;
    if (json::find(*found, "/bridge") != nullptr && may_move) continue;
    return Eligibility{false, reason,
                       "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod "
                       "network"};
  }
  return std::nullopt;
}

std::optional<Eligibility> check_host_devices(const json::Value& vmi) {
  if (!json::array_at(vmi, "/spec/domain/devices/hostDevices").empty()) {
    return Eligibility{false, "HostDeviceNotLiveMigratable", "VMI specifies non-migratable generic PCI host device"};
  }
  if (!json::array_at(vmi, "/spec/domain/devices/gpus").empty()) {
    return Eligibility{false, "HostDeviceNotLiveMigratable",
                       "VMI specifies a GPU but feature gate VGPULiveMigration is not enabled"};
  }
  return std::nullopt;
}

/// Two hosts that cache one disk would each see the other's writes late.
std::optional<Eligibility> check_caches(const json::Value& vmi) {
  for (const auto& disk : json::array_at(vmi, "/spec/domain/devices/disks")) {
    const auto cache = json::string_at(disk, "/cache");
    const bool written = json::find(disk, "/cdrom") == nullptr && !json::bool_at(disk, "/disk/readonly");
    if (cache.empty() || cache == "none" || !written) continue;
    return Eligibility{false, "DisksNotLiveMigratable",
                       fmt::format("cannot migrate VMI: disk {} has cache {}, Migration may lead to data corruption if "
                                   "disks use cache other than none",
                                   json::string_at(disk, "/name"), cache)};
  }
  return std::nullopt;
}

std::optional<Eligibility> check_disks(const json::Value& vmi, const AccessModes& access_modes) {
  constexpr auto reason = "DisksNotLiveMigratable";
  for (const auto& volume : json::array_at(vmi, "/spec/volumes")) {
    if (const auto claim = json::string_at(volume, "/persistentVolumeClaim/claimName"); !claim.empty()) {
      const auto modes = access_modes(claim);
      if (!modes) {
        return Eligibility{
            false, reason,
            fmt::format("cannot migrate VMI: Unable to determine if PVC {} is shared, {}", claim, must_be_shared)};
      }
      const bool shared = std::any_of(modes->begin(), modes->end(), [](const json::Value& mode) {
        return mode.is_string() && mode.as_string() == "ReadWriteMany";
      });
      if (!shared) {
        return Eligibility{false, reason,
                           fmt::format("cannot migrate VMI: PVC {} is not shared, {}", claim, must_be_shared)};
      }
    }
    const bool owned = !json::string_at(vmi, "/status/nodeName").empty();
    if (dies_with_instance(volume) && owned && json::string_at(vmi, "/status/volumesDirectory").empty()) {
      return Eligibility{false, reason,
                         fmt::format("cannot migrate VMI: what is written to volume {} is on its node alone, live "
                                     "migration requires that all disks are shared",
                                     json::string_at(volume, "/name"))};
    }
    if (json::find(volume, "/hostDisk") != nullptr && !json::bool_at(volume, "/hostDisk/shared")) {
      return Eligibility{false, reason, "cannot migrate VMI with non-shared HostDisk"};
    }
  }
  return std::nullopt;
}

}  // namespace

Eligibility live_migratable(const json::Value& vmi, const AccessModes& access_modes) {
  if (auto finding = check_interfaces(vmi)) return *finding;
  if (auto finding = check_host_devices(vmi)) return *finding;
  if (auto finding = check_disks(vmi, access_modes)) return *finding;
  if (auto finding = check_caches(vmi)) return *finding;
  return {};
}

json::Value live_migratable_condition(const Eligibility& eligibility) {
  json::Object condition{{"type", "LiveMigratable"}, {"status", eligibility.migratable ? "True" : "False"}};
  if (!eligibility.reason.empty()) condition["reason"] = eligibility.reason;
  if (!eligibility.message.empty()) condition["message"] = eligibility.message;
  return condition;
}

}  // namespace godwit::rules
