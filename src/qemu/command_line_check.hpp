// Whether a machine can be put on a command line at all; for this folder's own use.
#pragma once

#include "qemu/command_line.hpp"

namespace godwit::qemu {

/// How many of each fit on the PCI bus, by the fixed addresses.
constexpr std::size_t max_nics = 7;
constexpr std::size_t max_disks = 14;

[[nodiscard]] Result<> check(const MachineSpec& spec, const MachinePaths& paths);

}  // namespace godwit::qemu
