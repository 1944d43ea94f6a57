// Random identifiers, from getrandom(2).
#pragma once

#include <cstddef>
#include <string>

namespace godwit {

/// RFC 4122 version 4, lower case.
[[nodiscard]] std::string random_uuid();
/// Letters and digits as in Kubernetes' generated names (no vowels, nothing that looks like another).
[[nodiscard]] std::string random_suffix(std::size_t length = 5);
/// Lower-case hexadecimal, for tokens and temporary names.
[[nodiscard]] std::string random_token(std::size_t length);

}  // namespace godwit
