#include "json/value.hpp"

#include <algorithm>

#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/parser.hpp>

#include <fmt/format.h>

namespace godwit::json {

namespace {

constexpr std::size_t max_depth = 256;

const Object& empty_object() {
  static const Object empty;
  return empty;
}

const Array& empty_array() {
  static const Array empty;
  return empty;
}

}  // namespace

Result<Value> parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::parser parser{{}, options};
  boost::system::error_code error;
  const auto consumed = parser.write_some(text.data(), text.size(), error);
  if (error == boost::json::error::incomplete) {
    return fail(Code::bad_request, fmt::format("invalid JSON at offset {}: unexpected end of input", text.size()));
  }
  if (error) return fail(Code::bad_request, fmt::format("invalid JSON at offset {}: {}", consumed, error.message()));
  if (consumed != text.size()) {
    return fail(Code::bad_request, fmt::format("invalid JSON at offset {}: text after the end of the value", consumed));
  }
  return parser.release();
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_double() == b.is_double()) return a == b;
    const auto& whole = a.is_double() ? b : a;
    const auto& real = a.is_double() ? a : b;
    return whole.to_number<double>() == real.get_double();
  }
  if (a.kind() != b.kind()) return false;
  if (const auto* array = a.if_array()) {
    return std::ranges::equal(*array, b.get_array(), equal);
  }
  if (const auto* object = a.if_object()) {
    const auto& other = b.get_object();
    return object->size() == other.size() && std::ranges::all_of(*object, [&](const auto& member) {
             const auto* at = other.if_contains(member.key());
             return at != nullptr && equal(member.value(), *at);
           });
  }
  return a == b;
}

std::string string_at(const Value& root, std::string_view pointer, std::string_view fallback) {
  const auto* at = find(root, pointer);
  const auto* text = at != nullptr ? at->if_string() : nullptr;
  return text != nullptr ? std::string{*text} : std::string{fallback};
}

std::int64_t int_at(const Value& root, std::string_view pointer, std::int64_t fallback) {
  const auto* at = find(root, pointer);
  if (at == nullptr || !at->is_number()) return fallback;
  boost::system::error_code error;
  const auto number = at->to_number<std::int64_t>(error);  // also takes whole doubles
  return error ? fallback : number;
}

bool bool_at(const Value& root, std::string_view pointer, bool fallback) {
  const auto* at = find(root, pointer);
  const auto* truth = at != nullptr ? at->if_bool() : nullptr;
  return truth != nullptr ? *truth : fallback;
}

const Object& object_at(const Value& root, std::string_view pointer) {
  const auto* at = find(root, pointer);
  const auto* object = at != nullptr ? at->if_object() : nullptr;
  return object != nullptr ? *object : empty_object();
}

const Array& array_at(const Value& root, std::string_view pointer) {
  const auto* at = find(root, pointer);
  const auto* array = at != nullptr ? at->if_array() : nullptr;
  return array != nullptr ? *array : empty_array();
}

}  // namespace godwit::json
