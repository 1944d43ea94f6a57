#include "node/guest_cpu.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace godwit::node {
namespace {

/// A feature that is named is wanted, unless it says otherwise.
bool is_on(const json::Value& vmi, const std::string& pointer, std::string_view switched = "enabled") {
  return json::find(vmi, pointer) != nullptr && json::bool_at(vmi, fmt::format("{}/{}", pointer, switched), true);
}

std::string model_of(const json::Value& vmi, const HostCpu& host) {
  const std::string model = json::string_at(vmi, "/spec/domain/cpu/model", "host-model");
  if (model == "host-passthrough") return host.accelerator == qemu::Accelerator::kvm ? "host" : "max";
  return model == "host-model" || model.empty() ? host.host_model : model;
}

/// What Windows wants of a hypervisor. Only KVM has it.
std::string enlightenments(const json::Value& vmi) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 15> names{{
      {"relaxed", "hv-relaxed"},
      {"vapic", "hv-vapic"},
      {"vpindex", "hv-vpindex"},
      {"runtime", "hv-runtime"},
      {"synic", "hv-synic"},
      {"synictimer", "hv-stimer"},
      {"synictimer/direct", "hv-stimer-direct"},
      {"reset", "hv-reset"},
      {"frequencies", "hv-frequencies"},
      {"reenlightenment", "hv-reenlightenment"},
      {"tlbflush", "hv-tlbflush"},
      {"tlbflush/direct", "hv-tlbflush-direct"},
      {"tlbflush/extended", "hv-tlbflush-ext"},
      {"ipi", "hv-ipi"},
      {"evmcs", "hv-evmcs"},
  }};
  const std::string root = "/spec/domain/features/hyperv/";
  std::string text;
  for (const auto& [field, flag] : names) {
    if (is_on(vmi, root + std::string{field})) text += fmt::format(",{}=on", flag);
  }
  if (is_on(vmi, root + "spinlocks")) {
    text += fmt::format(",hv-spinlocks={}", json::int_at(vmi, root + "spinlocks/spinlocks", 4096));
  }
  const std::string vendor = json::string_at(vmi, root + "vendorid/vendorid");
  if (is_on(vmi, root + "vendorid") && !vendor.empty()) text += ",hv-vendor-id=" + vendor;
  if (is_on(vmi, "/spec/domain/clock/timer/hyperv", "present")) text += ",hv-time=on";
  return text;
}

std::string kvm_flags(const json::Value& vmi) {
  std::string text = enlightenments(vmi);
  if (json::bool_at(vmi, "/spec/domain/features/kvm/hidden")) text += ",kvm=off";
  if (json::bool_at(vmi, "/spec/domain/features/apic/endOfInterrupt")) text += ",kvm-pv-eoi=on";
  if (json::find(vmi, "/spec/domain/features/pvspinlock") != nullptr) {
    text += is_on(vmi, "/spec/domain/features/pvspinlock") ? ",kvm-pv-unhalt=on" : ",kvm-pv-unhalt=off";
  }
  if (!json::bool_at(vmi, "/spec/domain/clock/timer/kvm/present", true)) text += ",kvmclock=off";
  return text;
}

}  // namespace

std::string cpu_argument(const json::Value& vmi, const HostCpu& host) {
  const std::string model = model_of(vmi, host);
  std::string text = model;
  bool exact = model != "host" && model != "max";
  for (const json::Value& feature : json::array_at(vmi, "/spec/domain/cpu/features")) {
    const std::string name = json::string_at(feature, "/name");
    const std::string policy = json::string_at(feature, "/policy", "require");
    if (policy == "disable" || policy == "forbid") {
      text += ",-" + name;
    } else if (policy != "optional" || host.cpu_features.contains(name)) {
      text += ",+" + name;
    }
    if (policy == "force") exact = false;
  }
  if (host.accelerator == qemu::Accelerator::kvm) text += kvm_flags(vmi);
  // A guest that would get less than it was promised doesn't start.
  if (exact) text += ",enforce";
  return text;
}

}  // namespace godwit::node
