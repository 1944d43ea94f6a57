// Deleting by policy: an owner that waits lets its dependents go, or goes after them.
#include <fmt/format.h>

#include "apiserver/garbage_collector.hpp"
#include "apiserver/metadata.hpp"

namespace godwit::apiserver {
namespace {

/// What `change` makes of an object's list at `pointer`, without the entries that `unwanted` names; the object is left
/// alone when it is another of its name, or has none of them.
template <class Unwanted>
Result<json::Value> without(const json::Value& current, const std::string& uid, std::string_view pointer,
                            const Unwanted& unwanted) {
  if (json::string_at(current, "/metadata/uid") != uid) return current;
  json::Array rest;
  for (const json::Value& entry : json::array_at(current, pointer)) {
    if (!unwanted(entry)) rest.push_back(entry);
  }
  json::Value after = current;
  if (rest.empty())
    json::erase(after, pointer);
  else
    json::set(after, pointer, std::move(rest));
  return after;
}

}  // namespace

void GarbageCollector::each_dependent(const std::string& uid, const Visit& visit) const {
  for (const store::Record& record : objects_.store().list("/").records) {
    if (record.value->find(uid) == std::string::npos) continue;
    const Kind* kind = kind_of_key(record.key);
    const auto object = json::parse(*record.value);
    if (kind == nullptr || !object) continue;
    for (const json::Value& reference : json::array_at(*object, "/metadata/ownerReferences")) {
      if (json::string_at(reference, "/uid") == uid) visit(*kind, *object, reference);
    }
  }
}

/// True when it was done, or there was nothing to do.
bool GarbageCollector::edit(const Kind& kind, const json::Value& object, const Objects::Change& change) {
  const std::string ns = json::string_at(object, "/metadata/namespace");
  const std::string name = json::string_at(object, "/metadata/name");
  const auto changed = objects_.change(kind, ns, name, {}, {.user = user_, .fields = FieldValidation::ignore}, change);
  if (changed || changed.error().code == Code::not_found) return true;
  log_.warning("cannot change {} {}/{}: {}", kind.qualified(), ns, name, changed.error().message);
  return false;
}

void GarbageCollector::let_go(const Kind& kind, const json::Value& owner, std::string_view finalizer) {
  const std::string uid = json::string_at(owner, "/metadata/uid");
  (void)edit(kind, owner, [&](const json::Value& current) {
    return without(current, uid, "/metadata/finalizers",
                   [&](const json::Value& entry) { return entry.is_string() && entry.as_string() == finalizer; });
  });
}

void GarbageCollector::serve_policy(const Kind& kind, const json::Value& owner) {
  if (!is_being_deleted(owner)) return;
  const std::string uid = json::string_at(owner, "/metadata/uid");
  if (has_finalizer(owner, orphan_finalizer)) {
    bool all = true;
    each_dependent(uid, [&](const Kind& kind_of_it, const json::Value& dependent, const json::Value&) {
      const std::string its_uid = json::string_at(dependent, "/metadata/uid");
      all &= edit(kind_of_it, dependent, [&](const json::Value& current) {
        return without(current, its_uid, "/metadata/ownerReferences",
                       [&](const json::Value& entry) { return json::string_at(entry, "/uid") == uid; });
      });
    });
    if (all) let_go(kind, owner, orphan_finalizer);
  }
  if (has_finalizer(owner, foreground_finalizer)) {
    bool blocked = false;
    each_dependent(uid, [&](const Kind& kind_of_it, const json::Value& dependent, const json::Value& reference) {
      if (!json::bool_at(reference, "/blockOwnerDeletion")) return;
      blocked = true;
      remove(kind_of_it, dependent, "Foreground");
    });
    if (!blocked) let_go(kind, owner, foreground_finalizer);
  }
}

/// Owners may have waited for one that is gone.
void GarbageCollector::serve_owners(const json::Value& gone) {
  const std::string ns = json::string_at(gone, "/metadata/namespace");
  for (const json::Value& reference : json::array_at(gone, "/metadata/ownerReferences")) {
    const Kind* kind =
        objects_.kinds().find_kind(json::string_at(reference, "/apiVersion"), json::string_at(reference, "/kind"));
    if (kind == nullptr) continue;
    const auto owner = objects_.get(*kind, kind->namespaced ? ns : std::string{}, json::string_at(reference, "/name"));
    if (owner && json::string_at(*owner, "/metadata/uid") == json::string_at(reference, "/uid"))
      serve_policy(*kind, *owner);
  }
}

}  // namespace godwit::apiserver
