#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "rules/guest_checks.hpp"
#include "rules/guest_fields.hpp"
#include "rules/scheduling_fields.hpp"

namespace godwit::rules {
namespace {

void check_disks(Findings& f) {
  const auto disks = check_names(f, "/domain/devices/disks", "domain.devices.disks");
  const auto volumes = check_names(f, "/volumes", "volumes");
  check_pairs(f, disks, "domain.devices.disks", volumes, "volumes");
  check_pairs(f, volumes, "volumes", disks, "disks");
  const auto& list = json::array_at(f.spec, "/domain/devices/disks");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto bus = json::string_at(list[i], "/disk/bus", "virtio");
    const auto path = fmt::format("domain.devices.disks[{}].disk.bus", i);
    if (bus != "virtio") f.invalid(path, fmt::format("not built yet: disks on the bus {}", bus));
  }
  const auto& sources = json::array_at(f.spec, "/volumes");
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto here = fmt::format("volumes[{}]", i);
    if (!sources[i].is_object()) continue;
    const auto count = sources[i].as_object().size() - (json::find(sources[i], "/name") != nullptr ? 1 : 0);
    if (count != 1) f.invalid(here, fmt::format("{} must have exactly one source type set", f.at(here)));
    const auto* claim = json::find(sources[i], "/persistentVolumeClaim");
    if (claim != nullptr && json::string_at(*claim, "/claimName").empty()) {
      f.required(here + ".persistentVolumeClaim.claimName",
                 fmt::format("{}.persistentVolumeClaim.claimName is missing", f.at(here)));
    }
    const auto* host_disk = json::find(sources[i], "/hostDisk");
    if (host_disk == nullptr) continue;
    if (!json::string_at(*host_disk, "/path").starts_with("/")) {
      f.invalid(here + ".hostDisk.path", fmt::format("{}.hostDisk.path must be an absolute path", f.at(here)));
    }
    const auto type = json::string_at(*host_disk, "/type");
    if (type != "Disk") f.invalid(here + ".hostDisk.type", fmt::format("not built yet: hostDisk of type '{}'", type));
  }
}

void check_rest(Findings& f) {
  static const std::set<std::string> strategies{"", "None", "LiveMigrate", "LiveMigrateIfPossible", "External"};
  const auto* strategy = json::find(f.spec, "/evictionStrategy");
  if (strategy != nullptr && strategy->is_string()) {
    const std::string value{strategy->as_string()};
    if (value.empty() || !strategies.contains(value)) {
      f.invalid("evictionStrategy",
                fmt::format("{} is set with an unrecognized option: {}", f.at("evictionStrategy"), value));
    }
  }
  if (json::int_at(f.spec, "/terminationGracePeriodSeconds") < 0) {
    f.invalid("terminationGracePeriodSeconds",
              fmt::format("{} must not be negative", f.at("terminationGracePeriodSeconds")));
  }
  const auto architecture = json::string_at(f.spec, "/architecture", "amd64");
  if (architecture != "amd64") f.invalid("architecture", fmt::format("not built yet: architecture {}", architecture));
}

}  // namespace

std::vector<FieldError> wrong_fields(const json::Value& spec, const std::string& prefix) {
  Findings findings{spec, prefix};
  check_platform(findings);
  check_disks(findings);
  check_interfaces(findings);
  check_devices(findings);
  check_rest(findings);
  for (auto& cause : scheduling_errors(spec, prefix)) {
    cause.message = fmt::format("{}: {}", cause.field, cause.message);
    findings.causes.push_back(std::move(cause));
  }
  return std::move(findings.causes);
}

}  // namespace godwit::rules
