#include "apiserver/objects.hpp"

#include <fmt/format.h>

#include "apiserver/metadata.hpp"
#include "apiserver/status.hpp"
#include "base/base64.hpp"
#include "json/patch.hpp"

namespace godwit::apiserver {
namespace {

json::Value parsed(const Kind& kind, const store::Record& record) {
  return kind.as_served(json::parse(*record.value).value_or(json::Value(nullptr)));
}

std::string text_of(const Kind& kind, const json::Value& object) { return json::write(kind.as_stored(object)); }

Lookup make_lookup(const store::Store& store, const Kinds& kinds) {
  const auto kind_of = [&kinds](std::string_view group, std::string_view plural) -> const Kind* {
    for (const Kind& kind : kinds.all()) {
      if (kind.group == group && kind.plural == plural) return &kind;
    }
    return nullptr;
  };
  return {
      .get = [&store, kind_of](std::string_view group, std::string_view plural, const std::string& ns,
                               const std::string& name) -> std::optional<json::Value> {
        const Kind* kind = kind_of(group, plural);
        if (kind == nullptr) return std::nullopt;
        const auto record = store.get(kind->key(ns, name));
        if (!record) return std::nullopt;
        return parsed(*kind, *record);
      },
      .list =
          [&store, kind_of](std::string_view group, std::string_view plural, const std::string& ns) {
            std::vector<json::Value> objects;
            if (const Kind* kind = kind_of(group, plural)) {
              for (const store::Record& record : store.list(kind->prefix(ns)).records)
                objects.push_back(parsed(*kind, record));
            }
            return objects;
          },
  };
}

/// `strict decoding error: unknown field "spec.foo", unknown field "spec.bar"`.
std::string unknown_fields_text(const std::vector<std::string>& fields) {
  std::string text = "strict decoding error: ";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    text += fmt::format("{}unknown field \"{}\"", i == 0 ? "" : ", ", fields[i]);
  }
  return text;
}

/// Secrets: what was written as text joins the rest as base64.
void fold_string_data(json::Value& secret) {
  const json::Object written = json::object_at(secret, "/stringData");
  for (const auto& [name, value] : written) {
    if (value.is_string())
      json::set(secret, "/data/" + json::escape(name), base64_encode(std::string_view{value.as_string()}));
  }
  json::erase(secret, "/stringData");
}

}  // namespace

Objects::Objects(store::Store& store, const Kinds& kinds, AdmissionChain admissions, const Clock& clock)
    : store_{store},
      kinds_{kinds},
      admissions_{std::move(admissions)},
      clock_{clock},
      lookup_{make_lookup(store, kinds)} {}

Result<json::Value> Objects::get(const Kind& kind, const std::string& ns, const std::string& name) const {
  const auto record = store_.get(kind.key(ns, name));
  if (!record) return fail(not_found(kind, name));
  return parsed(kind, *record);
}

Result<> Objects::check_namespace(const Kind& kind, const std::string& ns, const std::string& name) const {
  if (!kind.namespaced) return {};
  const auto found = lookup_.get("", "namespaces", "", ns);
  if (!found) return fail(Code::not_found, fmt::format("namespaces \"{}\" not found", ns));
  if (is_being_deleted(*found)) {
    return fail(forbidden(
        kind, name, fmt::format("unable to create new content in namespace {} because it is being terminated", ns)));
  }
  return {};
}

Result<> Objects::admit(const AdmissionRequest& request, json::Value& object, const WriteOptions& options,
                        std::vector<std::string>& warnings) const {
  const Kind& kind = request.kind;
  kind.schema.apply_defaults(object);
  if (const auto unknown = kind.schema.unknown_fields(object); !unknown.empty()) {
    if (options.fields == FieldValidation::strict) {
      return fail(Code::bad_request, fmt::format("{} in version \"{}\" cannot be handled as a {}: {}", kind.kind,
                                                 kind.version, kind.kind, unknown_fields_text(unknown)));
    }
    if (options.fields == FieldValidation::warn) {
      for (const std::string& field : unknown) warnings.push_back(fmt::format("unknown field \"{}\"", field));
    }
    kind.schema.prune(object);
  }
  if (kind.plural == "secrets" && kind.built_in) fold_string_data(object);
  for (const auto& admission : admissions_) {
    if (auto done = admission->mutate(request, object); !done) return done;
  }
  if (auto causes = kind.schema.validate(object); !causes.empty()) {
    return fail(invalid(kind, request.name, std::move(causes)));
  }
  for (const auto& admission : admissions_) {
    if (auto done = admission->validate(request, object); !done) return done;
  }
  return {};
}

Result<Written> Objects::create(const Kind& kind, const std::string& ns, json::Value object,
                                const WriteOptions& options) {
  if (auto prepared = prepare_new(object, kind, ns, clock_.wall()); !prepared) return fail(prepared.error());
  const std::string name = json::string_at(object, "/metadata/name");
  Written written;
  const auto committed =
      store_.modify(kind.key(ns, name), [&](const store::Record* current, store::Revision next) -> Result<store::Edit> {
        if (auto exists = check_namespace(kind, ns, name); !exists) return fail(exists.error());
        if (current != nullptr) return fail(already_exists(kind, name));
        const AdmissionRequest request{.operation = Operation::create,
                                       .kind = kind,
                                       .ns = ns,
                                       .name = name,
                                       .subresource = {},
                                       .user = options.user,
                                       .lookup = lookup_,
                                       .warnings = &written.warnings};
        if (auto admitted = admit(request, object, options, written.warnings); !admitted) return fail(admitted.error());
        set_resource_version(object, next);
        written.object = object;
        if (options.dry_run) {
          json::erase(written.object, "/metadata/resourceVersion");
          return store::Keep{};
        }
        return store::Put{text_of(kind, object)};
      });
  if (!committed) return fail(committed.error());
  return written;
}

Result<Written> Objects::change(const Kind& kind, const std::string& ns, const std::string& name,
                                const std::string& subresource, const WriteOptions& options, const Change& make) {
  Written written;
  const auto committed =
      store_.modify(kind.key(ns, name), [&](const store::Record* current, store::Revision next) -> Result<store::Edit> {
        if (current == nullptr) return fail(not_found(kind, name));
        const json::Value before = parsed(kind, *current);
        auto made = make(before);
        if (!made) return fail(made.error());
        json::Value object = std::move(*made);
        if (auto prepared = prepare_update(object, before, kind, subresource); !prepared) return fail(prepared.error());
        const AdmissionRequest request{.operation = Operation::update,
                                       .kind = kind,
                                       .ns = ns,
                                       .name = name,
                                       .subresource = subresource,
                                       .user = options.user,
                                       .old_object = &before,
                                       .lookup = lookup_,
                                       .warnings = &written.warnings};
        written.warnings.clear();
        if (auto admitted = admit(request, object, options, written.warnings); !admitted) return fail(admitted.error());
        const bool gone = is_being_deleted(object) && !has_finalizers(object) && has_finalizers(before) &&
                          json::int_at(object, "/metadata/deletionGracePeriodSeconds") == 0;
        if (!gone && json::equal(object, before)) {
          written.object = before;
          return store::Keep{};
        }
        if (options.dry_run) {
          written.object = object;
          return store::Keep{};
        }
        set_resource_version(object, next);
        written.object = object;
        if (gone) return store::Remove{text_of(kind, object)};
        return store::Put{text_of(kind, object)};
      });
  if (!committed) return fail(committed.error());
  return written;
}

Result<Written> Objects::update(const Kind& kind, const std::string& ns, const std::string& name, json::Value object,
                                const std::string& subresource, const WriteOptions& options) {
  return change(kind, ns, name, subresource, options, [&](const json::Value&) -> Result<json::Value> {
    const std::string api_version = json::string_at(object, "/apiVersion", kind.api_version());
    if (api_version != kind.api_version() || json::string_at(object, "/kind", kind.kind) != kind.kind) {
      return fail(Code::bad_request, fmt::format("the body is no {} of {}", kind.kind, kind.api_version()));
    }
    return object;
  });
}

Result<Written> Objects::patch(const Kind& kind, const std::string& ns, const std::string& name, PatchKind type,
                               const json::Value& patch, const std::string& subresource, const WriteOptions& options) {
  if (type == PatchKind::strategic && !kind.built_in) {
    return fail(Code::unsupported_media_type,
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json");
  }
  return change(kind, ns, name, subresource, options, [&](const json::Value& current) -> Result<json::Value> {
    switch (type) {
      case PatchKind::json: return json::json_patch(current, patch);
      case PatchKind::merge: return json::merge_patch(current, patch);
      case PatchKind::strategic: return json::strategic_merge(current, patch, kind.schema);
    }
    return fail(Code::internal, "unknown patch");
  });
}

namespace {

/// Pods that run somewhere get time to end; their agent removes them with a grace period of 0.
std::int64_t grace_of(const Kind& kind, const json::Value& object, const DeleteOptions& options) {
  if (!kind.built_in || kind.plural != "pods") return 0;
  const std::string phase = json::string_at(object, "/status/phase");
  if (json::string_at(object, "/spec/nodeName").empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return options.grace_period_seconds.value_or(json::int_at(object, "/spec/terminationGracePeriodSeconds", 30));
}

/// What the object may not be deleted for.
Result<> check_deletion(const Kind& kind, const std::string& name, const DeleteOptions& options) {
  const bool immortal = kind.built_in && kind.plural == "namespaces" &&
                        (name == "default" || name == "kube-system" || name == "kube-public");
  if (immortal) return fail(forbidden(kind, name, "this namespace may not be deleted"));
  const std::string& policy = options.propagation_policy;
  if (policy.empty() || policy == "Background" || policy == "Foreground" || policy == "Orphan") return {};
  return fail(Code::invalid, fmt::format("propagationPolicy: Unsupported value: \"{}\"", policy));
}

bool waits(const Kind& kind, const json::Value& object, std::int64_t grace) {
  const bool is_namespace = kind.built_in && kind.plural == "namespaces";
  return grace > 0 || is_namespace || has_finalizers(object);
}

}  // namespace

Result<json::Value> Objects::remove(const Kind& kind, const std::string& ns, const std::string& name,
                                    const DeleteOptions& options, const User& user) {
  if (auto may = check_deletion(kind, name, options); !may) return fail(may.error());
  json::Value removed;
  const auto committed =
      store_.modify(kind.key(ns, name), [&](const store::Record* current, store::Revision next) -> Result<store::Edit> {
        if (current == nullptr) return fail(not_found(kind, name));
        json::Value object = parsed(kind, *current);
        const std::string uid = json::string_at(object, "/metadata/uid");
        if (!options.uid.empty() && options.uid != uid) {
          return fail(cannot_fulfil(
              kind, name,
              fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", options.uid, uid)));
        }
        if (!options.resource_version.empty() &&
            options.resource_version != json::string_at(object, "/metadata/resourceVersion")) {
          return fail(modified_meanwhile(kind, name));
        }
        const AdmissionRequest request{.operation = Operation::remove,
                                       .kind = kind,
                                       .ns = ns,
                                       .name = name,
                                       .subresource = {},
                                       .user = user,
                                       .old_object = &object,
                                       .lookup = lookup_};
        for (const auto& admission : admissions_) {
          if (auto done = admission->validate(request, object); !done) return fail(done.error());
        }
        const json::Value before = object;
        apply_propagation(object, options.propagation_policy);
        const std::int64_t grace = grace_of(kind, object, options);
        const bool stays = waits(kind, object, grace);
        mark_deleted(object, clock_.wall(), grace);
        if (kind.plural == "namespaces" && kind.built_in) json::set(object, "/status/phase", "Terminating");
        removed = object;
        if (options.dry_run || (stays && json::equal(object, before))) return store::Keep{};
        set_resource_version(object, next);
        removed = object;
        if (stays) return store::Put{text_of(kind, object)};
        return store::Remove{text_of(kind, object)};
      });
  if (!committed) return fail(committed.error());
  return removed;
}

Result<bool> Objects::finish_namespace(const std::string& name) {
  const auto committed = store_.modify(
      "/core/namespaces/" + name, [&](const store::Record* current, store::Revision next) -> Result<store::Edit> {
        if (current == nullptr) return store::Keep{};
        json::Value object = json::parse(*current->value).value_or(json::Value(nullptr));
        if (!is_being_deleted(object) || has_finalizers(object)) return store::Keep{};
        for (const Kind& kind : kinds_.all()) {
          if (kind.namespaced && !store_.list(kind.prefix(name)).records.empty()) return store::Keep{};
        }
        set_resource_version(object, next);
        return store::Remove{json::write(object)};
      });
  if (!committed) return fail(committed.error());
  return !store_.get("/core/namespaces/" + name);
}

}  // namespace godwit::apiserver
