#include "rules/vm_state.hpp"

#include "rules/launcher_pod.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

bool is_set(const json::Value* value) { return value != nullptr && !value->is_null(); }

}  // namespace

bool has_uefi(const json::Value& vmi) { return is_set(json::find(vmi, "/spec/domain/firmware/bootloader/efi")); }

bool has_tpm(const json::Value& vmi) {
  return is_set(json::find(vmi, "/spec/domain/devices/tpm")) &&
         json::bool_at(vmi, "/spec/domain/devices/tpm/enabled", true);
}

bool needs_vm_state(const json::Value& vmi) {
  return (has_uefi(vmi) && json::bool_at(vmi, "/spec/domain/firmware/bootloader/efi/persistent")) ||
         (has_tpm(vmi) && json::bool_at(vmi, "/spec/domain/devices/tpm/persistent"));
}

std::string vm_state_claim_name(const json::Value& vmi) { return "persistent-state-for-" + name_of_object(vmi); }

json::Value vm_state_claim(const json::Value& vmi, const std::string& storage_class) {
  json::Value claim = json::Object{{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}};
  json::set(claim, "/metadata/name", json::Value(vm_state_claim_name(vmi)));
  json::set(claim, "/metadata/namespace", json::Value(json::string_at(vmi, "/metadata/namespace")));
  json::set(claim, "/metadata/labels", json::Object{{"persistent-state-for", name_of_object(vmi)}});
  json::Array owners;
  for (const auto& owner : json::array_at(vmi, "/metadata/ownerReferences")) {
    if (json::bool_at(owner, "/controller")) owners.push_back(owner);
  }
  if (owners.empty()) owners.push_back(controller_reference(vmi, "kubevirt.io/v1", "VirtualMachineInstance"));
  json::set(claim, "/metadata/ownerReferences", std::move(owners));
  json::set(claim, "/spec/accessModes", json::Array{"ReadWriteMany"});
  json::set(claim, "/spec/resources/requests/storage", "10Mi");
  if (!storage_class.empty()) json::set(claim, "/spec/storageClassName", json::Value(storage_class));
  return claim;
}

}  // namespace godwit::rules
