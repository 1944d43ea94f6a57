#include "e2e/run_state_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/files.hpp"
#include "json/value.hpp"

namespace godwit {
namespace {

constexpr auto record_file = "run-states.log";
constexpr auto look_period = std::chrono::milliseconds{5};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::int64_t now_in_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_dead(int pidfd) {
  pollfd polled{pidfd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

RunStateWatch::RunStateWatch(const local::Cluster& cluster) : cluster_{cluster} {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void RunStateWatch::run(const std::stop_token& stop) {
  do {
    const std::lock_guard lock{mutex_};
    for (const local::LocalNode& node : cluster_.nodes) discover(node);
    for (auto& [path, record] : records_) {
      if (!record.died && is_dead(record.pidfd.get())) record.died = now_in_microseconds();
    }
  } while (sleep_for(look_period, stop));
}

void RunStateWatch::discover(const local::LocalNode& node) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{cluster_.node_data(node) / "vms", ignored}) {
    const auto path = entry.path() / record_file;
    if (records_.contains(path)) continue;
    const auto process = json::parse(read_file(entry.path() / "process.json").value_or(""));
    const auto instance = json::parse(
        read_file(cluster_.node_data(node) / "instances" / entry.path().filename() / "record.json").value_or(""));
    if (!process || !instance) continue;
    Record record{.vmi = json::string_at(*instance, "/vmi"),
                  .node = node.name,
                  .pid = static_cast<int>(json::int_at(*process, "/pid")),
                  .log = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)},
                  .pidfd = {}};
    if (!record.log) continue;
    record.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, record.pid, 0)));
    if (!record.pidfd) record.died = now_in_microseconds();
    records_.emplace(path, std::move(record));
  }
}

std::vector<qemu::RunSpan> RunStateWatch::spans_of(const std::string& vmi) const {
  std::vector<qemu::RunSpan> all;
  const std::lock_guard lock{mutex_};
  for (const auto& [path, record] : records_) {
    if (record.vmi != vmi) continue;
    for (qemu::RunSpan& span : qemu::parse_run_states(record.pid, read_all(record.log.get()))) {
      if (!span.end && record.died) span.end = record.died;
      all.push_back(span);
    }
  }
  return all;
}

bool RunStateWatch::has_run(int pid) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(records_.begin(), records_.end(), [&](const auto& entry) {
    return entry.second.pid == pid && !qemu::parse_run_states(pid, read_all(entry.second.log.get())).empty();
  });
}

std::filesystem::path RunStateWatch::living_log(const std::string& vmi, const std::string& node) const {
  const std::lock_guard lock{mutex_};
  for (const auto& [path, record] : records_) {
    if (record.vmi == vmi && record.node == node && !record.died) return path;
  }
  return {};
}

bool RunStateWatch::wait_for_state(const std::string& vmi, const std::string& node, const std::string& state,
                                   Deadline deadline) const {
  std::filesystem::path path;
  while ((path = living_log(vmi, node)).empty()) {
    if (deadline.passed() || !sleep_for(std::chrono::milliseconds{1}, {})) return false;
  }
  const UniqueFd log{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const UniqueFd changes{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (!log || ::inotify_add_watch(changes.get(), path.c_str(), IN_MODIFY) < 0) return false;
  while (qemu::last_run_state(read_all(log.get())) != state) {
    if (deadline.passed()) return false;
    pollfd polled{changes.get(), POLLIN, 0};
    ::poll(&polled, 1, 100);
    std::array<char, 4096> drained{};
    [[maybe_unused]] const auto n = ::read(changes.get(), drained.data(), drained.size());
  }
  return true;
}

}  // namespace godwit
