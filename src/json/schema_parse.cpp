#include <array>

#include <fmt/format.h>

#include "json/schema_node.hpp"

namespace godwit::json {

namespace {

// Kubernetes' ObjectMeta: every whole object has it, and no kind's file repeats it.
constexpr std::string_view object_meta = R"({"type": "object", "properties": {
  "name": {"type": "string"}, "generateName": {"type": "string"}, "namespace": {"type": "string"},
  "selfLink": {"type": "string"}, "uid": {"type": "string"}, "resourceVersion": {"type": "string"},
  "generation": {"type": "integer", "format": "int64"},
  "creationTimestamp": {"type": "string", "format": "date-time", "nullable": true},
  "deletionTimestamp": {"type": "string", "format": "date-time"},
  "deletionGracePeriodSeconds": {"type": "integer", "format": "int64"},
  "labels": {"type": "object", "additionalProperties": {"type": "string"}},
  "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
  "ownerReferences": {"type": "array",
    "x-kubernetes-patch-merge-key": "uid", "x-kubernetes-patch-strategy": "merge",
    "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
    "items": {"type": "object", "required": ["apiVersion", "kind", "name", "uid"], "properties": {
      "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "name": {"type": "string"},
      "uid": {"type": "string"}, "controller": {"type": "boolean"}, "blockOwnerDeletion": {"type": "boolean"}}}},
  "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge",
    "items": {"type": "string"}},
  "managedFields": {"type": "array", "x-kubernetes-list-type": "atomic",
    "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}})";

constexpr std::array<std::string_view, 8> understood_elsewhere{
    "description",      "title",       "example", "externalDocs", "exclusiveMinimum",
    "exclusiveMaximum", "uniqueItems", "$schema"};

const std::map<std::string_view, SchemaType>& types() {
  static const std::map<std::string_view, SchemaType> table{
      {"object", SchemaType::object},   {"array", SchemaType::array},   {"string", SchemaType::string},
      {"integer", SchemaType::integer}, {"number", SchemaType::number}, {"boolean", SchemaType::boolean}};
  return table;
}

}  // namespace

/// Reads one schema; `where` is its path, for errors.
class SchemaParser {
 public:
  using Node = Schema::Node;
  SchemaParser(Node::Document document, const Value& source, std::string where)
      : source_{source}, where_{std::move(where)} {
    node_->document = std::move(document);
    node_->source = &source;
  }

  Result<std::shared_ptr<Node>> run() {
    const auto* members = source_.if_object();
    if (members == nullptr) return wrong("", "must be an object");
    for (const auto& [name, value] : *members) {
      if (auto done = keyword(name, value); !done) return fail(done.error());
    }
    if (where_.empty()) node_->embedded = true;
    if (node_->embedded) {
      if (auto done = add_object_fields(); !done) return fail(done.error());
    }
    return node_;
  }

 private:
  [[nodiscard]] Failure wrong(std::string_view name, std::string_view what) const {
    return fail(Code::invalid, fmt::format("schema of {}: {}{}{}", where_.empty() ? "the object" : where_, name,
                                           name.empty() ? "" : ": ", what));
  }

  Result<> keyword(std::string_view name, const Value& value) {
    if (name.starts_with("x-")) return extension(name, value);
    if (name == "type") return type(value);
    if (name == "properties") return properties(value);
    if (name == "additionalProperties") return additional(value);
    if (name == "items") return sub_schema(value, where_ + "[]", node_->items);
    if (name == "required") return strings(name, value, node_->required);
    if (name == "enum") return allowed(value);
    if (name == "default") return node_->default_value = value, Result<>{};
    if (name == "nullable") return flag(name, value, node_->nullable);
    if (name == "format") return text(name, value, node_->format);
    if (name == "pattern") return pattern(value);
    if (name == "minimum") return bound(name, value, "exclusiveMinimum", node_->minimum);
    if (name == "maximum") return bound(name, value, "exclusiveMaximum", node_->maximum);
    if (name == "multipleOf") return multiple(value);
    if (name == "minLength") return size(name, value, node_->length.min);
    if (name == "maxLength") return size(name, value, node_->length.max);
    if (name == "minItems") return size(name, value, node_->item_count.min);
    if (name == "maxItems") return size(name, value, node_->item_count.max);
    if (name == "minProperties") return size(name, value, node_->property_count.min);
    if (name == "maxProperties") return size(name, value, node_->property_count.max);
    if (std::ranges::find(understood_elsewhere, name) != understood_elsewhere.end()) return {};
    // The usual spelling of an int-or-string beside the extension that says the same.
    if ((name == "anyOf" || name == "allOf") && bool_at(source_, "/x-kubernetes-int-or-string")) return {};
    return wrong(name, "not understood");
  }

  Result<> extension(std::string_view name, const Value& value) {
    if (name == "x-kubernetes-int-or-string") return flag(name, value, node_->int_or_string);
    if (name == "x-kubernetes-preserve-unknown-fields") return flag(name, value, node_->preserve_unknown);
    if (name == "x-kubernetes-embedded-resource") return flag(name, value, node_->embedded);
    if (name == "x-kubernetes-list-type") return text(name, value, node_->list_type);
    if (name == "x-kubernetes-map-type") return text(name, value, node_->map_type);
    if (name == "x-kubernetes-list-map-keys") return strings(name, value, node_->list_map_keys);
    if (name == "x-kubernetes-patch-strategy") return text(name, value, node_->patch_strategy);
    if (name == "x-kubernetes-patch-merge-key") return text(name, value, node_->patch_merge_key);
    return {};  // other extensions are other people's
  }

  Result<> type(const Value& value) {
    const auto* word = value.if_string();
    const auto it = word != nullptr ? types().find(*word) : types().end();
    if (it == types().end()) return wrong("type", "must be object, array, string, integer, number or boolean");
    node_->type = it->second;
    return {};
  }

  Result<> properties(const Value& value) {
    const auto* members = value.if_object();
    if (members == nullptr) return wrong("properties", "must be an object");
    for (const auto& [name, schema] : *members) {
      auto parsed = Node::parse(node_->document, schema, child_path(where_, name));
      if (!parsed) return fail(parsed.error());
      node_->properties.emplace(std::string{name}, *parsed);
    }
    return {};
  }

  Result<> additional(const Value& value) {
    if (const auto* truth = value.if_bool()) return node_->additional_anything = *truth, Result<>{};
    return sub_schema(value, where_ + "{}", node_->additional);
  }

  Result<> sub_schema(const Value& value, const std::string& where, std::optional<Schema>& into) {
    auto parsed = Node::parse(node_->document, value, where);
    if (!parsed) return fail(parsed.error());
    into = *parsed;
    return {};
  }

  Result<> allowed(const Value& value) {
    const auto* list = value.if_array();
    if (list == nullptr || list->empty()) return wrong("enum", "must be a list that is not empty");
    node_->allowed.assign(list->begin(), list->end());
    return {};
  }

  Result<> pattern(const Value& value) {
    if (auto done = text("pattern", value, node_->pattern); !done) return done;
    try {
      node_->regex.emplace(node_->pattern, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      return wrong("pattern", error.what());
    }
    return {};
  }

  Result<> bound(std::string_view name, const Value& value, std::string_view exclusive, std::optional<Bound>& into) {
    if (!value.is_number()) return wrong(name, "must be a number");
    into = Bound{.value = value.to_number<double>(), .exclusive = bool_at(source_, fmt::format("/{}", exclusive))};
    return {};
  }

  Result<> multiple(const Value& value) {
    if (!value.is_number() || value.to_number<double>() <= 0) return wrong("multipleOf", "must be above zero");
    node_->multiple_of = value.to_number<double>();
    return {};
  }

  Result<> size(std::string_view name, const Value& value, std::optional<std::int64_t>& into) {
    into = int_at(value, "", -1);
    return *into < 0 ? Result<>{wrong(name, "must be a whole number, not negative")} : Result<>{};
  }

  Result<> text(std::string_view name, const Value& value, std::string& into) {
    if (!value.is_string()) return wrong(name, "must be a string");
    into = value.get_string();
    return {};
  }

  Result<> flag(std::string_view name, const Value& value, bool& into) {
    if (!value.is_bool()) return wrong(name, "must be true or false");
    into = value.get_bool();
    return {};
  }

  Result<> strings(std::string_view name, const Value& value, std::vector<std::string>& into) {
    const auto* list = value.if_array();
    if (list == nullptr) return wrong(name, "must be a list of strings");
    for (const auto& item : *list) {
      if (!item.is_string()) return wrong(name, "must be a list of strings");
      into.emplace_back(item.get_string());
    }
    return {};
  }

  /// apiVersion, kind and metadata; a kind that types metadata itself keeps its own.
  Result<> add_object_fields() {
    static constexpr std::string_view word = R"({"type": "string"})";
    for (const auto& [name, text] : {std::pair{"apiVersion", word}, {"kind", word}, {"metadata", object_meta}}) {
      const auto it = node_->properties.find(name);
      if (it != node_->properties.end() &&
          (it->first != "metadata" || !it->second.node_->properties.empty() || it->second.node_->preserve_unknown))
        continue;
      auto value = json::parse(text);
      if (!value) return fail(value.error());
      const auto document = std::make_shared<const Value>(std::move(*value));
      auto parsed = Node::parse(document, *document, child_path(where_, name));
      if (!parsed) return fail(parsed.error());
      node_->properties.insert_or_assign(name, *parsed);
    }
    return {};
  }

  const Value& source_;
  std::string where_;
  std::shared_ptr<Node> node_ = std::make_shared<Node>();
};

Result<Schema> Schema::Node::parse(const Document& document, const Value& source, const std::string& where) {
  auto node = SchemaParser{document, source, where}.run();
  if (!node) return fail(node.error());
  return Schema{std::shared_ptr<const Node>{std::move(*node)}};
}

}  // namespace godwit::json
