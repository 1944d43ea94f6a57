#include "qemu/command_line_parts.hpp"
#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {

void add_nic(Arguments& out, const Nic& nic, std::size_t index) {
  const std::string backend = "tap-" + nic.id;
  json::Object netdev{{"type", "tap"}, {"id", backend}, {"vhost", false}};
  std::string numbers;
  for (const int fd : nic.tap_fds) numbers += (numbers.empty() ? "" : ":") + std::to_string(fd);
  const std::size_t queues = nic.tap_fds.size();
  netdev[queues > 1 ? "fds" : "fd"] = numbers;
  out.add("-netdev", netdev);
  const bool virtio = nic.model == "virtio";
  json::Object device{{"driver", virtio ? "virtio-net-pci" : nic.model},
                      {"id", "net-" + nic.id},
                      {"netdev", backend},
                      {"mac", nic.mac},
                      {"bus", "pcie.0"},
                      {"addr", pci::address(pci::first_nic + index)}};
  if (virtio) {
    device["disable-legacy"] = "on";
    device["csum"] = true;
    device["guest_csum"] = true;
  }
  // The boot ROM is for booting from the network; its size must be the same on both sides.
  if (nic.boot_index == 0) device["romfile"] = "";
  if (queues > 1) {
    device["mq"] = true;
    device["vectors"] = 2 * queues + 2;
  }
  if (virtio && nic.mtu > 0) device["host_mtu"] = nic.mtu;
  if (nic.boot_index > 0) device["bootindex"] = nic.boot_index;
  if (nic.acpi_index > 0) device["acpi-index"] = nic.acpi_index;
  out.add("-device", device);
}

}  // namespace godwit::qemu
