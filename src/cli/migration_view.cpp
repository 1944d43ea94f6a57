#include "cli/migration_view.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace godwit::cli {
namespace {

std::string phase_of(const json::Value& migration) { return json::string_at(migration, "/status/phase"); }

std::int64_t progress(const json::Value& migration, std::string_view name) {
  return json::int_at(migration, fmt::format("/status/progress/{}", name));
}

std::string running_line(const json::Value& migration) {
  const auto total = progress(migration, "totalBytes");
  const auto left = progress(migration, "remainingBytes");
  if (total <= 0) return "Running";
  const auto percent = std::clamp<std::int64_t>(100 * (total - left) / total, 0, 100);
  std::string line =
      fmt::format("Running: {:>3} %, {} sent, {} left, {}/s, the guest dirties {}/s, round {}", percent,
                  format_bytes(progress(migration, "transferredBytes")), format_bytes(left),
                  format_bytes(progress(migration, "throughputBytesPerSecond")),
                  format_bytes(progress(migration, "dirtyRateBytesPerSecond")), progress(migration, "precopyRounds"));
  if (const auto held = progress(migration, "throttlePercent"); held > 0)
    line += fmt::format(", its CPUs held {} %", held);
  if (const auto eta = progress(migration, "etaSeconds"); eta > 0) line += fmt::format(", about {} s to go", eta);
  if (const auto pause = progress(migration, "expectedDowntimeMs"); pause > 0) {
    line += fmt::format(", a pause of {} ms expected", pause);
  }
  return line;
}

/// "; setup 31 ms, copying 538 ms": where the time went, "" when nobody says.
std::string phase_times(const json::Value& result) {
  std::string line;
  for (const auto& phase : json::object_at(result, "/phasesMs")) {
    const std::string_view name = phase.key();
    line += fmt::format("{} {} {} ms", line.empty() ? ";" : ",", name,
                        json::int_at(result, "/phasesMs/" + json::escape(name)));
  }
  if (line.empty() && json::find(result, "/setupMs") != nullptr) {
    line = fmt::format("; setup {} ms", json::int_at(result, "/setupMs"));
  }
  return line;
}

}  // namespace

bool has_succeeded(const json::Value& migration) { return phase_of(migration) == "Succeeded"; }
bool is_over(const json::Value& migration) { return has_succeeded(migration) || phase_of(migration) == "Failed"; }

std::string progress_line(const json::Value& migration) {
  const std::string phase = phase_of(migration);
  if (phase.empty() || phase == "Pending") return "Pending: waiting for its turn";
  if (phase == "Scheduling") return "Scheduling: choosing a node and starting QEMU there";
  if (phase == "Scheduled" || phase == "PreparingTarget" || phase == "TargetReady") {
    return phase + ": preparing the target";
  }
  if (phase == "Running") return running_line(migration);
  return phase;
}

std::string summary_line(const json::Value& migration) {
  std::string line = fmt::format("{} moved from {} to {}", json::string_at(migration, "/spec/vmiName"),
                                 json::string_at(migration, "/status/migrationState/sourceNode", "its node"),
                                 json::string_at(migration, "/status/migrationState/targetNode", "another"));
  const auto* result = json::find(migration, "/status/result");
  if (result == nullptr) return line;
  const auto rounds = json::int_at(*result, "/precopyRounds");
  return fmt::format("{} in {} ms: downtime {} ms, {} sent at {}/s in {} pre-copy round{}{}", line,
                     json::int_at(*result, "/totalMs"), json::int_at(*result, "/downtimeMs"),
                     format_bytes(json::int_at(*result, "/transferredBytes")),
                     format_bytes(json::int_at(*result, "/throughputBytesPerSecond")), rounds, rounds == 1 ? "" : "s",
                     phase_times(*result));
}

json::Value to_json(const json::Value& migration) {
  json::Object shown{{"namespace", json::string_at(migration, "/metadata/namespace")},
                     {"name", json::string_at(migration, "/spec/vmiName")},
                     {"action", "migrate"},
                     {"migration", json::string_at(migration, "/metadata/name")}};
  if (const std::string phase = phase_of(migration); !phase.empty()) shown["phase"] = phase;
  for (const char* node : {"sourceNode", "targetNode"}) {
    const std::string name = json::string_at(migration, std::string{"/status/migrationState/"} + node);
    if (!name.empty()) shown[node] = name;
  }
  if (const json::Value* result = json::find(migration, "/status/result")) shown["result"] = *result;
  return shown;
}

}  // namespace godwit::cli
