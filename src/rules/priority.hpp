// PriorityClasses, and the priority that they give to pods.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// The class for pods that name none: the one with globalDefault (the lowest of several), or nullptr.
[[nodiscard]] const json::Value* default_priority_class(const std::vector<json::Value>& classes);

/// A new pod's priority and preemptionPolicy, from the class that it names (`its_class`, null: there is none of that
/// name), or from the default one. Code::forbidden without a prefix: the name of a missing class, or a priority of the
/// pod's own that the class doesn't give.
[[nodiscard]] Result<> set_priority(json::Value& pod, const json::Value* its_class, const json::Value* default_class);

/// What is wrong with a new class, or with a change of one (`before` not null). `others` are all classes. System
/// classes are the server's own.
[[nodiscard]] std::vector<FieldError> priority_class_errors(const json::Value* before, const json::Value& after);
/// Another class that is the default already, or "".
[[nodiscard]] std::string other_default(const json::Value& priority_class, const std::vector<json::Value>& others);

/// system-node-critical and system-cluster-critical, which are always there.
[[nodiscard]] std::vector<json::Value> system_priority_classes();

}  // namespace godwit::rules
