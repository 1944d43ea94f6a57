// Whether a machine can be put on a command line at all; for this folder's own use.
#pragma once

#include "qemu/command_line.hpp"

namespace godwit::qemu {

// How many of each fit on the PCI bus, by the fixed addresses.
constexpr std::size_t max_nics = 7;
constexpr std::size_t max_virtio_disks = 14;
// Of the other buses: places in the order of their disks.
constexpr std::size_t max_sata_disks = 6;  ///< the chipset's own ports: ide.0 to ide.5
constexpr std::size_t max_scsi_disks = 255;

[[nodiscard]] Result<> check(const MachineSpec& spec, const MachinePaths& paths);

}  // namespace godwit::qemu
