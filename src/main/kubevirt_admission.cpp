#include "main/kubevirt_admission.hpp"

#include "rules/admission.hpp"
#include "rules/ownership.hpp"

namespace godwit {
namespace {

using apiserver::AdmissionRequest;
using apiserver::Operation;

constexpr std::string_view group = "kubevirt.io";

class KubevirtAdmission final : public apiserver::Admission {
 public:
  Result<> mutate(const AdmissionRequest& request, json::Value& object) override {
    if (request.kind.group != group || request.operation != Operation::create) return {};
    if (request.kind.plural == "virtualmachineinstances") rules::mutate_vmi(object, {});
    if (request.kind.plural == "virtualmachineinstancemigrations") rules::mutate_vmim(object);
    return {};
  }

  Result<> validate(const AdmissionRequest& request, const json::Value& object) override {
    if (request.kind.group != group || request.operation == Operation::remove) return {};
    if (request.kind.plural == "virtualmachines")
      return request.subresource.empty() ? rules::validate_vm(object) : Result<>{};
    if (request.kind.plural == "virtualmachineinstances") return validate_vmi(request, object);
    if (request.kind.plural == "virtualmachineinstancemigrations") return validate_migration(request, object);
    return {};
  }

 private:
  static Result<> validate_vmi(const AdmissionRequest& request, const json::Value& object) {
    const json::Value nothing = nullptr;
    const json::Value& before = request.old_object != nullptr ? *request.old_object : nothing;
    if (auto allowed = rules::check_ownership_change(before, object, request.user.name); !allowed) return allowed;
    return request.old_object == nullptr ? rules::validate_vmi(object) : rules::validate_vmi_update(before, object);
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
