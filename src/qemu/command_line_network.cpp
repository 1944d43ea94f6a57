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
  json::Object device{{"driver", "virtio-net-pci"},
                      {"id", "net-" + nic.id},
                      {"netdev", backend},
                      {"mac", nic.mac},
                      {"bus", "pcie.0"},
                      {"addr", pci::address(pci::first_nic + index)},
                      {"disable-legacy", "on"},
                      {"csum", true},
                      {"guest_csum", true},
                      {"romfile", ""}};
  if (queues > 1) {
    device["mq"] = true;
    device["vectors"] = 2 * queues + 2;
  }
  if (nic.mtu > 0) device["host_mtu"] = nic.mtu;
  out.add("-device", device);
}

}  // namespace godwit::qemu
