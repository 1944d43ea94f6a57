// Base64 (RFC 4648, with padding), as kubeconfig files and Secrets hold their bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace godwit {

[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// Nothing when the text is no base64; white space is skipped.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace godwit
