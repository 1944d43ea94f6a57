#include "main/kubevirt_admission.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/admission.hpp"
#include "rules/kubevirt_settings.hpp"
#include "rules/objects.hpp"
#include "rules/ownership.hpp"

namespace godwit {
namespace {

using apiserver::AdmissionRequest;
using apiserver::Operation;

constexpr std::string_view group = "kubevirt.io";

/// An update that leaves the spec as it is: whatever the rules have become since, its labels, finalizers and status
/// may change. What the schema has come to preset since is no change either.
bool leaves_spec(const AdmissionRequest& request, const json::Value& object) {
  if (request.old_object == nullptr) return false;
  if (rules::same_spec(*request.old_object, object)) return true;
  json::Value before = *request.old_object;
  request.kind.schema.apply_defaults(before);
  return rules::same_spec(before, object);
}

class KubevirtAdmission final : public apiserver::Admission {
 public:
  Result<> mutate(const AdmissionRequest& request, json::Value& object) override {
    if (request.kind.group != group || request.operation != Operation::create) return {};
    if (request.kind.plural == "virtualmachineinstances") rules::mutate_vmi(object, defaults(request));
    if (request.kind.plural == "virtualmachineinstancemigrations") rules::mutate_vmim(object);
    return {};
  }

  Result<> validate(const AdmissionRequest& request, const json::Value& object) override {
    if (request.kind.group != group || request.operation == Operation::remove) return {};
    if (request.kind.plural == "virtualmachineinstances") return validate_vmi(request, object);
    if (request.kind.plural == "virtualmachineinstancemigrations") return validate_migration(request, object);
    if (!request.subresource.empty() || leaves_spec(request, object)) return {};
    if (request.kind.plural == "virtualmachines") return rules::validate_vm(object);
    if (request.kind.plural == "kubevirts") return validate_kubevirt(request, object);
    return {};
  }

 private:
  static rules::GuestDefaults defaults(const AdmissionRequest& request) {
    const auto all = request.lookup.list(group, "kubevirts", "");
    return rules::guest_defaults(all.empty() ? nullptr : &all.front());
  }

  static Result<> validate_kubevirt(const AdmissionRequest& request, const json::Value& object) {
    if (request.operation == Operation::create && !request.lookup.list(group, "kubevirts", "").empty()) {
      return fail(Code::bad_request, "Kubevirt is already created");
    }
    if (auto fine = rules::validate_kubevirt(object); !fine) return fine;
    const auto unheeded = rules::unheeded_settings(object);
    if (!unheeded.empty() && request.warnings != nullptr) {
      request.warnings->push_back(fmt::format("settings without effect: {}", join(unheeded, ", ")));
    }
    return {};
  }

  static Result<> validate_vmi(const AdmissionRequest& request, const json::Value& object) {
    const json::Value nothing = nullptr;
    const json::Value& before = request.old_object != nullptr ? *request.old_object : nothing;
    if (auto allowed = rules::check_ownership_change(before, object, request.user.name); !allowed) return allowed;
    if (request.old_object == nullptr) return rules::validate_vmi(object);
    return leaves_spec(request, object) ? Result<>{} : rules::validate_vmi_update(before, object);
  }

  static Result<> validate_migration(const AdmissionRequest& request, const json::Value& object) {
    if (request.old_object != nullptr) {
      return request.subresource.empty() ? rules::validate_vmim_update(*request.old_object, object) : Result<>{};
    }
    const std::string vmi_name = json::string_at(object, "/spec/vmiName");
    const auto vmi = request.lookup.get(group, "virtualmachineinstances", request.ns, vmi_name);
    json::Array others;
    for (json::Value& other : request.lookup.list(group, "virtualmachineinstancemigrations", request.ns)) {
      if (json::string_at(other, "/metadata/labels/kubevirt.io~1vmi-name") == vmi_name)
        others.push_back(std::move(other));
    }
    return rules::validate_vmim(object, vmi ? &*vmi : nullptr, others);
  }
};

}  // namespace

std::shared_ptr<apiserver::Admission> kubevirt_admission() { return std::make_shared<KubevirtAdmission>(); }

}  // namespace godwit
