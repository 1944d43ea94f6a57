// Wrong values in what says where a pod or a VMI may run.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// nodeSelector, affinity, tolerations, topologySpreadConstraints of a spec, by Kubernetes' rules and with its texts
/// ("Required value: …"), without the path. `prefix` is "spec" or "spec.template.spec".
[[nodiscard]] std::vector<FieldError> scheduling_errors(const json::Value& spec, const std::string& prefix);

}  // namespace godwit::rules
