// Taking JSON pointers (RFC 6901) apart; for this folder's own use.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace godwit::json {

/// Takes the first step, unescaped, off the pointer. Nothing when the pointer is empty (the whole document) or
/// doesn't start with "/".
[[nodiscard]] std::optional<std::string> take_step(std::string_view& pointer);

/// A list index as RFC 6901 writes it: digits without leading zeros.
[[nodiscard]] std::optional<std::size_t> parse_index(std::string_view step);

/// Where the last step of the pointer starts (at its "/"); npos for a pointer without steps.
[[nodiscard]] inline std::size_t last_step(std::string_view pointer) { return pointer.rfind('/'); }

}  // namespace godwit::json
