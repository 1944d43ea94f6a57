// What is wrong with a value, in kube-apiserver's words.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "json/schema_node.hpp"

namespace godwit::json {

namespace {

// Beyond this a pattern isn't tried: std::regex recurses once per character.
constexpr std::size_t longest_matched = 8192;

std::string_view type_name(SchemaType type) {
  switch (type) {
    case SchemaType::any: return "any";
    case SchemaType::object: return "object";
    case SchemaType::array: return "array";
    case SchemaType::string: return "string";
    case SchemaType::integer: return "integer";
    case SchemaType::number: return "number";
    case SchemaType::boolean: return "boolean";
  }
  return "any";
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64: return "integer";
    case boost::json::kind::double_: return "number";
    case boost::json::kind::string: return "string";
    case boost::json::kind::array: return "array";
    case boost::json::kind::object: return "object";
  }
  return "null";
}

bool is_whole(const Value& value) {
  return value.is_int64() || value.is_uint64() ||
         (value.is_double() && std::trunc(value.get_double()) == value.get_double());
}

bool has_type(const Value& value, SchemaType type) {
  switch (type) {
    case SchemaType::any: return true;
    case SchemaType::object: return value.is_object();
    case SchemaType::array: return value.is_array();
    case SchemaType::string: return value.is_string();
    case SchemaType::integer: return is_whole(value);
    case SchemaType::number: return value.is_number();
    case SchemaType::boolean: return value.is_bool();
  }
  return false;
}

FieldError invalid(const std::string& path, const Value& value, std::string_view detail) {
  return {"FieldValueInvalid", fmt::format("Invalid value: {}: {} in body {}", write(value), path, detail), path};
}

FieldError wrong_type(const std::string& path, std::string_view wanted, std::string_view found) {
  const auto quoted = write(Value(found));
  return {"FieldValueTypeInvalid",
          fmt::format("Invalid value: {}: {} in body must be of type {}: {}", quoted, path, wanted, quoted), path};
}

FieldError too_many(const std::string& path, std::size_t count, std::int64_t max) {
  return {"FieldValueTooMany", fmt::format("Too many: {}: must have at most {} items", count, max), path};
}

FieldError unsupported(const std::string& path, const Value& value, const std::vector<Value>& allowed) {
  std::vector<std::string> words;
  for (const auto& word : allowed) words.push_back(word.is_string() ? write(word) : write(Value(write(word))));
  return {"FieldValueNotSupported",
          fmt::format("Unsupported value: {}: supported values: {}", write(value), fmt::join(words, ", ")), path};
}

std::int64_t code_points(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

void Schema::Node::validate(const Value& value, const std::string& path, std::vector<FieldError>& errors) const {
  if (value.is_null() && nullable) return;
  if (int_or_string) {
    if (!is_whole(value) && !value.is_string()) {
      errors.push_back(wrong_type(path, "integer,string", type_name(value)));
      return;
    }
  } else if (!has_type(value, type)) {
    errors.push_back(wrong_type(path, type_name(type), type_name(value)));
    return;
  }
  const auto is_value = [&](const Value& word) { return equal(word, value); };
  if (!allowed.empty() && std::ranges::none_of(allowed, is_value)) errors.push_back(unsupported(path, value, allowed));
  if (value.is_string()) validate_string(value, path, errors);
  if (value.is_number()) validate_number(value, path, errors);
  if (value.is_array()) validate_list(value, path, errors);
  if (value.is_object()) validate_object(value, path, errors);
}

void Schema::Node::validate_string(const Value& value, const std::string& path, std::vector<FieldError>& errors) const {
  const std::string_view text = value.get_string();
  if (length.max && code_points(text) > *length.max) {
    errors.push_back({"FieldValueTooLong", fmt::format("Too long: may not be more than {} bytes", *length.max), path});
  }
  if (length.min && code_points(text) < *length.min) {
    errors.push_back(invalid(path, value, fmt::format("should be at least {} chars long", *length.min)));
  }
  if (regex && (text.size() > longest_matched || !std::regex_search(text.begin(), text.end(), *regex))) {
    errors.push_back(invalid(path, value, fmt::format("should match '{}'", pattern)));
  }
  if (!format.empty() && !has_format(text, format)) errors.push_back(wrong_type(path, format, text));
}

void Schema::Node::validate_number(const Value& value, const std::string& path, std::vector<FieldError>& errors) const {
  const double number = value.to_number<double>();
  if (minimum && (minimum->exclusive ? number <= minimum->value : number < minimum->value)) {
    errors.push_back(invalid(path, value,
                             fmt::format("should be greater than {}{}", minimum->exclusive ? "" : "or equal to ",
                                         write(Value(minimum->value)))));
  }
  if (maximum && (maximum->exclusive ? number >= maximum->value : number > maximum->value)) {
    errors.push_back(invalid(path, value,
                             fmt::format("should be less than {}{}", maximum->exclusive ? "" : "or equal to ",
                                         write(Value(maximum->value)))));
  }
  if (multiple_of && std::fmod(number, *multiple_of) != 0) {
    errors.push_back(invalid(path, value, fmt::format("should be a multiple of {}", write(Value(*multiple_of)))));
  }
  if (type == SchemaType::integer) {
    const double limit = format == "int32" ? 0x1p31 : 0x1p63;
    if (number < -limit || number >= limit) {
      errors.push_back(invalid(
          path, value, fmt::format("must be of type integer with format {}", format == "int32" ? "int32" : "int64")));
    }
  }
}

void Schema::Node::validate_list(const Value& value, const std::string& path, std::vector<FieldError>& errors) const {
  const auto& list = value.get_array();
  const auto count = static_cast<std::int64_t>(list.size());
  if (item_count.max && count > *item_count.max) errors.push_back(too_many(path, list.size(), *item_count.max));
  if (item_count.min && count < *item_count.min) {
    errors.push_back(invalid(path, value, fmt::format("should have at least {} items", *item_count.min)));
  }
  if (items) {
    for (std::size_t i = 0; i < list.size(); ++i) items->node_->validate(list[i], item_path(path, i), errors);
  }
  if (list_type == "set" || list_type == "map") validate_unique(list, path, errors);
}

void Schema::Node::validate_unique(const Array& list, const std::string& path, std::vector<FieldError>& errors) const {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Value identity(list[i]);
    if (list_type == "map") {
      const auto* object = list[i].if_object();
      if (object == nullptr) continue;
      Object keys;
      for (const auto& name : list_map_keys) {
        if (const auto* key = object->if_contains(name)) keys[name] = *key;
      }
      identity = keys;
    }
    if (!seen.insert(write(identity)).second) {
      errors.push_back(
          {"FieldValueDuplicate", fmt::format("Duplicate value: {}", write(identity)), item_path(path, i)});
    }
  }
}

void Schema::Node::validate_object(const Value& value, const std::string& path, std::vector<FieldError>& errors) const {
  const auto& object = value.get_object();
  const auto count = static_cast<std::int64_t>(object.size());
  if (property_count.max && count > *property_count.max) {
    errors.push_back(too_many(path, object.size(), *property_count.max));
  }
  if (property_count.min && count < *property_count.min) {
    errors.push_back(invalid(path, value, fmt::format("should have at least {} properties", *property_count.min)));
  }
  for (const auto& name : required) {
    if (!object.contains(name)) {
      errors.push_back({"FieldValueRequired", "Required value", child_path(path, name)});
    }
  }
  for (const auto& [name, content] : object) {
    if (const auto* schema = member(name)) schema->node_->validate(content, child_path(path, name), errors);
  }
}

}  // namespace godwit::json
