#include "json/patch.hpp"

namespace godwit::json {

namespace {

void merge_into(Value& target, const Value& patch) {
  const auto* changes = patch.if_object();
  if (changes == nullptr) {
    target = patch;
    return;
  }
  if (!target.is_object()) target.emplace_object();
  auto& object = target.get_object();
  for (const auto& [name, change] : *changes) {
    if (change.is_null()) {
      if (const auto it = object.find(name); it != object.end()) object.stable_erase(it);
    } else {
      merge_into(object[name], change);
    }
  }
}

void diff_into(const Value& before, const Value& after, const std::string& path, Array& operations) {
  if (equal(before, after)) return;
  const auto* old_members = before.if_object();
  const auto* new_members = after.if_object();
  if (old_members == nullptr || new_members == nullptr) {
    operations.push_back({{"op", "replace"}, {"path", path}, {"value", after}});
    return;
  }
  for (const auto& member : *old_members) {
    if (!new_members->contains(member.key())) {
      operations.push_back({{"op", "remove"}, {"path", path + "/" + escape(member.key())}});
    }
  }
  for (const auto& [name, value] : *new_members) {
    const auto where = path + "/" + escape(name);
    if (const auto* old_value = old_members->if_contains(name)) {
      diff_into(*old_value, value, where, operations);
    } else {
      operations.push_back({{"op", "add"}, {"path", where}, {"value", value}});
    }
  }
}

}  // namespace

Value merge_patch(Value target, const Value& patch) {
  merge_into(target, patch);
  return target;
}

Value diff(const Value& before, const Value& after) {
  Array operations;
  diff_into(before, after, "", operations);
  return operations;
}

}  // namespace godwit::json
