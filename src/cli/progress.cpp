#include "cli/progress.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace godwit::cli {

std::string progress_line(const json::Value& migration) {
  const std::string phase = json::string_at(migration, "/status/phase", "Pending");
  const std::int64_t total = json::int_at(migration, "/status/progress/totalBytes");
  if (total <= 0 || phase == "Succeeded" || phase == "Failed") return phase;
  const std::int64_t left = json::int_at(migration, "/status/progress/remainingBytes");
  const std::int64_t percent = std::clamp<std::int64_t>(100 - left * 100 / total, 0, 100);
  return fmt::format("{}  {:>3}%  {} left, {}/s, round {}", phase, percent, format_bytes(left),
                     format_bytes(json::int_at(migration, "/status/progress/throughputBytesPerSecond")),
                     json::int_at(migration, "/status/progress/precopyRounds"));
}

std::string summary_of(const json::Value& migration) {
  const auto figure = [&](const char* name) { return json::int_at(migration, std::string{"/status/result/"} + name); };
  return fmt::format("{} → {} in {} ms, downtime {} ms; {} moved at {}/s in {} pre-copy rounds\n",
                     json::string_at(migration, "/status/migrationState/sourceNode"),
                     json::string_at(migration, "/status/migrationState/targetNode"), figure("totalMs"),
                     figure("downtimeMs"), format_bytes(figure("transferredBytes")),
                     format_bytes(figure("throughputBytesPerSecond")), figure("precopyRounds"));
}

}  // namespace godwit::cli
