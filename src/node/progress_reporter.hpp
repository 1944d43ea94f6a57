// Writes a migration's progress into its VMIM, in the background: only the newest report matters.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.hpp"
#include "kube/client.hpp"
#include "migrate/ports.hpp"

namespace godwit::node {

class ProgressReporter final : public migrate::ProgressSink {
 public:
  ProgressReporter(const kube::Client& client, kube::Key migration);
  void progress(const migrate::Progress& progress) override;

 private:
  void write_reports(const std::stop_token& stop);

  const kube::Client& client_;
  kube::Key migration_;
  Log log_{"progress"};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<migrate::Progress> newest_;
  std::jthread writer_;
};

/// The final figures, into vmim.status.result.
[[nodiscard]] Result<> report_summary(const kube::Client& client, const kube::Key& migration,
                                      const migrate::Summary& summary);

}  // namespace godwit::node
