// Follows the run-state records of all QEMUs of a cluster, also of those that end meanwhile: never two may run one
// guest.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "local/cluster.hpp"
#include "qemu/run_states.hpp"

namespace godwit {

class RunStateWatch {
 public:
  explicit RunStateWatch(const local::Cluster& cluster);

  /// All spans in which a QEMU ran the guest of that VMI since the watch began.
  [[nodiscard]] std::vector<qemu::RunSpan> spans_of(const std::string& vmi) const;
  /// Has that QEMU ever run its guest?
  [[nodiscard]] bool has_run(int pid) const;
  /// Sleeps until the guest's QEMU on the node has written that it is in the state, and returns within a fraction of a
  /// millisecond. False when it doesn't happen.
  [[nodiscard]] bool wait_for_state(const std::string& vmi, const std::string& node, const std::string& state,
                                    Deadline deadline) const;

 private:
  struct Record {
    std::string vmi;
    std::string node;
    int pid = 0;
    UniqueFd log;  ///< stays readable when the file is removed
    UniqueFd pidfd;
    std::optional<std::int64_t> died = {};
  };
  void run(const std::stop_token& stop);
  void discover(const local::LocalNode& node);
  [[nodiscard]] std::filesystem::path living_log(const std::string& vmi, const std::string& node) const;

  const local::Cluster& cluster_;
  mutable std::mutex mutex_;
  std::map<std::filesystem::path, Record> records_;
  std::jthread thread_;
};

}  // namespace godwit
