// Which fields there are, and what they are when nobody says: unknown fields, pruning, defaults.
#include "json/schema_node.hpp"

namespace godwit::json {

bool Schema::Node::takes_unknown() const {
  if (preserve_unknown || additional_anything) return true;
  return type == SchemaType::any && properties.empty() && !additional && !items;
}

const Schema* Schema::Node::member(std::string_view name) const {
  const auto it = properties.find(name);
  if (it != properties.end()) return &it->second;
  return additional ? &*additional : nullptr;
}

void Schema::Node::unknown(const Value& value, const std::string& path, std::vector<std::string>& paths) const {
  if (const auto* object = value.if_object()) {
    for (const auto& [name, content] : *object) {
      if (const auto* schema = member(name)) {
        schema->node_->unknown(content, child_path(path, name), paths);
      } else if (!takes_unknown()) {
        paths.push_back(child_path(path, name));
      }
    }
  } else if (const auto* list = value.if_array(); list != nullptr && items) {
    for (std::size_t i = 0; i < list->size(); ++i) items->node_->unknown((*list)[i], item_path(path, i), paths);
  }
}

void Schema::Node::prune(Value& value) const {
  if (auto* object = value.if_object()) {
    for (auto it = object->begin(); it != object->end();) {
      if (const auto* schema = member(it->key())) {
        schema->node_->prune(it->value());
      } else if (!takes_unknown()) {
        it = object->stable_erase(it);
        continue;
      }
      ++it;
    }
  } else if (auto* list = value.if_array(); list != nullptr && items) {
    for (auto& item : *list) items->node_->prune(item);
  }
}

void Schema::Node::apply_defaults(Value& value) const {
  if (auto* object = value.if_object()) {
    // A null where none is allowed means "not given", as for Go's decoder.
    for (auto it = object->begin(); it != object->end();) {
      const auto* schema = it->value().is_null() ? member(it->key()) : nullptr;
      it = schema != nullptr && !schema->node_->nullable ? object->stable_erase(it) : it + 1;
    }
    for (const auto& [name, schema] : properties) {
      if (schema.node_->default_value && !object->contains(name)) (*object)[name] = *schema.node_->default_value;
    }
    for (auto& member_value : *object) {
      if (const auto* schema = member(member_value.key())) schema->node_->apply_defaults(member_value.value());
    }
  } else if (auto* list = value.if_array(); list != nullptr && items) {
    for (auto& item : *list) items->node_->apply_defaults(item);
  }
}

}  // namespace godwit::json
