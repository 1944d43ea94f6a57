// The parts of a command line, a file each; for this folder's own use.
#pragma once

#include "qemu/arguments.hpp"
#include "qemu/command_line.hpp"

namespace godwit::qemu {

[[nodiscard]] std::string machine_of(const MachineSpec& spec);
void add_clock(Arguments& out, const MachineSpec& spec);
void add_firmware(Arguments& out, const MachineSpec& spec);
void add_nic(Arguments& out, const Nic& nic, std::size_t index);
/// All of them, with the controllers that they need.
void add_disks(Arguments& out, const std::vector<Disk>& disks);
void add_devices(Arguments& out, const MachineSpec& spec, const MachinePaths& paths);

}  // namespace godwit::qemu
