// Kubernetes quantities: "8Gi", "500m", "1e3".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace godwit {

/// A quantity in thousandths, the finest unit that CPU requests use; saturates at the type's ends.
class Quantity {
 public:
  [[nodiscard]] static Result<Quantity> parse(std::string_view text);
  [[nodiscard]] static Quantity of(std::int64_t whole) { return Quantity{static_cast<__int128>(whole) * 1000}; }
  [[nodiscard]] static Quantity of_milli(std::int64_t milli) { return Quantity{milli}; }

  /// Whole units, rounded up (as resource.Quantity.Value does).
  [[nodiscard]] std::int64_t value() const;
  [[nodiscard]] std::int64_t milli_value() const;
  auto operator<=>(const Quantity&) const = default;

 private:
  explicit Quantity(__int128 milli) : milli_{milli} {}
  __int128 milli_ = 0;
};

/// Bytes for a person: "1.5 GiB".
[[nodiscard]] std::string format_bytes(std::int64_t bytes);

}  // namespace godwit
