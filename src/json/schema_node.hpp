// The inside of Schema; for this folder's own use.
#pragma once

#include <map>
#include <optional>
#include <regex>

#include "json/schema.hpp"

namespace godwit::json {

enum class SchemaType : unsigned char { any, object, array, string, integer, number, boolean };

/// A bound of a number, and whether the number itself is out.
struct Bound {
  double value = 0;
  bool exclusive = false;
};

/// Inclusive sizes of a string (code points), list or object.
struct Sizes {
  std::optional<std::int64_t> min, max;
};

struct Schema::Node {
  using Document = std::shared_ptr<const Value>;

  Document document;              ///< the whole text, which `source` points into
  const Value* source = nullptr;  ///< this schema within it
  SchemaType type = SchemaType::any;
  bool nullable = false;
  bool int_or_string = false;
  bool preserve_unknown = false;
  bool embedded = false;  ///< a whole object: apiVersion, kind and metadata are known
  std::map<std::string, Schema, std::less<>> properties;
  std::optional<Schema> additional;
  bool additional_anything = false;  ///< additionalProperties: true
  std::optional<Schema> items;
  std::vector<std::string> required;
  std::vector<Value> allowed;
  std::optional<Value> default_value;
  std::string format;
  std::string pattern;
  std::optional<std::regex> regex;
  std::optional<Bound> minimum, maximum;
  std::optional<double> multiple_of;
  Sizes length, item_count, property_count;
  std::string list_type, map_type, patch_strategy, patch_merge_key;
  std::vector<std::string> list_map_keys;

  /// `where` is the path of the schema for errors; the root is an embedded resource in any case.
  [[nodiscard]] static Result<Schema> parse(const Document& document, const Value& source, const std::string& where);

  /// Whether an object of this schema may have members that it doesn't name, of any content.
  [[nodiscard]] bool takes_unknown() const;
  [[nodiscard]] const Schema* member(std::string_view name) const;

  void validate(const Value& value, const std::string& path, std::vector<FieldError>& errors) const;
  void unknown(const Value& value, const std::string& path, std::vector<std::string>& paths) const;
  void prune(Value& value) const;
  void apply_defaults(Value& value) const;

 private:
  void validate_string(const Value& value, const std::string& path, std::vector<FieldError>& errors) const;
  void validate_number(const Value& value, const std::string& path, std::vector<FieldError>& errors) const;
  void validate_list(const Value& value, const std::string& path, std::vector<FieldError>& errors) const;
  void validate_unique(const Array& list, const std::string& path, std::vector<FieldError>& errors) const;
  void validate_object(const Value& value, const std::string& path, std::vector<FieldError>& errors) const;
  friend class SchemaParser;
};

/// Whether the text has the format ("date-time", "ipv4", …); true for formats that are not checked.
[[nodiscard]] bool has_format(std::string_view text, std::string_view format);

/// "spec" + "disks" → "spec.disks".
[[nodiscard]] inline std::string child_path(const std::string& path, std::string_view name) {
  return path.empty() ? std::string{name} : path + "." + std::string{name};
}

[[nodiscard]] inline std::string item_path(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

}  // namespace godwit::json
