#include "json/schema.hpp"

#include "json/schema_node.hpp"

namespace godwit::json {

Result<Schema> Schema::parse(const Value& open_api_v3_schema) {
  const auto document = std::make_shared<const Value>(open_api_v3_schema);
  return Node::parse(document, *document, "");
}

std::vector<FieldError> Schema::validate(const Value& value) const {
  std::vector<FieldError> errors;
  node_->validate(value, "", errors);
  return errors;
}

std::vector<std::string> Schema::unknown_fields(const Value& value) const {
  std::vector<std::string> paths;
  node_->unknown(value, "", paths);
  return paths;
}

void Schema::prune(Value& value) const { node_->prune(value); }

void Schema::apply_defaults(Value& value) const { node_->apply_defaults(value); }

const Value& Schema::source() const { return *node_->source; }

const Schema* Schema::member(std::string_view name) const { return node_->member(name); }

const Schema* Schema::items() const { return node_->items ? &*node_->items : nullptr; }

std::string Schema::merge_key() const {
  if (is_atomic()) return {};
  if (!node_->patch_merge_key.empty()) return node_->patch_merge_key;
  return node_->list_type == "map" && !node_->list_map_keys.empty() ? node_->list_map_keys.front() : std::string{};
}

bool Schema::merges_as_set() const {
  if (is_atomic() || !node_->patch_merge_key.empty()) return false;
  return node_->list_type == "set" || node_->patch_strategy.find("merge") != std::string::npos;
}

bool Schema::is_atomic() const {
  if (!node_->patch_strategy.empty()) return node_->patch_strategy.find("replace") != std::string::npos;
  return node_->list_type == "atomic" || node_->map_type == "atomic";
}

}  // namespace godwit::json
