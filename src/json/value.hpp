// JSON values: one alias for the library's type, and the few accessors everybody uses.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.hpp"

namespace godwit::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

/// Parses one JSON text (depth up to 256). Code::bad_request says where it went wrong.
[[nodiscard]] Result<Value> parse(std::string_view text);
/// Writes compact JSON that Go's decoder reads: whole doubles without exponent or fraction.
[[nodiscard]] std::string write(const Value& value);
/// Indented by two spaces, for people.
[[nodiscard]] std::string write_pretty(const Value& value);

/// Equal as JSON: numbers by value whatever their kind, members in any order.
[[nodiscard]] bool equal(const Value& a, const Value& b);

// Paths are JSON pointers (RFC 6901): "/metadata/labels/kubevirt.io~1vmi-name".

/// One step of a pointer, escaped.
[[nodiscard]] std::string escape(std::string_view step);
/// The value at the path, or nullptr.
[[nodiscard]] const Value* find(const Value& root, std::string_view pointer);
[[nodiscard]] Value* find(Value& root, std::string_view pointer);

// What is at the path if it has that type, else the fallback (an empty container for the last two).
[[nodiscard]] std::string string_at(const Value& root, std::string_view pointer, std::string_view fallback = {});
[[nodiscard]] std::int64_t int_at(const Value& root, std::string_view pointer, std::int64_t fallback = 0);
[[nodiscard]] bool bool_at(const Value& root, std::string_view pointer, bool fallback = false);
[[nodiscard]] const Object& object_at(const Value& root, std::string_view pointer);
[[nodiscard]] const Array& array_at(const Value& root, std::string_view pointer);

/// Sets the value at the path, making objects on the way (list indices must exist, "-" appends).
void set(Value& root, std::string_view pointer, Value value);
/// The same with text; boost's values take no std::string by themselves.
template <std::same_as<std::string> Text>
void set(Value& root, std::string_view pointer, const Text& text) {
  set(root, pointer, Value(std::string_view{text}));
}
/// Removes what is at the path, keeping the order of what stays; false when nothing was there.
bool erase(Value& root, std::string_view pointer);

}  // namespace godwit::json
