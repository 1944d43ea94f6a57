// May this VMI move? The condition LiveMigratable, with KubeVirt's findings in KubeVirt's order.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "json/value.hpp"

namespace godwit::rules {

struct Eligibility {
  bool migratable = true;
  std::string reason;  ///< empty when migratable
  std::string message;
};

/// The access modes of a claim ("ReadWriteMany", …); nothing when the claim doesn't exist.
using AccessModes = std::function<std::optional<json::Array>(const std::string& claim)>;

[[nodiscard]] Eligibility live_migratable(const json::Value& vmi, const AccessModes& access_modes);
/// As an entry of status.conditions.
[[nodiscard]] json::Value live_migratable_condition(const Eligibility& eligibility);

}  // namespace godwit::rules
