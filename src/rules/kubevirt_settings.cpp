#include "rules/kubevirt_settings.hpp"

#include <fmt/format.h>

#include <set>

#include "base/quantity.hpp"
#include "rules/findings.hpp"
#include "rules/guest_fields.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

const std::string configuration = "spec.configuration";

std::string at(std::string_view field) { return fmt::format("{}.{}", configuration, field); }

/// Nothing in there may be negative, neither numbers nor quantities.
void check_signs(const json::Value& value, const std::string& path, std::vector<FieldError>& causes) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.as_object()) {
      check_signs(inner, fmt::format("{}.{}", path, std::string_view{name}), causes);
    }
    return;
  }
  const bool negative_number =
      (value.is_int64() && value.as_int64() < 0) || (value.is_double() && value.as_double() < 0);
  const bool negative_quantity =
      value.is_string() && value.as_string().starts_with('-') && Quantity::parse(value.as_string()).has_value();
  if (negative_number || negative_quantity) {
    causes.push_back({"FieldValueInvalid", path + " must not be negative", path});
  }
}

void check_migrations(const json::Value& kubevirt, std::vector<FieldError>& causes) {
  const std::string pointer = "/spec/configuration/migrations/";
  const auto refuse = [&](std::string_view field, std::string_view why) {
    const auto path = at(fmt::format("migrations.{}", field));
    causes.push_back({"FieldValueNotSupported", fmt::format("not built yet: {}{}", path, why), path});
  };
  if (json::bool_at(kubevirt, pointer + "allowPostCopy")) refuse("allowPostCopy", "");
  if (json::bool_at(kubevirt, pointer + "allowWorkloadDisruption")) refuse("allowWorkloadDisruption", "");
  if (json::bool_at(kubevirt, pointer + "disableTLS")) {
    refuse("disableTLS", " (streams between nodes are always encrypted)");
  }
  if (!json::string_at(kubevirt, pointer + "network").empty()) {
    refuse("network", " (migrations use the addresses that the nodes register)");
  }
  const auto drain = json::string_at(kubevirt, pointer + "nodeDrainTaintKey");
  if (!drain.empty() && drain != "kubevirt.io/drain") refuse("nodeDrainTaintKey", " other than kubevirt.io/drain");
}

/// A guest that has nothing but the presets must be a guest that may be created: its findings under the settings'
/// names.
void check_presets(const json::Value& kubevirt, std::vector<FieldError>& causes) {
  const auto machine_of_architecture = at("architectureConfiguration.amd64.machineType");
  const std::vector<std::array<std::string, 3>> presets{
      {at("evictionStrategy"), "/evictionStrategy", "evictionStrategy"},
      {at("cpuModel"), "/domain/cpu/model", "domain.cpu.model"},
      {at("cpuRequest"), "/domain/resources/requests/cpu", "domain.resources.requests.cpu"},
      {at("machineType"), "/domain/machine/type", "domain.machine.type"},
      {machine_of_architecture, "/domain/machine/type", "domain.machine.type"}};
  for (const auto& [path, pointer, field] : presets) {
    std::string setting = "/" + path;
    std::replace(setting.begin(), setting.end(), '.', '/');
    const auto* value = json::find(kubevirt, setting);
    if (value == nullptr || value->is_null() || (value->is_string() && value->as_string().empty())) continue;
    json::Value guest = json::Object{};
    json::set(guest, "/domain/memory/guest", "1Gi");
    json::set(guest, pointer, *value);
    auto wrong = unbuilt_fields(guest, "spec");
    for (auto& cause : wrong_fields(guest, "spec")) wrong.push_back(std::move(cause));
    for (auto& cause : wrong) {
      const auto name = "spec." + field;
      if (cause.field != name) continue;
      if (const auto found = cause.message.find(name); found != std::string::npos) {
        cause.message.replace(found, name.size(), path);
      }
      causes.push_back({cause.reason, cause.message, path});
    }
  }
  const auto ratio = json::int_at(kubevirt, "/spec/configuration/developerConfiguration/cpuAllocationRatio", 1);
  if (ratio == 0) {
    const auto path = at("developerConfiguration.cpuAllocationRatio");
    causes.push_back({"FieldValueInvalid", path + " must be at least 1", path});
  }
}

bool is_empty(const json::Value& value) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.as_object()) {
      if (!is_empty(inner)) return false;
    }
    return true;
  }
  return value.is_null() || (value.is_array() && value.as_array().empty()) ||
         (value.is_string() && value.as_string().empty());
}

void collect_unheeded(const json::Value& value, const std::string& path, std::vector<std::string>& out) {
  static const std::set<std::string> heeded{at("evictionStrategy"),
                                            at("cpuModel"),
                                            at("cpuRequest"),
                                            at("machineType"),
                                            at("architectureConfiguration.amd64.machineType"),
                                            at("developerConfiguration.cpuAllocationRatio"),
                                            at("migrations.allowAutoConverge"),
                                            at("migrations.allowPostCopy"),
                                            at("migrations.allowWorkloadDisruption"),
                                            at("migrations.bandwidthPerMigration"),
                                            at("migrations.completionTimeoutPerGiB"),
                                            at("migrations.disableTLS"),
                                            at("migrations.maxDowntimeMs"),
                                            at("migrations.network"),
                                            at("migrations.parallelMigrationsPerCluster"),
                                            at("migrations.parallelOutboundMigrationsPerNode"),
                                            at("migrations.progressTimeout"),
                                            at("vmStateStorageClass")};
  if (is_empty(value) || heeded.contains(path)) return;
  const bool inward =
      std::any_of(heeded.begin(), heeded.end(), [&](const std::string& name) { return name.starts_with(path + "."); });
  if (!inward || !value.is_object()) {
    out.push_back(path);
    return;
  }
  for (const auto& [name, inner] : value.as_object()) {
    collect_unheeded(inner, fmt::format("{}.{}", path, std::string_view{name}), out);
  }
}

}  // namespace

Result<> validate_kubevirt(const json::Value& kubevirt) {
  std::vector<FieldError> causes;
  if (const auto* settings = json::find(kubevirt, "/spec/configuration")) {
    check_signs(*settings, configuration, causes);
    check_migrations(kubevirt, causes);
    check_presets(kubevirt, causes);
  }
  return settle(std::move(causes));
}

std::vector<std::string> unheeded_settings(const json::Value& kubevirt) {
  std::vector<std::string> out;
  if (const auto* spec = json::find(kubevirt, "/spec")) collect_unheeded(*spec, "spec", out);
  return out;
}

GuestDefaults guest_defaults(const json::Value* kubevirt) {
  GuestDefaults out;
  if (kubevirt == nullptr) return out;
  const auto take = [&](std::string_view field, std::string& into) {
    const auto value = json::string_at(*kubevirt, fmt::format("/spec/configuration/{}", field));
    if (!value.empty()) into = value;
  };
  take("evictionStrategy", out.eviction_strategy);
  take("cpuModel", out.cpu_model);
  take("architectureConfiguration/amd64/machineType", out.machine_type);
  take("machineType", out.machine_type);
  if (const auto* request = json::find(*kubevirt, "/spec/configuration/cpuRequest"); request != nullptr) {
    out.cpu_request = *request;
  }
  out.cpu_allocation_ratio =
      json::int_at(*kubevirt, "/spec/configuration/developerConfiguration/cpuAllocationRatio", 10);
  return out;
}

}  // namespace godwit::rules
