// Small text helpers that the standard library lacks.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
[[nodiscard]] std::string to_lower(std::string_view text);

/// The whole text as a number, or nothing.
template <std::integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "6f1b4d3e-50cb-4f6c-9d07-0123456789ab": 32 hexadecimal digits of either case, in five groups.
[[nodiscard]] bool is_uuid(std::string_view text);

}  // namespace godwit
