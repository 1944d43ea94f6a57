// What an unquoted YAML scalar means; for this folder's own use.
#pragma once

#include <string>
#include <string_view>

#include "json/value.hpp"

namespace godwit::json {

/// As kubectl reads it: null, YAML 1.1 booleans, decimal, 0x, 0o, 0b and leading-zero octal integers, "_" between
/// digits, floats; anything else is a string.
[[nodiscard]] Value plain_scalar(std::string_view text);

/// The member name that a plain scalar becomes as a key: "1", "true", "name".
[[nodiscard]] std::string plain_key(std::string_view text);

}  // namespace godwit::json
