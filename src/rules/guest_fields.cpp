#include "rules/guest_fields.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::rules {
namespace {

/// What is honoured, "[]" for list items; a path ending in ".*" means all below it.
constexpr std::array built = {
    "domain.cpu.cores",
    "domain.cpu.sockets",
    "domain.cpu.threads",
    "domain.cpu.model",
    "domain.cpu.maxSockets",
    "domain.cpu.features[].name",
    "domain.cpu.features[].policy",
    "domain.memory.guest",
    "domain.resources.requests.*",
    "domain.resources.limits.*",
    "domain.resources.overcommitGuestOverhead",
    "domain.machine.type",
    "domain.chassis.*",
    "domain.clock.timer.hpet.present",
    "domain.clock.timer.hpet.tickPolicy",
    "domain.clock.timer.hyperv.present",
    "domain.clock.timer.kvm.present",
    "domain.clock.timer.pit.present",
    "domain.clock.timer.pit.tickPolicy",
    "domain.clock.timer.rtc.present",
    "domain.clock.timer.rtc.tickPolicy",
    "domain.clock.timer.rtc.track",
    "domain.clock.timezone",
    "domain.clock.utc.offsetSeconds",
    "domain.features.acpi.enabled",
    "domain.features.apic.enabled",
    "domain.features.apic.endOfInterrupt",
    "domain.features.hyperv.*",
    "domain.features.kvm.hidden",
    "domain.features.pvspinlock.enabled",
    "domain.features.smm.enabled",
    "domain.firmware.serial",
    "domain.firmware.uuid",
    "domain.firmware.bootloader.bios.useSerial",
    "domain.firmware.bootloader.efi.persistent",
    "domain.firmware.bootloader.efi.secureBoot",
    "domain.devices.autoattachGraphicsDevice",
    "domain.devices.autoattachInputDevice",
    "domain.devices.autoattachMemBalloon",
    "domain.devices.autoattachPodInterface",
    "domain.devices.autoattachSerialConsole",
    "domain.devices.blockMultiQueue",
    "domain.devices.disableHotplug",
    "domain.devices.inputs[].name",
    "domain.devices.inputs[].type",
    "domain.devices.inputs[].bus",
    "domain.devices.logSerialConsole",
    "domain.devices.panicDevices[].model",
    "domain.devices.rng.*",
    "domain.devices.sound.name",
    "domain.devices.sound.model",
    "domain.devices.tpm.enabled",
    "domain.devices.tpm.persistent",
    "domain.devices.video.type",
    "domain.devices.watchdog.name",
    "domain.devices.watchdog.i6300esb.action",
    "domain.devices.disks[].name",
    "domain.devices.disks[].bootOrder",
    "domain.devices.disks[].serial",
    "domain.devices.disks[].disk.bus",
    "domain.devices.disks[].disk.readonly",
    "domain.devices.disks[].cdrom.bus",
    "domain.devices.disks[].cdrom.readonly",
    "domain.devices.disks[].cdrom.tray",
    "domain.devices.disks[].cache",
    "domain.devices.disks[].io",
    "domain.devices.disks[].errorPolicy",
    "domain.devices.disks[].dedicatedIOThread",
    "domain.devices.disks[].shareable",
    "domain.devices.disks[].blockSize.custom.logical",
    "domain.devices.disks[].blockSize.custom.physical",
    "domain.devices.interfaces[].name",
    "domain.devices.interfaces[].model",
    "domain.devices.interfaces[].macAddress",
    "domain.devices.interfaces[].acpiIndex",
    "domain.devices.interfaces[].bootOrder",
    "domain.devices.interfaces[].state",
    "domain.devices.interfaces[].masquerade.*",
    "domain.devices.interfaces[].bridge.*",
    "domain.devices.interfaces[].ports.*",
    "networks[].name",
    "networks[].pod.*",
    "volumes[].name",
    "volumes[].persistentVolumeClaim.claimName",
    "volumes[].ephemeral.persistentVolumeClaim.claimName",
    "volumes[].ephemeral.persistentVolumeClaim.readOnly",
    "volumes[].containerDisk.image",
    "volumes[].containerDisk.imagePullPolicy",
    "volumes[].emptyDisk.capacity",
    "volumes[].cloudInitNoCloud.*",
    "volumes[].cloudInitConfigDrive.*",
    "volumes[].configMap.*",
    "volumes[].secret.*",
    "volumes[].serviceAccount.*",
    "volumes[].hostDisk.capacity",
    "volumes[].hostDisk.path",
    "volumes[].hostDisk.type",
    "volumes[].hostDisk.shared",
    "terminationGracePeriodSeconds",
    "startStrategy",
    "nodeSelector.*",
    "affinity.*",
    "tolerations.*",
    "topologySpreadConstraints.*",
    "priorityClassName",
    "schedulerName",
    "evictionStrategy",
    "architecture",
    "hostname",
    "subdomain",
};

enum class Known : unsigned char { no, on_the_way, yes };

Known lookup(std::string_view path) {
  Known known = Known::no;
  for (const std::string_view each : built) {
    if (each == path) return Known::yes;
    if (each.ends_with(".*") && path == each.substr(0, each.size() - 2)) return Known::yes;
    const bool below = each.size() > path.size() && each.starts_with(path) &&
                       (each[path.size()] == '.' || each.substr(path.size()).starts_with("[]"));
    if (below) known = Known::on_the_way;
  }
  return known;
}

/// The name of what isn't built, as a person calls it.
std::string what_is(std::string_view pattern, std::string_view path) {
  if (pattern == "volumes[].dataVolume") return "dataVolume volumes (there is no kind DataVolume)";
  for (const auto& [list, noun] :
       {std::pair{"volumes[].", "volumes"}, std::pair{"networks[].", "networks"},
        std::pair{"domain.devices.disks[].", "disks"}, std::pair{"domain.devices.interfaces[].", "interfaces"}}) {
    const std::string_view start{list};
    if (pattern.starts_with(start) && pattern.find_first_of(".[", start.size()) == std::string_view::npos) {
      return fmt::format("{} {}", pattern.substr(start.size()), noun);
    }
  }
  return std::string{path};
}

bool is_unset(const json::Value& value) {
  return value.is_null() || (value.is_array() && value.as_array().empty()) || (value.is_bool() && !value.as_bool()) ||
         (value.is_string() && value.as_string().empty());
}

void walk(const json::Value& value, const std::string& pattern, const std::string& path,
          std::vector<FieldError>& found) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      walk(value.as_array()[i], pattern + "[]", fmt::format("{}[{}]", path, i), found);
    }
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, member] : value.as_object()) {
    const std::string key{name};
    const auto below = pattern.empty() ? key : pattern + "." + key;
    const auto at = path + "." + key;
    switch (lookup(below)) {
      case Known::yes: break;
      case Known::on_the_way: walk(member, below, at, found); break;
      case Known::no:
        if (!is_unset(member)) found.push_back({"FieldValueNotSupported", "not built yet: " + what_is(below, at), at});
    }
  }
}

}  // namespace

bool is_built(std::string_view pattern) {
  return std::any_of(built.begin(), built.end(), [&](std::string_view each) {
    if (!each.ends_with(".*")) return each == pattern;
    const auto start = each.substr(0, each.size() - 2);
    return pattern == start ||
           (pattern.starts_with(start) && (pattern[start.size()] == '.' || pattern[start.size()] == '['));
  });
}

std::vector<std::string> built_fields() { return {built.begin(), built.end()}; }

std::vector<FieldError> unbuilt_fields(const json::Value& spec, const std::string& prefix) {
  std::vector<FieldError> found;
  walk(spec, "", prefix, found);
  return found;
}

}  // namespace godwit::rules
