#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "rules/addresses.hpp"
#include "rules/guest_fields.hpp"

namespace godwit::rules {
namespace {

/// Collects causes below one spec.
class Findings {
 public:
  Findings(const json::Value& spec, std::string prefix) : spec{spec}, prefix_{std::move(prefix)} {}
  const json::Value& spec;
  std::vector<FieldError> causes;

  [[nodiscard]] std::string at(std::string_view path) const { return fmt::format("{}.{}", prefix_, path); }
  void invalid(std::string_view path, std::string message) {
    causes.push_back({"FieldValueInvalid", std::move(message), at(path)});
  }
  void required(std::string_view path, std::string message) {
    causes.push_back({"FieldValueRequired", std::move(message), at(path)});
  }

 private:
  std::string prefix_;
};

void check_memory(Findings& f) {
  bool given = false;
  for (const auto& [pointer, path] :
       {std::pair{"/domain/memory/guest", "domain.memory.guest"},
        std::pair{"/domain/resources/requests/memory", "domain.resources.requests.memory"},
        std::pair{"/domain/resources/limits/memory", "domain.resources.limits.memory"}}) {
    const auto* value = json::find(f.spec, pointer);
    if (value == nullptr || value->is_null()) continue;
    given = true;
    const auto amount = value->is_string()  ? Quantity::parse(value->as_string())
                        : value->is_int64() ? Result<Quantity>{Quantity::of(value->as_int64())}
                                            : fail(Code::invalid, "");
    if (!amount) {
      f.invalid(path, fmt::format("{} is no quantity", f.at(path)));
    } else if (amount->value() < (1 << 20)) {
      f.invalid(path, fmt::format("{} must be at least 1Mi", f.at(path)));
    }
  }
  if (!given) {
    f.required("domain.memory.guest", fmt::format("no memory requested, at least one of '{}', '{}' or '{}' must be set",
                                                  f.at("domain.memory.guest"), f.at("domain.resources.requests.memory"),
                                                  f.at("domain.resources.limits.memory")));
  }
}

void check_cpu(Findings& f) {
  for (const auto* field : {"cores", "sockets", "threads"}) {
    const auto count = json::int_at(f.spec, fmt::format("/domain/cpu/{}", field), 1);
    const auto path = fmt::format("domain.cpu.{}", field);
    if (count < 1 || count > 255) f.invalid(path, fmt::format("{} must be between 1 and 255", f.at(path)));
  }
  const auto cpu = json::string_at(f.spec, "/domain/resources/requests/cpu");
  if (!cpu.empty() && !Quantity::parse(cpu)) {
    f.invalid("domain.resources.requests.cpu", fmt::format("{} is no quantity", f.at("domain.resources.requests.cpu")));
  }
}

void check_machine(Findings& f) {
  const auto type = json::string_at(f.spec, "/domain/machine/type");
  if (type.empty() || type == "q35" || type.starts_with("pc-q35-")) return;
  f.invalid("domain.machine.type",
            fmt::format("{} is not supported: {} (allowed values: [q35* pc-q35*])", f.at("domain.machine.type"), type));
}

/// Every entry has a name of its own; returns name → index.
std::map<std::string, std::size_t> check_names(Findings& f, std::string_view pointer, std::string_view path) {
  std::map<std::string, std::size_t> names;
  const auto& list = json::array_at(f.spec, pointer);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto name = json::string_at(list[i], "/name");
    const auto here = fmt::format("{}[{}]", path, i);
    if (name.empty()) {
      f.required(here + ".name", fmt::format("{}.name is missing", f.at(here)));
      continue;
    }
    const auto [first, fresh] = names.emplace(name, i);
    if (!fresh) {
      f.invalid(here, fmt::format("{}[{}] and {} must not have the same Name.", f.at(path), first->second, f.at(here)));
    }
  }
  return names;
}

/// Every name of `names` must be among `others`.
void check_pairs(Findings& f, const std::map<std::string, std::size_t>& names, std::string_view path,
                 const std::map<std::string, std::size_t>& others, std::string_view where) {
  for (const auto& [name, index] : names) {
    if (others.contains(name)) continue;
    const auto here = fmt::format("{}[{}].name", path, index);
    f.invalid(here, fmt::format("{}: '{}' not found in {}", f.at(here), name, where));
  }
}

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

void check_interfaces(Findings& f) {
  const auto interfaces = check_names(f, "/domain/devices/interfaces", "domain.devices.interfaces");
  const auto networks = check_names(f, "/networks", "networks");
  check_pairs(f, interfaces, "domain.devices.interfaces", networks, "networks");
  check_pairs(f, networks, "networks", interfaces, "interfaces");
  if (networks.size() > 1)
    f.invalid("networks[1]", "more than one interface is connected to a pod network in " + f.at("interfaces"));
  const auto& list = json::array_at(f.spec, "/domain/devices/interfaces");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto here = fmt::format("domain.devices.interfaces[{}]", i);
    const bool masquerade = json::find(list[i], "/masquerade") != nullptr;
    const bool bridge = json::find(list[i], "/bridge") != nullptr;
    if (masquerade && bridge) f.invalid(here, fmt::format("{} has more than one binding", f.at(here)));
    if (!masquerade && !bridge) f.required(here, fmt::format("{} needs a binding: masquerade or bridge", f.at(here)));
    const auto model = json::string_at(list[i], "/model", "virtio");
    if (model != "virtio") f.invalid(here + ".model", fmt::format("not built yet: interfaces of the model {}", model));
    const auto mac = json::string_at(list[i], "/macAddress");
    if (!mac.empty() && !is_mac(mac)) {
      f.invalid(here + ".macAddress",
                fmt::format("interface {} has malformed MAC address ({}).", f.at(here) + ".name", mac));
    }
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
  check_memory(findings);
  check_cpu(findings);
  check_machine(findings);
  check_disks(findings);
  check_interfaces(findings);
  check_rest(findings);
  return std::move(findings.causes);
}

}  // namespace godwit::rules
