#include "base/base64.hpp"

#include <cstdint>

namespace godwit {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (unsigned j = 0; j < 4; ++j) text += j <= left ? alphabet[group >> (18 - 6 * j) & 0x3FU] : '=';
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string bytes;
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos || padding > 0) return std::nullopt;
    group = group << 6U | static_cast<std::uint32_t>(digit);
    if (++digits % 4 != 0) continue;
    for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(group >> static_cast<unsigned>(shift));
    group = 0;
  }
  const int rest = digits % 4;
  if ((digits + padding) % 4 != 0 || padding > 2 || rest == 1) return std::nullopt;
  if (rest >= 2) {
    group <<= static_cast<unsigned>(6 * (4 - rest));
    bytes += static_cast<char>(group >> 16U);
    if (rest == 3) bytes += static_cast<char>(group >> 8U);
  }
  return bytes;
}

}  // namespace godwit
