// Which fields of a VMI's spec this build honours; for admission's own use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// One cause for each field that is set and isn't built, "not built yet: …". `prefix` is "spec" or
/// "spec.template.spec".
[[nodiscard]] std::vector<FieldError> unbuilt_fields(const json::Value& spec, const std::string& prefix);

/// Whether a field, "domain.devices.disks[].name", is honoured.
[[nodiscard]] bool is_built(std::string_view pattern);
/// All that are; one that ends in ".*" with everything below.
[[nodiscard]] std::vector<std::string> built_fields();

/// Wrong values in what is built: memory, CPUs, disks and volumes, interfaces and networks, and so on.
[[nodiscard]] std::vector<FieldError> wrong_fields(const json::Value& spec, const std::string& prefix);

}  // namespace godwit::rules
