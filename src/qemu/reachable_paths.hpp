// What a QEMU process is allowed to see of the host's files. Pure.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/confinement.hpp"
#include "qemu/command_line.hpp"

namespace godwit::qemu {

/// All that the machine's command line names, its own directory (to write), and the distribution's programs and
/// libraries (to read). A new field of MachineSpec that names a file outside of the directory belongs here: without it
/// QEMU answers "No such file or directory".
[[nodiscard]] std::vector<Reach> reachable_paths(const MachineSpec& spec, const std::filesystem::path& directory,
                                                 const std::string& program);

}  // namespace godwit::qemu
