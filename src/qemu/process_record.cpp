#include "qemu/process_record.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "json/value.hpp"
#include "qemu/command_line.hpp"

namespace godwit::qemu {
namespace {

constexpr auto record_name = "process.json";
constexpr std::size_t start_time_field = 22;  // counted from 1

Result<FoundProcess> open_process(const ProcessRecord& record) {
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, record.pid, 0))};
  if (!pidfd) return fail(Code::not_found, fmt::format("process {} has ended", record.pid));
  // Only now: the descriptor holds the process, so what /proc says is about that one.
  auto now = describe_process(record.pid);
  if (!now || *now != record) return fail(Code::not_found, fmt::format("process {} has ended", record.pid));
  return FoundProcess{record.pid, std::move(pidfd)};
}

/// The process whose arguments hold "path=<monitor>,".
Result<FoundProcess> search(const std::filesystem::path& directory) {
  const std::string sign = "path=" + MachinePaths::in(directory).monitor.string() + ",";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", error}) {
    const auto pid = parse_number<pid_t>(entry.path().filename().string());
    if (!pid || *pid == ::getpid()) continue;
    const auto arguments = read_file(entry.path() / "cmdline");
    if (!arguments || arguments->find(sign) == std::string::npos || arguments->find("-S") == std::string::npos)
      continue;
    auto record = describe_process(*pid);
    if (!record) continue;
    if (auto found = open_process(*record); found) return found;
  }
  return fail(Code::not_found, "no QEMU runs in " + directory.string());
}

}  // namespace

std::optional<std::uint64_t> parse_start_time(const std::string& stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) return std::nullopt;
  const std::vector<std::string> rest = split(stat.substr(name_end + 2), ' ');  // begins with field 3
  if (rest.size() <= start_time_field - 3) return std::nullopt;
  return parse_number<std::uint64_t>(rest[start_time_field - 3]);
}

Result<ProcessRecord> describe_process(pid_t pid) {
  auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return fail(Code::not_found, fmt::format("process {} has ended", pid));
  const auto start = parse_start_time(*stat);
  if (!start) return fail(Code::internal, fmt::format("/proc/{}/stat is not understood", pid));
  auto boot = read_file("/proc/sys/kernel/random/boot_id");
  if (!boot) return fail(boot.error());
  return ProcessRecord{pid, *start, std::string{trim(*boot)}};
}

Result<> write_record(const std::filesystem::path& directory, const ProcessRecord& record) {
  const json::Object text{{"pid", record.pid}, {"startTime", record.start_time}, {"bootId", record.boot_id}};
  return write_file(directory / record_name, json::write(text) + "\n", 0600);
}

Result<ProcessRecord> read_record(const std::filesystem::path& directory) {
  auto text = read_file(directory / record_name);
  if (!text) return fail(Code::not_found, "no QEMU was started in " + directory.string());
  auto value = json::parse(*text);
  if (!value) return fail(value.error().within((directory / record_name).string()));
  return ProcessRecord{static_cast<pid_t>(json::int_at(*value, "/pid")),
                       static_cast<std::uint64_t>(json::int_at(*value, "/startTime")),
                       json::string_at(*value, "/bootId")};
}

Result<FoundProcess> find_process(const std::filesystem::path& directory) {
  if (auto record = read_record(directory); record) {
    if (auto found = open_process(*record); found) return found;
  }
  return search(directory);
}

}  // namespace godwit::qemu
