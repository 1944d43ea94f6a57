#include "rules/addresses.hpp"

#include <cctype>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::rules {

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const auto& part : parts) {
    const auto number = parse_number<unsigned>(part);
    if (!number || *number > 255 || part.size() > 3) return std::nullopt;
    address = address << 8U | *number;
  }
  return address;
}

std::string format_ipv4(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, address >> 16U & 0xFFU, address >> 8U & 0xFFU, address & 0xFFU);
}

Result<AddressRange> parse_range(std::string_view cidr, std::string_view gateway) {
  const auto parts = split(cidr, '/');
  const auto network = parse_ipv4(parts[0]);
  const auto bits = parts.size() == 2 ? parse_number<unsigned>(parts[1]) : std::nullopt;
  if (!network || !bits || *bits < 1 || *bits > 30)
    return fail(Code::invalid, fmt::format("\"{}\" is no IPv4 network", cidr));
  const std::uint32_t hosts = (1U << (32U - *bits)) - 1U;
  AddressRange range{*network & ~hosts, *network | hosts, 0};
  if (!gateway.empty()) {
    const auto address = parse_ipv4(gateway);
    if (!address) return fail(Code::invalid, fmt::format("\"{}\" is no IPv4 address", gateway));
    range.gateway = *address;
  }
  return range;
}

std::optional<std::uint32_t> next_free(const AddressRange& range, const std::set<std::uint32_t>& used,
                                       std::uint32_t after) {
  const std::uint32_t lowest = range.first + 1;
  const std::uint32_t highest = range.last - 1;
  std::uint32_t candidate = after < lowest || after >= highest ? lowest : after + 1;
  for (std::uint64_t tries = 0; tries <= highest - lowest; ++tries) {
    if (candidate != range.gateway && !used.contains(candidate)) return candidate;
    candidate = candidate == highest ? lowest : candidate + 1;
  }
  return std::nullopt;
}

std::string stable_mac(std::string_view ns, std::string_view name, std::size_t interface) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : fmt::format("{}/{}/{}", ns, name, interface)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  hash ^= hash >> 29U;
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", hash & 0xFFU, hash >> 8U & 0xFFU, hash >> 16U & 0xFFU,
                     hash >> 24U & 0xFFU, hash >> 32U & 0xFFU);
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separator = i % 3 == 2;
    if (separator ? text[i] != ':' && text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
      return false;
  }
  return true;
}

}  // namespace godwit::rules
