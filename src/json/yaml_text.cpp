#include "json/yaml_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace godwit::json {

namespace {

bool is_tail(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// The bytes of the UTF-8 character that the text starts with; 0 for what is none (RFC 3629).
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  if (!std::ranges::all_of(text.substr(1, size - 1), is_tail)) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : size;
}

bool is_forbidden(char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; }

}  // namespace

Result<> check_yaml_text(std::string_view text) {
  std::size_t line = 1;
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0) return fail(Code::bad_request, fmt::format("invalid YAML: line {}: not UTF-8", line));
    if (is_forbidden(text.front())) {
      return fail(Code::bad_request, fmt::format("invalid YAML: line {}: control characters are not allowed", line));
    }
    if (text.front() == '\n') ++line;
    text.remove_prefix(size);
  }
  return {};
}

}  // namespace godwit::json
