// meta.k8s.io/v1 Tables: what `kubectl get` prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "apiserver/kinds.hpp"
#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

/// columnDefinitions of the kind.
[[nodiscard]] json::Array table_columns(const Kind& kind);
/// One row with its object (metadata only, as kubectl asks for, or whole).
[[nodiscard]] json::Value table_row(const Kind& kind, const json::Value& object, WallTime now,
                                    std::string_view include_object);
[[nodiscard]] json::Value table_of(const Kind& kind, const std::vector<json::Value>& objects, std::uint64_t revision,
                                   WallTime now, std::string_view include_object);

/// A column that no path can give (api/README.md lists the names).
[[nodiscard]] json::Value computed_cell(const std::string& name, const json::Value& object, WallTime now);
/// "5s", "3m12s", "4h", "2d": an age as kubectl prints it.
[[nodiscard]] std::string human_duration(Duration age);

}  // namespace godwit::apiserver
