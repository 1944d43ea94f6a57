// Where this machine has its cgroups, and where in them this process is. Pure.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::confine {

struct Hierarchy {
  std::filesystem::path mount;
  std::filesystem::path own;  ///< this process's cgroup, below the mount: "/system.slice/godwit.service"
  bool unified = false;       ///< version 2
  std::set<std::string> controllers = {};

  bool operator==(const Hierarchy&) const = default;
};

/// The hierarchies that hold a guest: the unified one if it has a controller that matters (memory, cpu, pids), else the
/// old ones that have. Empty: there are none. Texts of /proc/self/mountinfo, /proc/self/cgroup and the unified mount's
/// cgroup.controllers.
[[nodiscard]] std::vector<Hierarchy> hierarchies_of(std::string_view mounts, std::string_view own,
                                                    std::string_view unified_controllers);
/// Where the unified hierarchy is mounted; empty: nowhere.
[[nodiscard]] std::filesystem::path unified_mount(std::string_view mounts);

}  // namespace godwit::confine
