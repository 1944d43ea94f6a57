#include "node/guest_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/disk_plan.hpp"
#include "node/guest_devices.hpp"
#include "rules/launcher_pod.hpp"

namespace godwit::node {
namespace {

constexpr int tcg_translation_cache_mib = 128;

/// Interface names are at most 15 bytes, and a host has many guests: part of the VMI's uid tells them apart.
std::string tap_name(const std::string& vmi_uid, std::size_t index) {
  std::string letters;
  for (const char c : vmi_uid) {
    if (c != '-') letters += c;
  }
  return fmt::format("gt{}{}", letters.substr(0, 10), index);
}

Result<> plan_ports(const json::Value& vmi, const PodNetwork& network, GuestPlan& plan) {
  const std::string uid = json::string_at(vmi, "/metadata/uid");
  std::size_t index = 0;
  for (const json::Value& interface : json::array_at(vmi, "/spec/domain/devices/interfaces")) {
    hostnet::PortSpec port;
    port.tap = tap_name(uid, index);
    port.binding =
        json::find(interface, "/bridge") != nullptr ? hostnet::Binding::bridge : hostnet::Binding::masquerade;
    port.mac = json::string_at(interface, "/macAddress", json::string_at(vmi, "/metadata/annotations/godwit.io~1mac"));
    port.pod_ip = json::string_at(vmi, "/metadata/annotations/godwit.io~1pod-network-ip");
    port.prefix_length = network.prefix_length;
    port.gateway = network.gateway;
    port.mtu = network.mtu;
    port.hostname = json::string_at(vmi, "/spec/hostname", json::string_at(vmi, "/metadata/name"));
    if (port.mac.empty() || port.pod_ip.empty()) {
      return fail(Code::unavailable, "the VMI has no MAC or pod network address yet");
    }
    plan.interface_names.push_back(json::string_at(interface, "/name"));
    plan.machine.nics.push_back({.id = plan.interface_names.back(),
                                 .mac = port.mac,
                                 .tap_fds = {},
                                 .mtu = port.mtu,
                                 .model = json::string_at(interface, "/model", "virtio"),
                                 .boot_index = static_cast<int>(json::int_at(interface, "/bootOrder")),
                                 .acpi_index = static_cast<int>(json::int_at(interface, "/acpiIndex"))});
    plan.ports.push_back(std::move(port));
    ++index;
  }
  return {};
}

/// Where the spec orders interfaces and no disk, no disk is booted from.
void settle_boot_order(const json::Value& vmi, qemu::MachineSpec& machine) {
  const auto& disks = json::array_at(vmi, "/spec/domain/devices/disks");
  const bool by_network =
      std::any_of(machine.nics.begin(), machine.nics.end(), [](const qemu::Nic& nic) { return nic.boot_index > 0; });
  const bool by_disk = std::any_of(disks.begin(), disks.end(),
                                   [](const json::Value& disk) { return json::int_at(disk, "/bootOrder") > 0; });
  if (!by_network || by_disk) return;
  for (qemu::Disk& disk : machine.disks) disk.boot_index = 0;
}

}  // namespace

Result<PodNetwork> pod_network_of(const json::Value& config_map) {
  PodNetwork network{.cidr = json::string_at(config_map, "/data/podCIDR"),
                     .gateway = json::string_at(config_map, "/data/gateway"),
                     .gateway_underlay = json::string_at(config_map, "/data/gatewayUnderlay")};
  const std::size_t slash = network.cidr.find('/');
  const auto prefix =
      slash == std::string::npos ? std::nullopt : parse_number<int>(std::string_view{network.cidr}.substr(slash + 1));
  const auto mtu = parse_number<int>(json::string_at(config_map, "/data/mtu"));
  const auto vni = parse_number<int>(json::string_at(config_map, "/data/vni"));
  if (!prefix || !mtu || !vni || network.gateway.empty()) {
    return fail(Code::invalid, "ConfigMap kube-system/godwit-network needs data.podCIDR, gateway, mtu and vni");
  }
  network.prefix_length = *prefix;
  network.mtu = *mtu;
  network.vni = *vni;
  return network;
}

Result<GuestPlan> plan_guest(const json::Value& vmi, const VolumePaths& volumes, const PodNetwork& network,
                             const HostCpu& host, WallTime now) {
  GuestPlan plan;
  plan.machine.name = json::string_at(vmi, "/metadata/namespace") + "_" + json::string_at(vmi, "/metadata/name");
  plan.machine.uuid = json::string_at(vmi, "/spec/domain/firmware/uuid", json::string_at(vmi, "/metadata/uid"));
  plan.machine.machine_type = json::string_at(vmi, "/spec/domain/machine/type", plan.machine.machine_type);
  plan.machine.accelerator = host.accelerator;
  const std::string cpu = json::string_at(vmi, "/metadata/annotations/" + json::escape(cpu_annotation));
  plan.machine.cpu_model = cpu.empty() ? cpu_argument(vmi, host) : cpu;
  plan.machine.sockets = static_cast<int>(json::int_at(vmi, "/spec/domain/cpu/sockets", 1));
  plan.machine.cores = static_cast<int>(json::int_at(vmi, "/spec/domain/cpu/cores", 1));
  plan.machine.threads = static_cast<int>(json::int_at(vmi, "/spec/domain/cpu/threads", 1));
  plan.machine.memory_bytes = rules::guest_memory_bytes(vmi);
  plan.machine.devices = devices_of(vmi);
  plan.machine.platform = platform_of(vmi);
  plan.machine.firmware = firmware_of(vmi);
  plan.machine.clock = clock_of(vmi, now);
  if (host.accelerator == qemu::Accelerator::tcg) plan.machine.tcg_tb_size_mb = tcg_translation_cache_mib;
  auto disks = plan_disks(vmi, volumes);
  if (!disks) return fail(disks.error());
  plan.machine.disks = std::move(*disks);
  if (auto ports = plan_ports(vmi, network, plan); !ports) return fail(ports.error());
  settle_boot_order(vmi, plan.machine);
  return plan;
}

}  // namespace godwit::node
