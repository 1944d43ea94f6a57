// The string formats that kube-apiserver checks and that our kinds use.
#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "base/clock.hpp"
#include "json/schema_node.hpp"

namespace godwit::json {

namespace {

bool is_address(std::string_view text, int family) {
  unsigned char address[16];
  return inet_pton(family, std::string{text}.c_str(), address) == 1;
}

bool is_network(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto address = text.substr(0, slash);
  const auto bits = text.substr(slash + 1);
  const bool digits = std::ranges::all_of(bits, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits || bits.empty() || bits.size() > 3) return false;
  const int count = std::stoi(std::string{bits});
  return (is_address(address, AF_INET) && count <= 32) || (is_address(address, AF_INET6) && count <= 128);
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (i % 3 == 2 ? (c != ':' && c != '-') : std::isxdigit(c) == 0) return false;
  }
  return true;
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  while (text.ends_with('=')) text.remove_suffix(1);
  return std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; });
}

bool is_uuid(std::string_view text) {
  std::string digits;
  std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '-'; });
  return digits.size() == 32 && std::ranges::all_of(digits, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

bool has_format(std::string_view text, std::string_view format) {
  if (format == "date-time") return parse_time(text).has_value();
  if (format == "ipv4") return is_address(text, AF_INET);
  if (format == "ipv6") return is_address(text, AF_INET6);
  if (format == "ip") return is_address(text, AF_INET) || is_address(text, AF_INET6);
  if (format == "cidr") return is_network(text);
  if (format == "mac") return is_mac(text);
  if (format == "byte") return is_base64(text);
  if (format == "uuid") return is_uuid(text);
  return true;
}

}  // namespace godwit::json
