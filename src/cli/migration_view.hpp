// A migration (VMIM) as lines for a person. Pure.
#pragma once

#include <string>

#include "json/value.hpp"

namespace godwit::cli {

[[nodiscard]] bool is_over(const json::Value& migration);
[[nodiscard]] bool has_succeeded(const json::Value& migration);
/// "Running: 42 %, 312.0 MiB sent, …": what it does just now.
[[nodiscard]] std::string progress_line(const json::Value& migration);
/// "vm1 moved from node-1 to node-2 in 1234 ms: …; setup 31 ms, copying 538 ms, …", of one that succeeded.
[[nodiscard]] std::string summary_line(const json::Value& migration);

/// As `-o json` shows it: what was asked for, and as far as it is known where it went and with which figures.
[[nodiscard]] json::Value to_json(const json::Value& migration);

}  // namespace godwit::cli
