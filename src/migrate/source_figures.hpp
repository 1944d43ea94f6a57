// What a migration measured: progress while it runs, the summary at its end. Private to the source's driver.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "migrate/handover.hpp"
#include "migrate/ports.hpp"
#include "qemu/migration.hpp"

namespace godwit::migrate {

class SourceFigures {
 public:
  void phase(SourcePhase phase);
  void status(MigrationStatus status, Instant at);
  void stopped(Instant at) { stopped_ = at; }
  void pass(std::int64_t number) { passes_ = number; }
  void final(const qemu::MigrationInfo& info) { info_ = info; }
  [[nodiscard]] std::int64_t elapsed_ms() const;
  [[nodiscard]] Progress progress(const qemu::MigrationInfo& info);
  [[nodiscard]] Summary summary() const;

 private:
  Instant begin_ = std::chrono::steady_clock::now();
  std::optional<Instant> active_, stopped_, completed_, committed_, ended_;
  std::int64_t passes_ = 0;
  qemu::MigrationInfo info_;
};

}  // namespace godwit::migrate
