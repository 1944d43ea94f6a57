// What the trial found, for people and for programs. Pure.
#pragma once

#include <string>
#include <vector>

#include "json/value.hpp"

namespace godwit::trial {

/// One migration, measured from inside and outside.
struct Move {
  json::Value migration;     ///< the final VMIM
  double client_gap_ms = 0;  ///< longest time between two answers of the probe
};

struct Findings {
  std::vector<Move> moves;
  std::string accelerator;
  bool tcp_session_survived = false;
  std::string tcp_session_end;  ///< why it did not
  std::uint64_t tcp_answers = 0;
  bool guest_state_intact = false;
  bool disk_intact = false;
  std::uint64_t disk_blocks = 0;

  [[nodiscard]] bool all_is_well() const;
};

/// Of the first move, with the worst gap of all: the figures that `./run --once -o json` prints.
[[nodiscard]] json::Value to_json(const Findings& findings);
/// The summary that a person reads; `colours` for terminals.
[[nodiscard]] std::string to_text(const Findings& findings, bool colours);

}  // namespace godwit::trial
