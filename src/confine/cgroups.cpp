#include "confine/cgroups.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace godwit::confine {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds pause{2};

Result<> write_text(const fs::path& file, std::string_view text) {
  const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd) return fail_errno(file.string());
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(fmt::format("{}: {}", file.string(), text));
  return {};
}

Result<> make_one(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(directory.string());
  return {};
}

/// A directory and the ones above it, down from `top`, which is there.
Result<> make_below(const fs::path& top, const fs::path& directory) {
  fs::path path = top;
  for (const auto& part : directory.lexically_relative(top)) {
    path /= part;
    if (auto made = make_one(path); !made) return made;
  }
  return {};
}

void kill_all(const fs::path& cgroup) {
  if (write_text(cgroup / "cgroup.kill", "1")) return;
  for (const std::string& line : split(read_file(cgroup / "cgroup.procs").value_or(""), '\n')) {
    if (const auto pid = parse_number<pid_t>(line); pid && *pid > 1) ::kill(*pid, SIGKILL);
  }
}

/// What is dying holds its cgroup for a moment longer.
Result<> remove_cgroup(const fs::path& cgroup, Deadline deadline) {
  for (;;) {
    if (::rmdir(cgroup.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) return fail_errno(cgroup.string());
    kill_all(cgroup);
    if (deadline.passed()) return fail(Code::timeout, cgroup.string() + " does not become empty");
    (void)sleep_for(pause, {});
  }
}

std::vector<fs::path> children_of(const fs::path& cgroup) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{cgroup, error}) {
    if (entry.is_directory(error)) found.push_back(entry.path());
  }
  return found;
}

std::vector<fs::path> noted(const fs::path& note) {
  std::vector<fs::path> found;
  for (const std::string& line : split(read_file(note).value_or(""), '\n')) {
    if (line.starts_with('/')) found.emplace_back(line);
  }
  return found;
}

/// Moves everything in a container's topmost cgroup into a leaf: one that hands on controllers may hold no process
/// itself.
void move_into_leaf(const fs::path& cgroup) {
  if (!make_one(cgroup / "agent")) return;
  for (const std::string& line : split(read_file(cgroup / "cgroup.procs").value_or(""), '\n')) {
    if (!line.empty()) (void)write_text(cgroup / "agent" / "cgroup.procs", line);
  }
}

Result<> write_settings(const fs::path& cgroup, const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    const fs::path file = cgroup / setting.file;
    std::error_code error;
    if (!fs::exists(file, error)) continue;  // its controller is missing: told when the node's directory was made
    if (auto written = write_text(file, setting.text); !written && !setting.optional) return written;
  }
  return {};
}

}  // namespace

Cgroup::Cgroup(Cgroup&& other) noexcept : directories_{std::exchange(other.directories_, {})}, stays_{other.stays_} {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  if (this != &other) {
    if (!stays_) (void)remove(Deadline::after(std::chrono::seconds{2}));
    directories_ = std::exchange(other.directories_, {});
    stays_ = other.stays_;
  }
  return *this;
}

Cgroup::~Cgroup() {
  if (!stays_) (void)remove(Deadline::after(std::chrono::seconds{2}));
}

Result<> Cgroup::remove(Deadline deadline) {
  Result<> outcome;
  for (const fs::path& directory : directories_) {
    if (auto removed = remove_cgroup(directory, deadline); !removed) outcome = removed;
  }
  directories_.clear();
  return outcome;
}

/// Hands the controllers on, from `top` down to and including `base`, where guests' cgroups will be.
void Cgroups::enable(const Hierarchy& hierarchy, const fs::path& top, const fs::path& base) {
  std::vector<fs::path> chain{top};
  for (const auto& part : base.lexically_relative(top)) chain.push_back(chain.back() / part);
  std::set<std::string> missing;
  for (const fs::path& directory : chain) {
    for (const std::string& controller : hierarchy.controllers) {
      if (missing.contains(controller)) continue;
      const std::string word = "+" + controller;
      auto enabled = write_text(directory / "cgroup.subtree_control", word);
      // The machine's topmost cgroup has no type and may hold processes; that of a container may not.
      if (std::error_code error; !enabled && fs::exists(directory / "cgroup.type", error)) {
        move_into_leaf(directory);
        enabled = write_text(directory / "cgroup.subtree_control", word);
      }
      if (!enabled) {
        missing.insert(controller);
        shortcomings_.push_back(fmt::format("no limits of {} for guests: {}", controller, enabled.error().message));
      }
    }
  }
}

Cgroups Cgroups::set_up(const std::vector<Hierarchy>& hierarchies, const std::string& name, const fs::path& note) {
  Cgroups made;
  if (hierarchies.empty()) made.shortcomings_.emplace_back("this machine has no cgroups: guests run without limits");
  for (const Hierarchy& hierarchy : hierarchies) {
    // In the unified hierarchy our own cgroup holds processes, so it can have no children with limits. And what lies
    // in a service's cgroup ends with the service, whatever it was told of delegation: guests must not.
    const fs::path top = (hierarchy.unified ? hierarchy.mount : hierarchy.mount / hierarchy.own.relative_path());
    const fs::path base = top / "godwit" / name;
    if (auto below = make_below(top, base); !below) {
      made.shortcomings_.push_back(below.error().message);
      continue;
    }
    if (hierarchy.unified) made.enable(hierarchy, top, base);
    made.bases_.push_back({base, hierarchy.unified});
  }
  std::string text;
  for (const Base& base : made.bases_) text += base.directory.string() + "\n";
  for (const fs::path& earlier : noted(note)) {
    std::error_code error;
    const bool known = std::any_of(made.bases_.begin(), made.bases_.end(),
                                   [&](const Base& base) { return base.directory == earlier; });
    if (known || !fs::exists(earlier, error)) continue;
    made.earlier_.push_back(earlier);
    text += earlier.string() + "\n";
  }
  if (auto written = write_file(note, text, 0600); !written) made.shortcomings_.push_back(written.error().message);
  return made;
}

Result<Cgroup> Cgroups::make(const std::string& guest, const Limits& limits) const {
  std::vector<fs::path> directories;
  for (const Base& base : bases_) directories.push_back(base.directory / guest);
  Cgroup cgroup{directories};
  for (const Base& base : bases_) {
    const fs::path directory = base.directory / guest;
    if (auto made = make_one(directory); !made) return fail(made.error());
    if (auto set = write_settings(directory, base.unified ? unified_settings(limits) : legacy_settings(limits)); !set)
      return fail(set.error());
  }
  return cgroup;
}

Cgroup Cgroups::find(const std::string& guest) const {
  std::vector<fs::path> directories;
  std::error_code error;
  const auto look_in = [&](const fs::path& base) {
    if (fs::exists(base / guest, error)) directories.push_back(base / guest);
  };
  for (const Base& base : bases_) look_in(base.directory);
  for (const fs::path& base : earlier_) look_in(base);
  Cgroup found{std::move(directories)};
  found.stay();
  return found;
}

Result<> Cgroups::keep_only(const std::set<std::string>& guests, Deadline deadline) const {
  Result<> outcome;
  const auto clean = [&](const fs::path& base) {
    for (const fs::path& child : children_of(base)) {
      if (guests.contains(child.filename())) continue;
      if (auto removed = remove_cgroup(child, deadline); !removed) outcome = removed;
    }
  };
  for (const Base& base : bases_) clean(base.directory);
  for (const fs::path& base : earlier_) clean(base);
  return outcome;
}

std::vector<Hierarchy> read_hierarchies() {
  const std::string mounts = read_file("/proc/self/mountinfo").value_or("");
  const fs::path unified = unified_mount(mounts);
  const std::string controllers =
      unified.empty() ? std::string{} : read_file(unified / "cgroup.controllers").value_or("");
  return hierarchies_of(mounts, read_file("/proc/self/cgroup").value_or(""), controllers);
}

Result<> remove_noted(const fs::path& note, Deadline deadline) {
  Result<> outcome;
  for (const fs::path& base : noted(note)) {
    for (const fs::path& child : children_of(base)) {
      if (auto removed = remove_cgroup(child, deadline); !removed) outcome = removed;
    }
    if (::rmdir(base.c_str()) != 0 && errno != ENOENT) outcome = fail_errno(base.string());
    ::rmdir(base.parent_path().c_str());  // unless other nodes have theirs there
  }
  std::error_code ignored;
  if (outcome) fs::remove(note, ignored);
  return outcome;
}

}  // namespace godwit::confine
