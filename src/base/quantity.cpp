#include "base/quantity.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit {
namespace {

struct Suffix {
  std::string_view text;
  int base;
  int exponent;
};

constexpr std::array suffixes{
    Suffix{"Ki", 1024, 1}, Suffix{"Mi", 1024, 2}, Suffix{"Gi", 1024, 3}, Suffix{"Ti", 1024, 4},
    Suffix{"Pi", 1024, 5}, Suffix{"Ei", 1024, 6}, Suffix{"n", 10, -9},   Suffix{"u", 10, -6},
    Suffix{"m", 10, -3},   Suffix{"", 10, 0},     Suffix{"k", 10, 3},    Suffix{"M", 10, 6},
    Suffix{"G", 10, 9},    Suffix{"T", 10, 12},   Suffix{"P", 10, 15},   Suffix{"E", 10, 18},
};

constexpr __int128 largest = static_cast<__int128>(std::numeric_limits<std::int64_t>::max()) * 1000;

/// digits × base^exponent × 10^-decimals, in thousandths, rounded away from zero as Kubernetes does.
__int128 scale(__int128 digits, int decimals, int base, int exponent) {
  if (base == 10) {
    exponent -= decimals;
    decimals = 0;
  }
  __int128 value = digits * 1000;
  for (; exponent > 0; --exponent) value = std::min(value * base, largest * 1000);
  for (; exponent < 0; ++exponent) value = (value + base - 1) / base;
  for (; decimals > 0; --decimals) value = (value + 9) / 10;
  return std::min(value, largest);
}

std::optional<Suffix> suffix_of(std::string_view text) {
  for (const Suffix& suffix : suffixes) {
    if (suffix.text == text) return suffix;
  }
  if (text.size() >= 2 && (text[0] == 'e' || text[0] == 'E')) {
    std::string_view number = text.substr(1);
    if (number.front() == '+') number.remove_prefix(1);
    if (const auto exponent = parse_number<int>(number); exponent && *exponent >= -18 && *exponent <= 18) {
      return Suffix{text, 10, *exponent};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::invalid, fmt::format("\"{}\" is not a quantity: write a number with an optional suffix, such as "
                                           "500m, 2, 512Mi or 8Gi",
                                           text));
  };
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  __int128 digits = 0;
  int decimals = 0;
  int seen = 0;
  bool fraction = false;
  for (; !rest.empty() && (std::isdigit(static_cast<unsigned char>(rest.front())) != 0 || rest.front() == '.');
       rest.remove_prefix(1)) {
    if (rest.front() == '.') {
      if (fraction) return bad();
      fraction = true;
      continue;
    }
    if (++seen > 24) return bad();
    digits = digits * 10 + (rest.front() - '0');
    if (fraction) ++decimals;
  }
  const auto suffix = suffix_of(rest);
  if (seen == 0 || !suffix) return bad();
  const __int128 milli = scale(digits, decimals, suffix->base, suffix->exponent);
  return Quantity{negative ? -milli : milli};
}

std::int64_t Quantity::value() const {
  return static_cast<std::int64_t>(milli_ > 0 ? (milli_ + 999) / 1000 : milli_ / 1000);
}

std::int64_t Quantity::milli_value() const {
  constexpr __int128 top = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(milli_, -top, top));
}

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace godwit
