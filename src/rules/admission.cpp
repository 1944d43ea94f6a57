#include "rules/admission.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "rules/addresses.hpp"
#include "rules/findings.hpp"
#include "rules/guest_fields.hpp"
#include "rules/launcher_pod.hpp"
#include "rules/migration_phase.hpp"
#include "rules/objects.hpp"
#include "rules/vm_lifecycle.hpp"

namespace godwit::rules {
namespace {

constexpr auto vmi_name_label = "kubevirt.io/vmi-name";
constexpr auto vmi_finalizer = "kubevirt.io/foregroundDeleteVirtualMachine";

std::vector<FieldError> guest_findings(const json::Value& spec, const std::string& prefix) {
  auto causes = unbuilt_fields(spec, prefix);
  for (auto& cause : wrong_fields(spec, prefix)) {
    // What isn't built has been refused above; its consequences would only confuse.
    if (causes.empty() || cause.message.find("exactly one source") == std::string::npos)
      causes.push_back(std::move(cause));
  }
  return causes;
}

void check_strategy(const json::Value& vm, std::vector<FieldError>& causes) {
  const auto* running = json::find(vm, "/spec/running");
  const bool has_running = running != nullptr && !running->is_null();
  const auto strategy = json::string_at(vm, "/spec/runStrategy");
  if (has_running && !strategy.empty()) {
    causes.push_back({"FieldValueInvalid",
                      "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use "
                      "RunStrategy instead",
                      "spec.running"});
    return;
  }
  if (!has_running && strategy.empty()) {
    causes.push_back({"FieldValueRequired", "One of Running or RunStrategy must be specified", "spec.running"});
    return;
  }
  if (strategy.empty() || run_strategy_of(vm) != RunStrategy::other) return;
  const bool known = strategy == "WaitAsReceiver";
  causes.push_back({known ? "FieldValueNotSupported" : "FieldValueInvalid",
                    known ? fmt::format("not built yet: runStrategy {}", strategy)
                          : fmt::format("Invalid RunStrategy ({})", strategy),
                    "spec.runStrategy"});
}

/// What its launcher pod would request anyway is not written.
void preset_cpu_request(json::Value& vmi, const GuestDefaults& defaults) {
  const auto* said = json::find(vmi, "/spec/domain/resources/requests/cpu");
  if (said != nullptr && !said->is_null()) return;
  if (!defaults.cpu_request.is_null()) {
    json::set(vmi, "/spec/domain/resources/requests/cpu", defaults.cpu_request);
  } else if (defaults.cpu_allocation_ratio != GuestDefaults{}.cpu_allocation_ratio) {
    const auto milli =
        std::max<std::int64_t>(vcpus_of(vmi) * 1000 / std::max<std::int64_t>(defaults.cpu_allocation_ratio, 1), 1);
    json::set(vmi, "/spec/domain/resources/requests/cpu", json::Value(fmt::format("{}m", milli)));
  }
}

/// Without a topology a guest has as many sockets as it has CPUs by its limit, or request.
void preset_topology(json::Value& vmi) {
  std::int64_t sockets = 1;
  const bool given =
      json::int_at(vmi, "/spec/domain/cpu/cores") > 0 || json::int_at(vmi, "/spec/domain/cpu/threads") > 0;
  for (const auto* pointer : {"/spec/domain/resources/limits/cpu", "/spec/domain/resources/requests/cpu"}) {
    const auto* amount = json::find(vmi, pointer);
    if (given || amount == nullptr) continue;
    const auto cpus = amount->is_string()  ? Quantity::parse(amount->as_string())
                      : amount->is_int64() ? Result<Quantity>{Quantity::of(amount->as_int64())}
                                           : fail(Code::invalid, "");
    if (cpus) sockets = std::max<std::int64_t>(1, cpus->value());
    break;
  }
  for (const auto& [field, count] :
       {std::pair{"sockets", sockets}, std::pair{"cores", std::int64_t{1}}, std::pair{"threads", std::int64_t{1}}}) {
    const auto pointer = fmt::format("/spec/domain/cpu/{}", field);
    if (json::int_at(vmi, pointer) == 0) json::set(vmi, pointer, count);
  }
}

}  // namespace

Result<> validate_vm(const json::Value& vm) {
  std::vector<FieldError> causes;
  check_strategy(vm, causes);
  for (const auto* field : {"dataVolumeTemplates", "instancetype", "preference", "updateVolumesStrategy"}) {
    const auto* value = json::find(vm, fmt::format("/spec/{}", field));
    if (value == nullptr || value->is_null() || (value->is_array() && value->as_array().empty())) continue;
    causes.push_back(
        {"FieldValueNotSupported", fmt::format("not built yet: spec.{}", field), fmt::format("spec.{}", field)});
  }
  const auto* spec = json::find(vm, "/spec/template/spec");
  if (spec == nullptr || !spec->is_object()) {
    causes.push_back({"FieldValueRequired", "missing virtual machine template.", "spec.template"});
    return settle(std::move(causes));
  }
  for (auto& cause : guest_findings(*spec, "spec.template.spec")) causes.push_back(std::move(cause));
  return settle(std::move(causes));
}

Result<> validate_vmi(const json::Value& vmi) {
  const auto* spec = json::find(vmi, "/spec");
  if (spec == nullptr || !spec->is_object()) return settle({"FieldValueRequired", "spec is missing", "spec"});
  return settle(guest_findings(*spec, "spec"));
}

Result<> validate_vmi_update(const json::Value& before, const json::Value& after) {
  // How long a guest may take to shut down may be shortened while it does.
  const auto without_grace = [](json::Value vmi) {
    json::erase(vmi, "/spec/terminationGracePeriodSeconds");
    return vmi;
  };
  if (same_spec(without_grace(before), without_grace(after))) return {};
  return settle({"FieldValueNotSupported", "update of VMI object is restricted", "spec"});
}

void mutate_vmi(json::Value& vmi, const GuestDefaults& defaults) {
  const auto preset = [&](std::string_view pointer, const std::string& value) {
    if (!value.empty() && json::string_at(vmi, pointer).empty() && json::find(vmi, pointer) == nullptr) {
      json::set(vmi, pointer, json::Value(value));
    }
  };
  preset("/spec/evictionStrategy", defaults.eviction_strategy);
  preset("/spec/domain/cpu/model", defaults.cpu_model);
  auto type = json::string_at(vmi, "/spec/domain/machine/type");
  if (type.empty()) type = defaults.machine_type;
  json::set(vmi, "/spec/domain/machine/type", json::Value(type == "q35" ? std::string{newest_machine_type} : type));
  preset_topology(vmi);
  preset_cpu_request(vmi, defaults);

  const bool bare =
      json::array_at(vmi, "/spec/networks").empty() && json::array_at(vmi, "/spec/domain/devices/interfaces").empty();
  if (bare && json::bool_at(vmi, "/spec/domain/devices/autoattachPodInterface", true)) {
    json::set(vmi, "/spec/networks", json::Array({json::Object{{"name", "default"}, {"pod", json::Object{}}}}));
    json::set(vmi, "/spec/domain/devices/interfaces",
              json::Array({json::Object{{"name", "default"}, {"masquerade", json::Object{}}}}));
  }
  if (auto* interfaces = json::find(vmi, "/spec/domain/devices/interfaces");
      interfaces != nullptr && interfaces->is_array()) {
    std::size_t index = 0;
    for (auto& interface : interfaces->as_array()) {
      const auto mac = stable_mac(json::string_at(vmi, "/metadata/namespace"), name_of_object(vmi), index++);
      if (json::string_at(interface, "/macAddress").empty()) json::set(interface, "/macAddress", json::Value(mac));
    }
  }
  if (!has_finalizer(vmi, vmi_finalizer)) {
    json::Array finalizers = json::array_at(vmi, "/metadata/finalizers");
    finalizers.push_back(vmi_finalizer);
    json::set(vmi, "/metadata/finalizers", std::move(finalizers));
  }
}

Result<> validate_vmim(const json::Value& vmim, const json::Value* vmi, const json::Array& others) {
  const auto name = json::string_at(vmim, "/spec/vmiName");
  if (name.empty()) return settle({"FieldValueInvalid", "vmiName is missing", "spec.vmiName"});
  if (!json::string_at(vmim, "/spec/priority").empty()) {
    return settle({"FieldValueNotSupported",
                   "Migration priority queue, only virt-controller is allowed to set priority field",
                   "spec.migrationPriority"});
  }
  if (json::find(vmim, "/spec/sendTo") != nullptr || json::find(vmim, "/spec/receive") != nullptr) {
    return settle({"FieldValueNotSupported",
                   "DecentralizedLiveMigration feature gate is not enabled in kubevirt resource", "spec"});
  }
  const auto ns = json::string_at(vmim, "/metadata/namespace");
  if (vmi == nullptr) return fail(Code::bad_request, fmt::format("the VMI \"{}/{}\" does not exist", ns, name));
  if (is_final(*vmi)) return fail(Code::bad_request, "Cannot migrate VMI in finalized state.");
  const auto* condition = condition_of(*vmi, "LiveMigratable");
  if (condition != nullptr && json::string_at(*condition, "/status") == "False") {
    return fail(Code::bad_request,
                fmt::format("Cannot migrate VMI, Reason: {}, Message: {}", json::string_at(*condition, "/reason"),
                            json::string_at(*condition, "/message")));
  }
  for (const auto& other : others) {
    if (is_final(other) || json::string_at(other, "/spec/vmiName") != name || uid_of(other) == uid_of(vmim)) continue;
    return fail(Code::bad_request,
                fmt::format("in-flight migration detected. Active migration job ({}) is currently already in progress "
                            "for VMI {}.",
                            uid_of(other), name));
  }
  return {};
}

Result<> validate_vmim_update(const json::Value& before, const json::Value& after) {
  const auto* was = json::find(before, "/spec");
  const auto* is = json::find(after, "/spec");
  if (was != nullptr && (is == nullptr || !json::equal(*was, *is))) {
    return settle({"FieldValueNotSupported", "update of Migration object's spec is restricted", "spec"});
  }
  if (is_final(after)) return {};
  const auto old_label = label_of(before, vmi_name_label);
  const auto new_label = label_of(after, vmi_name_label);
  if (!old_label.empty() && new_label.empty()) {
    return settle(
        {"FieldValueNotSupported", "selector label can't be removed from an in-flight migration", "metadata.labels"});
  }
  if (!old_label.empty() && new_label != old_label) {
    return settle(
        {"FieldValueNotSupported", "selector label can't be modified on an in-flight migration", "metadata.labels"});
  }
  return {};
}

void mutate_vmim(json::Value& vmim) {
  json::set(vmim, "/metadata/labels/" + json::escape(vmi_name_label),
            json::Value(json::string_at(vmim, "/spec/vmiName")));
  if (has_finalizer(vmim, migration_finalizer)) return;
  json::Array finalizers = json::array_at(vmim, "/metadata/finalizers");
  finalizers.push_back(migration_finalizer);
  json::set(vmim, "/metadata/finalizers", std::move(finalizers));
}

}  // namespace godwit::rules
