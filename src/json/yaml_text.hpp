// Which texts can be YAML at all; for this folder's own use.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace godwit::json {

/// Valid UTF-8 without control characters. libfyaml 0.7 doesn't come back from some texts that are not.
[[nodiscard]] Result<> check_yaml_text(std::string_view text);

}  // namespace godwit::json
