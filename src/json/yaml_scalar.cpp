#include "json/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "json/write_number.hpp"

namespace godwit::json {

namespace {

template <std::size_t N>
bool among(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

constexpr std::array<std::string_view, 5> nulls{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> trues{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                 "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> falses{"n",     "N",     "no",  "No",  "NO", "false",
                                                  "False", "FALSE", "off", "Off", "OFF"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a radix prefix off the digits: "0x1F" → 16.
int take_radix(std::string_view& digits) {
  if (digits.size() < 2 || digits.front() != '0') return 10;
  const char mark = digits[1];
  if (mark == 'x' || mark == 'X') return digits.remove_prefix(2), 16;
  if (mark == 'o' || mark == 'O') return digits.remove_prefix(2), 8;
  if (mark == 'b' || mark == 'B') return digits.remove_prefix(2), 2;
  return digits.remove_prefix(1), 8;
}

std::optional<Value> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const int radix = take_radix(text);
  std::uint64_t size = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, size, radix);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  if (!negative) {
    return size <= INT64_MAX ? Value(static_cast<std::int64_t>(size)) : Value(size);
  }
  if (size > std::uint64_t{1} << 63) return std::nullopt;
  return Value(static_cast<std::int64_t>(0 - size));
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_real(std::string_view text) {
  std::size_t i = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const auto digits = [&] {
    const auto start = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - start;
  };
  const auto before = digits();
  std::size_t after = 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    after = digits();
  }
  if (before + after == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

std::optional<Value> real_number(std::string_view text) {
  if (!looks_real(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
  return Value(number);
}

}  // namespace

Value plain_scalar(std::string_view text) {
  if (among(text, nulls)) return nullptr;
  if (among(text, trues)) return true;
  if (among(text, falses)) return false;
  const char first = text.front();
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    std::string digits{text};
    std::erase(digits, '_');
    if (auto number = whole_number(digits)) return *number;
    if (auto number = real_number(digits)) return *number;
  }
  return Value(text);
}

std::string plain_key(std::string_view text) {
  const auto value = plain_scalar(text);
  return value.is_string() || value.is_null() ? std::string{text} : write(value);
}

}  // namespace godwit::json
