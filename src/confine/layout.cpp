#include "confine/layout.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace godwit::confine {
namespace {

constexpr std::array controllers_that_matter = {"memory", "cpu", "pids"};

/// A cgroup mount, from a line such as "31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate".
struct Mount {
  std::string root;
  std::string place;
  std::string type;
  std::string options;
};

std::vector<Mount> cgroup_mounts(std::string_view text) {
  std::vector<Mount> found;
  for (const std::string& line : split(std::string{text}, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    if (*(dash + 1) == "cgroup" || *(dash + 1) == "cgroup2")
      found.push_back({.root = words[3], .place = words[4], .type = *(dash + 1), .options = *(dash + 3)});
  }
  return found;
}

/// The path of "4:cpu,cpuacct:/a" whose list of controllers is or has the word; "" asks for the unified one ("0::/a").
std::optional<std::string> path_of(std::string_view own, const std::string& controller) {
  for (const std::string& line : split(std::string{own}, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto names = split(line.substr(first + 1, second - first - 1), ',');
    if (std::find(names.begin(), names.end(), controller) != names.end() || (controller.empty() && names.empty()))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// What is mounted may be a part of the hierarchy.
std::filesystem::path below(const std::string& root, const std::string& path) {
  if (root != "/" && path.starts_with(root)) return path.size() == root.size() ? "/" : path.substr(root.size());
  return path;
}

std::set<std::string> of_those(const std::vector<std::string>& words) {
  std::set<std::string> found;
  for (const char* controller : controllers_that_matter) {
    if (std::find(words.begin(), words.end(), controller) != words.end()) found.insert(controller);
  }
  return found;
}

}  // namespace

std::filesystem::path unified_mount(std::string_view mounts) {
  for (const Mount& mount : cgroup_mounts(mounts)) {
    if (mount.type == "cgroup2") return mount.place;
  }
  return {};
}

std::vector<Hierarchy> hierarchies_of(std::string_view mounts, std::string_view own,
                                      std::string_view unified_controllers) {
  std::vector<Hierarchy> found;
  const auto unified = of_those(split(std::string{trim(unified_controllers)}, ' '));
  for (const Mount& mount : cgroup_mounts(mounts)) {
    const bool is_unified = mount.type == "cgroup2";
    if (is_unified == unified.empty()) continue;
    const auto controllers = is_unified ? unified : of_those(split(mount.options, ','));
    if (controllers.empty()) continue;
    const auto path = path_of(own, is_unified ? "" : *controllers.begin());
    if (!path) continue;
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const Hierarchy& other) { return other.controllers == controllers; });
    if (known) continue;  // mounted twice
    found.push_back(
        {.mount = mount.place, .own = below(mount.root, *path), .unified = is_unified, .controllers = controllers});
  }
  return found;
}

}  // namespace godwit::confine
