// The ledger of PCI addresses on pcie.0; for this folder's own use.
//
// 0x00 and 0x1f are the chipset's. Guests in motion depend on it: both sides must agree, across versions of this
// program. Never renumber; only append, downwards from the lowest of the named slots at the end. Every slot so taken is
// one that disks can no longer have.
#pragma once

#include <cstddef>
#include <string>

#include "qemu/command_line_check.hpp"

namespace godwit::qemu::pci {

constexpr std::size_t rng = 0x01;
constexpr std::size_t first_nic = 0x02;
constexpr std::size_t first_disk = first_nic + max_nics;
constexpr std::size_t scsi = 0x17;
constexpr std::size_t channels = 0x18;
constexpr std::size_t tablet = 0x19;
constexpr std::size_t usb = 0x1a;
constexpr std::size_t sound = 0x1b;
constexpr std::size_t balloon = 0x1c;
constexpr std::size_t watchdog = 0x1d;
constexpr std::size_t video = 0x1e;
static_assert(first_disk + max_virtio_disks <= scsi, "disks end where the controllers begin");

[[nodiscard]] std::string address(std::size_t slot);

}  // namespace godwit::qemu::pci
