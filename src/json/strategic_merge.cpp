// Kubernetes' strategic merge patch, with the directives that kubectl sends.
#include <algorithm>

#include <fmt/format.h>

#include "json/merge_list.hpp"
#include "json/patch.hpp"

namespace godwit::json {

namespace {

constexpr std::string_view patch_directive = "$patch";
constexpr std::string_view retain_directive = "$retainKeys";
constexpr std::string_view order_prefix = "$setElementOrder/";
constexpr std::string_view delete_prefix = "$deleteFromPrimitiveList/";

/// All that a patch says about one field.
struct Change {
  std::string name;
  const Value* value = nullptr;
  const Array* order = nullptr;
  const Array* deletions = nullptr;
};

Failure malformed(std::string what) { return fail(Code::bad_request, std::move(what)); }

Result<const Array*> list_of(std::string_view directive, const Value& value) {
  const auto* list = value.if_array();
  if (list == nullptr) return malformed(fmt::format("{} must be a list", directive));
  return list;
}

/// The patch of an object, sorted by field; nulls and directives are still in it.
Result<std::vector<Change>> changes_of(const Object& patch) {
  std::vector<Change> changes;
  const auto change_of = [&](std::string_view name) -> Change& {
    const auto it = std::ranges::find(changes, name, &Change::name);
    return it != changes.end() ? *it : changes.emplace_back(Change{.name = std::string{name}});
  };
  for (const auto& member : patch) {
    const std::string_view name = member.key();
    if (name == patch_directive || name == retain_directive) continue;
    const bool order = name.starts_with(order_prefix);
    if (!order && !name.starts_with(delete_prefix)) {
      change_of(name).value = &member.value();
      continue;
    }
    const auto list = list_of(name, member.value());
    if (!list) return fail(list.error());
    auto& change = change_of(name.substr(order ? order_prefix.size() : delete_prefix.size()));
    (order ? change.order : change.deletions) = *list;
  }
  return changes;
}

/// An object's "$patch", or "".
Result<std::string> directive_of(const Object& object) {
  const auto* directive = object.if_contains(patch_directive);
  if (directive == nullptr) return std::string{};
  const auto word = string_at(*directive, "");
  if (word != "replace" && word != "delete" && word != "merge") {
    return malformed(fmt::format("unknown $patch {}", write(*directive)));
  }
  return word;
}

Result<> merge_object(Value& target, const Object& patch, const Schema* schema);

/// What the patch makes of nothing.
Result<Value> fresh(const Value& patch, const Schema* schema) {
  const auto* object = patch.if_object();
  if (object == nullptr) return patch;
  Value value(Object{});
  if (auto done = merge_object(value, *object, schema); !done) return fail(done.error());
  return value;
}

Result<> retain(Object& target, const Object& patch) {
  const auto* directive = patch.if_contains(retain_directive);
  if (directive == nullptr) return {};
  const auto keys = list_of(retain_directive, *directive);
  if (!keys) return fail(keys.error());
  const auto retained = [&](std::string_view name) {
    return std::ranges::any_of(**keys, [&](const Value& key) { return key.is_string() && key.get_string() == name; });
  };
  for (const auto& member : patch) {
    if (!member.key().starts_with('$') && !member.value().is_null() && !retained(member.key())) {
      return malformed(fmt::format("{} does not list \"{}\"", retain_directive, std::string_view{member.key()}));
    }
  }
  for (auto it = target.begin(); it != target.end();) {
    it = retained(it->key()) ? it + 1 : target.stable_erase(it);
  }
  return {};
}

// ------------------------------------------------------------------ lists

/// By what a list merges. Where the schema says nothing, the order that the client sent tells what it knows.
MergeBy merge_by(const Schema* schema, const Array* order) {
  if (schema != nullptr && schema->is_atomic()) return {};
  if (schema != nullptr && !schema->merge_key().empty()) return {.merges = true, .key = schema->merge_key()};
  if (schema != nullptr && schema->merges_as_set()) return {.merges = true};
  if (order == nullptr || order->empty()) return {};
  const auto* item = order->front().if_object();
  if (item == nullptr) return {.merges = true};
  return item->size() == 1 ? MergeBy{.merges = true, .key = item->begin()->key()} : MergeBy{};
}

/// Merges the items one by one: `list` becomes the result, in no particular order yet.
Result<> merge_items(Array& list, const Array& patch, const MergeBy& by, const Schema* item_schema) {
  for (const auto& item : patch) {
    const auto* object = item.if_object();
    const auto directive = object != nullptr ? directive_of(*object) : std::string{};
    if (!directive) return fail(directive.error());
    if (*directive == "replace") continue;  // it stands for the list, see replaces()
    if (!by.key.empty() && by.identity(item) == nullptr) {
      return malformed(fmt::format("an item has no merge key \"{}\": {}", by.key, write(item)));
    }
    const auto at = by.find(list, item);
    if (*directive == "delete") {
      drop_if(list, [&](const Value& other) { return by.same(other, item); });
    } else if (at == list.end()) {
      auto value = fresh(item, item_schema);
      if (!value) return fail(value.error());
      list.push_back(std::move(*value));
    } else if (object != nullptr) {
      if (auto done = merge_object(*at, *object, item_schema); !done) return done;
    }
  }
  return {};
}

/// Whether the patch replaces the whole list: one of its items is {"$patch": "replace"}.
bool replaces(const Array& patch) {
  return std::ranges::any_of(patch, [](const Value& item) { return string_at(item, "/$patch") == "replace"; });
}

Result<> merge_list(Object& target, const Change& change, const Schema* schema) {
  const auto* old_value = target.if_contains(change.name);
  const auto* old_list = old_value != nullptr ? old_value->if_array() : nullptr;
  if (old_list == nullptr && change.value == nullptr) return {};
  const Array before = old_list != nullptr ? *old_list : Array{};
  const auto by = merge_by(schema, change.order);
  const auto* item_schema = schema != nullptr ? schema->items() : nullptr;
  const auto* patch = change.value != nullptr ? &change.value->get_array() : nullptr;

  Array merged = before;
  if (patch != nullptr && (!by.merges || replaces(*patch))) {
    merged.clear();
    for (const auto& item : *patch) {
      if (string_at(item, "/$patch") == "replace") continue;
      auto value = fresh(item, item_schema);
      if (!value) return fail(value.error());
      merged.push_back(std::move(*value));
    }
  } else if (patch != nullptr) {
    if (auto done = merge_items(merged, *patch, by, item_schema); !done) return done;
  }
  if (change.deletions != nullptr) {
    drop_if(merged, [&](const Value& item) {
      return std::ranges::any_of(*change.deletions, [&](const Value& gone) { return equal(item, gone); });
    });
  }
  const auto* order = change.order != nullptr ? change.order : patch;
  if (by.merges && order != nullptr) merged = in_order(std::move(merged), *order, before, by);
  target[change.name] = std::move(merged);
  return {};
}

// ---------------------------------------------------------------- objects

/// x-kubernetes-map-type says nothing here: it is for server-side apply.
bool replaced_whole(const Schema* schema) {
  return schema != nullptr && string_at(schema->source(), "/x-kubernetes-patch-strategy").starts_with("replace");
}

Result<> merge_field(Object& target, const Change& change, const Schema* schema) {
  if (change.value == nullptr || change.value->is_array()) return merge_list(target, change, schema);
  if (change.value->is_null()) {
    if (const auto it = target.find(change.name); it != target.end()) target.stable_erase(it);
    return {};
  }
  const auto* object = change.value->if_object();
  if (object == nullptr) {
    target[change.name] = *change.value;
    return {};
  }
  auto& field = target[change.name];
  if (!field.is_object() || replaced_whole(schema)) field.emplace_object();
  return merge_object(field, *object, schema);
}

Result<> merge_object(Value& target, const Object& patch, const Schema* schema) {
  const auto directive = directive_of(patch);
  if (!directive) return fail(directive.error());
  if (*directive == "delete" || *directive == "replace" || !target.is_object()) target.emplace_object();
  if (*directive == "delete") return {};
  if (auto done = retain(target.get_object(), patch); !done) return done;
  const auto changes = changes_of(patch);
  if (!changes) return fail(changes.error());
  for (const auto& change : *changes) {
    const auto* field_schema = schema != nullptr ? schema->member(change.name) : nullptr;
    if (auto done = merge_field(target.get_object(), change, field_schema); !done) {
      return fail(done.error().within(change.name));
    }
  }
  return {};
}

}  // namespace

Result<Value> strategic_merge(Value target, const Value& patch, const Schema& schema) {
  const auto* object = patch.if_object();
  if (object == nullptr) return malformed("a strategic merge patch must be an object");
  if (auto done = merge_object(target, *object, &schema); !done) return fail(done.error());
  return target;
}

}  // namespace godwit::json
