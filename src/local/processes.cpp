#include "local/processes.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "local/pid_file.hpp"

namespace godwit::local {
namespace {

std::vector<int> processes_that(const std::function<bool(int pid)>& match) {
  std::vector<int> found;
  struct Closer {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Closer> processes{::opendir("/proc")};
  if (!processes) return found;
  while (const dirent* entry = ::readdir(processes.get())) {
    const auto pid = parse_number<int>(std::string_view{static_cast<const char*>(entry->d_name)});
    if (pid && *pid != ::getpid() && match(*pid)) found.push_back(*pid);
  }
  return found;
}

}  // namespace

std::vector<int> processes_in(const std::filesystem::path& data, const LocalNode& node) {
  struct stat wanted{};
  struct stat ours{};
  if (::stat("/proc/self/ns/net", &ours) != 0) return {};
  const bool there = ::stat(("/run/netns/" + node.ns).c_str(), &wanted) == 0;
  const std::string sign = data.string() + "/";
  return processes_that([&](int pid) {
    struct stat its{};
    if (::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &its) != 0 || its.st_dev != ours.st_dev) return false;
    if (there && its.st_ino == wanted.st_ino) return true;
    // A guest's: it has a network namespace of its own, and files of this node.
    return its.st_ino != ours.st_ino &&
           read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("").find(sign) != std::string::npos;
  });
}

std::vector<int> processes_with(const std::vector<std::string>& arguments) {
  std::string wanted;
  for (const std::string& argument : arguments) wanted += argument + '\0';
  return processes_that([&](int pid) {
    const auto line = read_file(fmt::format("/proc/{}/cmdline", pid));
    if (!line) return false;
    const std::size_t name_end = line->find('\0');
    return name_end != std::string::npos && line->compare(name_end + 1, wanted.size(), wanted) == 0;
  });
}

bool end_all(const std::function<std::vector<int>()>& find, Deadline deadline) {
  // Found nothing twice, with a pause between: a process that was just forked is not yet what it is going to be.
  for (int nothing_found = 0; nothing_found < 2;) {
    const std::vector<int> found = find();
    for (const int pid : found) kill_and_wait(pid);
    nothing_found = found.empty() ? nothing_found + 1 : 0;
    if (nothing_found == 2) break;
    if (deadline.passed()) return false;
    (void)sleep_for(std::chrono::milliseconds{20}, {});
  }
  return true;
}

}  // namespace godwit::local
