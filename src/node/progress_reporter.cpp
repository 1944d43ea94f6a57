#include "node/progress_reporter.hpp"

namespace godwit::node {
namespace {

Result<json::Value> patch_status(const kube::Client& client, const kube::Key& migration, std::string_view member,
                                 json::Value value) {
  const json::Value patch = json::Object{{"status", json::Object{{member, std::move(value)}}}};
  return client.patch(kube::resources::virtual_machine_instance_migrations, migration, kube::PatchType::merge, patch,
                      "status");
}

}  // namespace

ProgressReporter::ProgressReporter(const kube::Client& client, kube::Key migration)
    : client_{client}, migration_{std::move(migration)} {
  writer_ = std::jthread{[this](const std::stop_token& stop) { write_reports(stop); }};
}

void ProgressReporter::progress(const migrate::Progress& progress) {
  const std::lock_guard lock{mutex_};
  newest_ = progress;
  wake_.notify_one();
}

void ProgressReporter::write_reports(const std::stop_token& stop) {
  for (;;) {
    std::optional<migrate::Progress> report;
    {
      std::unique_lock lock{mutex_};
      if (!wake_.wait(lock, stop, [this] { return newest_.has_value(); })) return;
      std::swap(report, newest_);
    }
    if (auto written = patch_status(client_, migration_, "progress", to_json(*report)); !written) {
      log_.debug("{}: {}", migration_.text(), written.error().message);
    }
  }
}

Result<> report_summary(const kube::Client& client, const kube::Key& migration, const migrate::Summary& summary) {
  auto written = patch_status(client, migration, "result", to_json(summary));
  if (!written) return fail(written.error());
  return {};
}

}  // namespace godwit::node
