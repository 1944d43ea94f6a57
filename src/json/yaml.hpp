// YAML in, JSON values out. YAML 1.1 booleans (yes, on, …) as kubectl reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/value.hpp"

namespace godwit::json {

/// All documents of a stream; empty ones are left out. Code::bad_request with line and column.
[[nodiscard]] Result<std::vector<Value>> parse_yaml_documents(std::string_view text);
/// The one document of a text.
[[nodiscard]] Result<Value> parse_yaml(std::string_view text);
/// A value as block-style YAML (for kubeconfig files and `-o yaml`).
[[nodiscard]] std::string write_yaml(const Value& value);

}  // namespace godwit::json
