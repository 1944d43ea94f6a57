#include "http/message.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace godwit::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool is_unreserved(unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~'; }

std::string encode(std::string_view text, std::string_view also_safe) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(byte) || also_safe.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : list_) {
    if (same_name(key, name)) return value;
  }
  return {};
}

void Headers::set(std::string_view name, std::string value) {
  for (auto& [key, old] : list_) {
    if (same_name(key, name)) {
      old = std::move(value);
      return;
    }
  }
  list_.emplace_back(std::string{name}, std::move(value));
}

std::string Request::query_value(std::string_view name, std::string_view fallback) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::string{fallback};
}

std::string percent_encode(std::string_view text) { return encode(text, {}); }
std::string percent_decode(std::string_view text) { return decode(text, false); }

std::string encode_target(const Request& request) {
  std::string target = request.path.empty() ? "/" : encode(request.path, "/:@!$&'()*,;=");
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    target += separator;
    target += percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  return target;
}

void decode_target(std::string_view target, Request& request) {
  const std::size_t question = target.find('?');
  request.path = percent_decode(target.substr(0, question));
  request.query.clear();
  if (question == std::string_view::npos) return;
  for (const std::string& pair : split(target.substr(question + 1), '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::string value =
        equals == std::string::npos ? std::string{} : decode(std::string_view{pair}.substr(equals + 1), true);
    request.query.emplace_back(decode(std::string_view{pair}.substr(0, equals), true), std::move(value));
  }
}

}  // namespace godwit::http
