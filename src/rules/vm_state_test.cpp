#include "rules/vm_state.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "rules/launcher_pod.hpp"

namespace godwit::rules {
namespace {

json::Value vmi(const std::string& domain, const std::string& owners = "[]") {
  json::Value made = json::parse_yaml("{metadata: {name: v, namespace: ns, uid: vu}}").value();
  json::set(made, "/spec/domain", json::parse_yaml(domain).value());
  json::set(made, "/metadata/ownerReferences", json::parse_yaml(owners).value());
  return made;
}

TEST(VmState, IsNeededForWhatIsPersistent) {
  EXPECT_FALSE(needs_vm_state(vmi("{}")));
  EXPECT_FALSE(needs_vm_state(vmi("{firmware: {bootloader: {efi: {}}}, devices: {tpm: {}}}")));
  EXPECT_TRUE(needs_vm_state(vmi("{firmware: {bootloader: {efi: {persistent: true}}}}")));
  EXPECT_TRUE(needs_vm_state(vmi("{devices: {tpm: {persistent: true}}}")));
  EXPECT_FALSE(needs_vm_state(vmi("{devices: {tpm: {persistent: true, enabled: false}}}")));
}

TEST(VmState, IsTheMachinesNotTheInstances) {
  const auto owned = vmi("{}", "[{kind: VirtualMachine, name: v, uid: mu, controller: true}]");
  const auto claim = vm_state_claim(owned, "fast");
  EXPECT_EQ(json::string_at(claim, "/metadata/name"), "persistent-state-for-v");
  EXPECT_EQ(json::string_at(claim, "/metadata/labels/persistent-state-for"), "v");
  EXPECT_EQ(json::string_at(claim, "/metadata/ownerReferences/0/uid"), "mu");
  EXPECT_EQ(json::string_at(claim, "/spec/accessModes/0"), "ReadWriteMany");
  EXPECT_EQ(json::string_at(claim, "/spec/storageClassName"), "fast");
  EXPECT_EQ(json::string_at(vm_state_claim(vmi("{}"), ""), "/metadata/ownerReferences/0/uid"), "vu");
  EXPECT_EQ(json::find(vm_state_claim(vmi("{}"), ""), "/spec/storageClassName"), nullptr);
}

TEST(VmState, TheLauncherPodWaitsForItsClaim) {
  const auto pod = launcher_pod(vmi("{memory: {guest: 1Gi}, devices: {tpm: {persistent: true}}}"));
  EXPECT_EQ(json::string_at(pod, "/spec/volumes/0/persistentVolumeClaim/claimName"), "persistent-state-for-v");
}

}  // namespace
}  // namespace godwit::rules
