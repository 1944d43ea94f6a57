#include "apiserver/garbage_collector.hpp"

#include "apiserver/metadata.hpp"

namespace godwit::apiserver {

GarbageCollector::GarbageCollector(Objects& objects) : objects_{objects} {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

const Kind* GarbageCollector::kind_of_key(const std::string& key) const {
  for (const Kind& kind : objects_.kinds().all()) {
    if (!kind.view && key.starts_with(kind.prefix())) return &kind;
  }
  return nullptr;
}

bool GarbageCollector::has_living_owner(const json::Value& object) const {
  const std::string ns = json::string_at(object, "/metadata/namespace");
  for (const json::Value& reference : json::array_at(object, "/metadata/ownerReferences")) {
    const Kind* kind =
        objects_.kinds().find_kind(json::string_at(reference, "/apiVersion"), json::string_at(reference, "/kind"));
    if (kind == nullptr) return true;  // not ours to judge
    const auto owner = objects_.get(*kind, ns, json::string_at(reference, "/name"));
    if (owner && json::string_at(*owner, "/metadata/uid") == json::string_at(reference, "/uid")) return true;
  }
  return false;
}

void GarbageCollector::remove(const Kind& kind, const json::Value& object, const std::string& policy) {
  const std::string ns = json::string_at(object, "/metadata/namespace");
  const std::string name = json::string_at(object, "/metadata/name");
  if (is_being_deleted(object)) return;
  const auto removed = objects_.remove(kind, ns, name,
                                       {.uid = json::string_at(object, "/metadata/uid"),
                                        .resource_version = {},
                                        .grace_period_seconds = {},
                                        .propagation_policy = policy},
                                       user_);
  if (!removed && removed.error().code != Code::not_found) {
    log_.warning("cannot remove {} {}/{}: {}", kind.qualified(), ns, name, removed.error().message);
  }
}

void GarbageCollector::check_owners(const json::Value& object, const Kind& kind) {
  if (json::array_at(object, "/metadata/ownerReferences").empty() || has_living_owner(object)) return;
  remove(kind, object);
}

void GarbageCollector::on_removed(const std::string& uid) {
  for (const store::Record& record : objects_.store().list("/").records) {
    if (record.value->find(uid) == std::string::npos) continue;
    const Kind* kind = kind_of_key(record.key);
    const auto object = json::parse(*record.value);
    if (kind != nullptr && object) check_owners(*object, *kind);
  }
}

void GarbageCollector::empty_namespace(const std::string& name) {
  for (const Kind& kind : objects_.kinds().all()) {
    if (!kind.namespaced || kind.view) continue;
    for (const store::Record& record : objects_.store().list(kind.prefix(name)).records) {
      if (const auto object = json::parse(*record.value)) remove(kind, *object);
    }
  }
  if (const auto done = objects_.finish_namespace(name); !done) {
    log_.warning("cannot remove the namespace {}: {}", name, done.error().message);
  }
}

void GarbageCollector::sweep_all() {
  for (const store::Record& record : objects_.store().list("/").records) {
    const Kind* kind = kind_of_key(record.key);
    const auto object = json::parse(*record.value);
    if (kind == nullptr || !object) continue;
    check_owners(*object, *kind);
    serve_policy(*kind, *object);
    if (kind->built_in && kind->plural == "namespaces" && is_being_deleted(*object)) {
      empty_namespace(json::string_at(*object, "/metadata/name"));
    }
  }
}

void GarbageCollector::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto watcher = objects_.store().watch("/", objects_.store().revision());
    sweep_all();
    while (watcher && !stop.stop_requested()) {
      const auto changes = (*watcher)->next(std::chrono::seconds{30}, stop);
      if (!changes) break;
      for (const store::Change& change : *changes) {
        const auto object = json::parse(*change.record.value);
        const Kind* kind = kind_of_key(change.record.key);
        if (!object || kind == nullptr) continue;
        if (change.type == store::Change::Type::removed) {
          on_removed(json::string_at(*object, "/metadata/uid"));
          serve_owners(*object);
          const std::string ns = json::string_at(*object, "/metadata/namespace");
          const auto home = ns.empty() ? std::nullopt : objects_.lookup().get("", "namespaces", "", ns);
          if (home && is_being_deleted(*home)) empty_namespace(ns);
        } else if (change.type == store::Change::Type::created) {
          check_owners(*object, *kind);
        } else {
          serve_policy(*kind, *object);
        }
        if (kind->built_in && kind->plural == "namespaces" && is_being_deleted(*object)) {
          empty_namespace(json::string_at(*object, "/metadata/name"));
        }
      }
    }
  }
}

}  // namespace godwit::apiserver
