// What a VMI means on this host: its machine and its network ports. Pure.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "hostnet/vm_port.hpp"
#include "json/value.hpp"
#include "node/guest_cpu.hpp"
#include "qemu/command_line.hpp"

namespace godwit::node {

/// The pod network, as ConfigMap kube-system/godwit-network says.
struct PodNetwork {
  std::string cidr;
  std::string gateway;
  std::string gateway_underlay;  ///< where the gateway's end of the overlay is; "" when it is one of the nodes
  int prefix_length = 16;
  int mtu = 1450;
  int vni = 1;
};
[[nodiscard]] Result<PodNetwork> pod_network_of(const json::Value& config_map);

/// What holds a volume's content on this host.
struct VolumeFile {
  std::filesystem::path path;
  qemu::DiskFormat format = qemu::DiskFormat::raw;
  std::filesystem::path base = {};  ///< what it lies over
  bool read_only = false;           ///< whatever the disk says
};

/// By the volume's name.
using VolumePaths = std::map<std::string, VolumeFile>;

struct GuestPlan {
  qemu::MachineSpec machine;             ///< without the taps' descriptors
  std::vector<hostnet::PortSpec> ports;  ///< one for each NIC, in order
  std::vector<std::string> interface_names;
};

/// Both sides of a migration make the same plan out of the same VMI.
[[nodiscard]] Result<GuestPlan> plan_guest(const json::Value& vmi, const VolumePaths& volumes,
                                           const PodNetwork& network, const HostCpu& host, WallTime now);

}  // namespace godwit::node
