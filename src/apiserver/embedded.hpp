// The files of api/, as built into this binary.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace godwit::apiserver {

struct EmbeddedFile {
  std::string_view name;  ///< "api/core/pod.yaml"
  std::string_view text;
};

[[nodiscard]] std::vector<EmbeddedFile> embedded_kinds();

}  // namespace godwit::apiserver
