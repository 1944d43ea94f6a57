// The KubeVirt object: what it may say, what of it is heeded, and what it presets for new guests. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"
#include "rules/admission.hpp"

namespace godwit::rules {

/// Wrong values, and settings that ask for something that isn't built, by their paths.
[[nodiscard]] Result<> validate_kubevirt(const json::Value& kubevirt);
/// Paths of what is set and changes nothing here: manifests made for KubeVirt are taken whole.
[[nodiscard]] std::vector<std::string> unheeded_settings(const json::Value& kubevirt);
/// `kubevirt` may be null.
[[nodiscard]] GuestDefaults guest_defaults(const json::Value* kubevirt);

}  // namespace godwit::rules
