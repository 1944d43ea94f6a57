#include "local/pid_file.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace godwit::local {
namespace {

/// Field 22 of /proc/<pid>/stat, counted after the command's closing parenthesis; "" when there is no such process, or
/// only its zombie.
std::string start_time_of(int pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return {};
  const std::size_t end = stat->rfind(')');
  if (end == std::string::npos) return {};
  const std::vector<std::string> fields = split(std::string_view{*stat}.substr(end + 2), ' ');
  if (fields.size() < 20 || fields[0] == "Z") return {};
  return fields[19];
}

}  // namespace

Result<> write_pid_file(const std::filesystem::path& path, int pid) {
  return write_file(path, fmt::format("{} {}\n", pid, start_time_of(pid)));
}

int living_process(const std::filesystem::path& path) {
  const auto text = read_file(path);
  if (!text) return 0;
  const std::vector<std::string> words = split(trim(*text), ' ');
  const auto pid = words.size() == 2 ? parse_number<int>(words[0]) : std::nullopt;
  if (!pid || *pid <= 0) return 0;
  const std::string now = start_time_of(*pid);
  return !now.empty() && now == words[1] ? *pid : 0;
}

void kill_and_wait(int pid) {
  if (pid <= 0) return;
  const UniqueFd handle{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  ::kill(pid, SIGKILL);
  if (!handle) return;
  pollfd p{handle.get(), POLLIN, 0};
  ::poll(&p, 1, 5000);
}

}  // namespace godwit::local
