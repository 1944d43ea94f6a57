#include "bare_qemu.hpp"

#include <fcntl.h>

#include "base/files.hpp"

namespace godwit::bench {
namespace {

Deadline quick() { return Deadline::after(std::chrono::seconds{20}); }

}  // namespace

void EventLog::add(const qemu::Event& event) {
  const std::lock_guard lock{mutex_};
  seen_.insert(event.name == "MIGRATION" ? "MIGRATION " + json::string_at(event.data, "/status") : event.name);
  changed_.notify_all();
}

void EventLog::clear() {
  const std::lock_guard lock{mutex_};
  seen_.clear();
}

bool EventLog::wait(const std::string& what, const std::string& trouble, Deadline deadline) {
  std::unique_lock lock{mutex_};
  changed_.wait_until(lock, deadline.at(), [&] { return seen_.contains(what) || seen_.contains(trouble); });
  return seen_.contains(what);
}

Result<std::unique_ptr<BareQemu>> BareQemu::start(const qemu::MachineSpec& spec, const std::filesystem::path& directory,
                                                  const std::string& ns) {
  if (auto made = make_directory(directory); !made) return fail(made.error());
  const auto paths = qemu::MachinePaths::in(directory);
  auto argv = qemu::command_line(spec, paths);
  if (!argv) return fail(argv.error());
  std::erase(*argv, "-S");
  const UniqueFd where{::open(("/run/netns/" + ns).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!where) return fail_errno(ns);
  auto process = Process::spawn(
      {.argv = *argv, .stdout_file = directory / "qemu.log", .inherited = {}, .network_namespace = where.get()});
  if (!process) return fail(process.error());
  std::unique_ptr<BareQemu> qemu{new BareQemu{std::move(*process), paths}};
  auto session = qemu::QmpSession::connect(
      paths.monitor, {.on_event = [log = qemu->events_](const qemu::Event& event) { log->add(event); }}, quick());
  if (!session) {
    return fail(session.error().within("QEMU (" + read_file(directory / "qemu.log").value_or("no log") + ")"));
  }
  qemu->session_ = std::move(*session);
  return qemu;
}

Result<json::Value> BareQemu::execute(const std::string& command, const json::Value& arguments) {
  return session_->execute(command, arguments, quick());
}

qemu::Migration BareQemu::migration() {
  const qemu::Execute execute = [this](const std::string& command, const json::Value& arguments, Deadline deadline) {
    return session_->execute(command, arguments, deadline);
  };
  return qemu::Migration{execute, execute};
}

}  // namespace godwit::bench
