// What every rule asks of a Kubernetes object, and the operations of a JSON patch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/value.hpp"

namespace godwit::rules {

[[nodiscard]] std::string name_of_object(const json::Value& object);
[[nodiscard]] std::string uid_of(const json::Value& object);
[[nodiscard]] std::string label_of(const json::Value& object, std::string_view key);
[[nodiscard]] std::string annotation_of(const json::Value& object, std::string_view key);
[[nodiscard]] std::string phase_of(const json::Value& object);  ///< status.phase
[[nodiscard]] bool is_deleting(const json::Value& object);
/// Phases Succeeded and Failed: of pods, VMIs and migrations alike.
[[nodiscard]] bool is_final(const json::Value& object);
[[nodiscard]] bool has_finalizer(const json::Value& object, std::string_view finalizer);

/// Neither has a spec, or both the same.
[[nodiscard]] bool same_spec(const json::Value& before, const json::Value& after);
/// A quantity in whole units, written as text or as a number; 0 when there is none.
[[nodiscard]] std::int64_t bytes_at(const json::Value& value, std::string_view pointer);

/// The condition of that type in status.conditions, or nullptr.
[[nodiscard]] const json::Value* condition_of(const json::Value& object, std::string_view type);
/// Its status ("True", "False", "Unknown"), or "" when there is no such condition.
[[nodiscard]] std::string condition_status(const json::Value& object, std::string_view type);
/// `conditions` with this one put in place of the one of its type; lastTransitionTime is kept when the status stays.
[[nodiscard]] json::Array with_condition(json::Array conditions, json::Value condition, std::string_view now);
[[nodiscard]] json::Array without_condition(json::Array conditions, std::string_view type);

/// One operation: "test", "add", "replace".
[[nodiscard]] json::Value patch_operation(std::string_view op, std::string_view path, json::Value value);
[[nodiscard]] json::Value patch_remove(std::string_view path);

/// Whether a label selector ({matchLabels, matchExpressions}) takes these labels; null takes nothing, {} everything.
[[nodiscard]] bool selects(const json::Value* selector, const json::Object& labels);

}  // namespace godwit::rules
