#include "qemu/reachable_paths.hpp"

namespace godwit::qemu {

std::vector<Reach> reachable_paths(const MachineSpec& spec, const std::filesystem::path& directory,
                                   const std::string& program) {
  std::vector<Reach> paths = system_paths();
  paths.push_back({.path = directory, .writable = true});
  for (const Disk& disk : spec.disks) {
    paths.push_back({.path = disk.path, .writable = !disk.read_only && !disk.cdrom});
    if (!disk.base.empty()) paths.push_back({.path = disk.base});
  }
  if (const Uefi& uefi = spec.firmware.uefi; !uefi.code.empty()) {
    paths.push_back({.path = uefi.code});
    paths.push_back({.path = uefi.variables, .writable = true});
  }
  for (const std::string& argument : spec.extra) {
    if (argument.starts_with('/')) paths.push_back({.path = argument});
  }
  if (program.starts_with('/')) paths.push_back({.path = program});
  return paths;
}

}  // namespace godwit::qemu
