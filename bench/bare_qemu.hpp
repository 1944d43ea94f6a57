// A QEMU process as a script would run it: no agent, no tunnel.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>

#include "base/process.hpp"
#include "qemu/command_line.hpp"
#include "qemu/migration.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::bench {

/// Events of a monitor, for a thread that waits for them.
class EventLog {
 public:
  void add(const qemu::Event& event);
  /// Forgets an earlier migration's events.
  void clear();
  /// "STOP", "RESUME", "MIGRATION completed" …; false when `trouble` comes instead, or nothing in time.
  [[nodiscard]] bool wait(const std::string& what, const std::string& trouble, Deadline deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> seen_;
};

class BareQemu {
 public:
  /// The machine of the spec in a network namespace; runs at once, or as soon as a migration has come in.
  [[nodiscard]] static Result<std::unique_ptr<BareQemu>> start(const qemu::MachineSpec& spec,
                                                               const std::filesystem::path& directory,
                                                               const std::string& ns);
  Result<json::Value> execute(const std::string& command, const json::Value& arguments);
  [[nodiscard]] qemu::Migration migration();
  [[nodiscard]] EventLog& events() { return *events_; }
  [[nodiscard]] const std::filesystem::path& console() const { return paths_.console; }

 private:
  BareQemu(Process process, qemu::MachinePaths paths) : process_{std::move(process)}, paths_{std::move(paths)} {}
  Process process_;  // killed with its owner
  qemu::MachinePaths paths_;
  std::shared_ptr<EventLog> events_ = std::make_shared<EventLog>();
  std::unique_ptr<qemu::QmpSession> session_;
};

}  // namespace godwit::bench
