// What labels may look like.
#pragma once

#include <string>
#include <string_view>

namespace godwit::rules {

/// "" : a valid key such as "example.com/role"; else Kubernetes' words about it.
[[nodiscard]] std::string label_key_fault(std::string_view key);
[[nodiscard]] std::string label_value_fault(std::string_view value);

}  // namespace godwit::rules
