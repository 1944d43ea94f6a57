#include "migrate/source_figures.hpp"

#include <algorithm>

namespace godwit::migrate {
namespace {

std::int64_t between(std::optional<Instant> from, std::optional<Instant> to) {
  if (!from || !to) return 0;
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*to - *from).count(), 0);
}

std::int64_t bytes_per_second(double megabits_per_second) {
  return static_cast<std::int64_t>(megabits_per_second * 1e6 / 8);
}

}  // namespace

void SourceFigures::phase(SourcePhase phase) {
  const auto now = std::chrono::steady_clock::now();
  if (phase == SourcePhase::committing && !completed_) completed_ = now;
  if (phase == SourcePhase::committed && !committed_) committed_ = now;
  if (phase == SourcePhase::ended) ended_ = now;
}

void SourceFigures::status(MigrationStatus status, Instant at) {
  if (status == MigrationStatus::active && !active_) active_ = at;
}

std::int64_t SourceFigures::elapsed_ms() const { return between(begin_, std::chrono::steady_clock::now()); }

Progress SourceFigures::progress(const qemu::MigrationInfo& info) {
  info_ = info;
  Progress out;
  out.elapsed_ms = elapsed_ms();
  out.total_bytes = info.ram.total;
  out.transferred_bytes = info.ram.transferred;
  out.remaining_bytes = info.ram.remaining;
  out.dirty_rate_bytes_per_second = info.ram.dirty_pages_rate * info.ram.page_size;
  out.throughput_bytes_per_second = bytes_per_second(info.ram.mbps);
  out.precopy_rounds = info.ram.dirty_sync_count;
  out.expected_downtime_ms = info.expected_downtime_ms;
  out.throttle_percent = info.throttle_percent;
  const auto net = out.throughput_bytes_per_second - out.dirty_rate_bytes_per_second;
  out.eta_seconds = net > 0 ? (info.ram.remaining + net - 1) / net : 0;
  return out;
}

Summary SourceFigures::summary() const {
  Summary out;
  const auto end = ended_.value_or(std::chrono::steady_clock::now());
  out.total_ms = between(begin_, end);
  out.downtime_ms = info_.downtime_ms;
  out.setup_ms = info_.setup_ms;
  out.transferred_bytes = info_.ram.transferred;
  out.throughput_bytes_per_second =
      info_.total_ms > 0 ? info_.ram.transferred * 1000 / info_.total_ms : bytes_per_second(info_.ram.mbps);
  out.precopy_rounds = std::max(info_.ram.dirty_sync_count, passes_);
  out.setup_phase_ms = between(begin_, active_);
  out.copying_phase_ms = between(active_, stopped_);
  out.paused_phase_ms = between(stopped_, completed_);
  out.commit_phase_ms = between(completed_, committed_);
  out.resume_phase_ms = between(committed_, end);
  return out;
}

json::Value to_json(const Progress& p) {
  return json::Object{{"elapsedMs", p.elapsed_ms},
                      {"totalBytes", p.total_bytes},
                      {"transferredBytes", p.transferred_bytes},
                      {"remainingBytes", p.remaining_bytes},
                      {"dirtyRateBytesPerSecond", p.dirty_rate_bytes_per_second},
                      {"throughputBytesPerSecond", p.throughput_bytes_per_second},
                      {"precopyRounds", p.precopy_rounds},
                      {"etaSeconds", p.eta_seconds},
                      {"expectedDowntimeMs", p.expected_downtime_ms},
                      {"throttlePercent", p.throttle_percent}};
}

json::Value to_json(const Summary& s) {
  return json::Object{{"totalMs", s.total_ms},
                      {"downtimeMs", s.downtime_ms},
                      {"setupMs", s.setup_ms},
                      {"transferredBytes", s.transferred_bytes},
                      {"throughputBytesPerSecond", s.throughput_bytes_per_second},
                      {"precopyRounds", s.precopy_rounds},
                      {"phasesMs", json::Object{{"setup", s.setup_phase_ms},
                                                {"copying", s.copying_phase_ms},
                                                {"paused", s.paused_phase_ms},
                                                {"commit", s.commit_phase_ms},
                                                {"resume", s.resume_phase_ms}}}};
}

}  // namespace godwit::migrate
