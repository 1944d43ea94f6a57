// A migration's figures as lines for people. Pure.
#pragma once

#include <string>

#include "json/value.hpp"

namespace godwit::cli {

/// "Running   57%  112.7 MiB left, 625.0 MiB/s, round 1"
[[nodiscard]] std::string progress_line(const json::Value& migration);
/// From, to, time, downtime, bytes, rounds; several lines.
[[nodiscard]] std::string summary_of(const json::Value& migration);

}  // namespace godwit::cli
