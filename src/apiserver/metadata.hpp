// The life of metadata: what the server sets, what nobody may change. Pure.
#pragma once

#include <string>

#include "apiserver/kinds.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

/// Checks apiVersion, kind, name and namespace of a new object and fills in name (generateName), uid,
/// creationTimestamp, generation. Drops what clients may not set.
[[nodiscard]] Result<> prepare_new(json::Value& object, const Kind& kind, const std::string& ns, WallTime now);

/// Makes an update of `before` out of what the client sent: identity is kept, status or spec is restored as the
/// (sub)resource demands, generation is raised when the spec changed. Code::conflict when `after` names another
/// resourceVersion.
[[nodiscard]] Result<> prepare_update(json::Value& after, const json::Value& before, const Kind& kind,
                                      const std::string& subresource);

/// Marks an object as being deleted (idempotent).
void mark_deleted(json::Value& object, WallTime now, std::int64_t grace_period_seconds);

[[nodiscard]] bool is_being_deleted(const json::Value& object);
[[nodiscard]] bool has_finalizers(const json::Value& object);
[[nodiscard]] bool has_finalizer(const json::Value& object, std::string_view finalizer);

/// An object that is deleted with one of them stays until the garbage collector has dealt with its dependents.
inline constexpr std::string_view orphan_finalizer = "orphan";
inline constexpr std::string_view foreground_finalizer = "foregroundDeletion";
/// Sets the finalizers that a propagation policy means: "Orphan", "Foreground", "Background"; "" leaves them.
void apply_propagation(json::Value& object, std::string_view policy);
void set_resource_version(json::Value& object, std::uint64_t revision);

/// RFC 1123 subdomain, as Kubernetes demands of names; "" when right, else why not.
[[nodiscard]] std::string name_problem(std::string_view name);

}  // namespace godwit::apiserver
