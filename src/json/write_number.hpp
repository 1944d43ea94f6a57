// Numbers as text; for this folder's own use.
#pragma once

#include <string>

namespace godwit::json {

/// As Go's encoder: no exponent between 1e-6 and 1e21, no fraction for a whole number; "null" for what is no number.
[[nodiscard]] std::string write_double(double number);

}  // namespace godwit::json
