#include "apiserver/metadata.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "apiserver/status.hpp"
#include "base/random.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::size_t longest_name = 253;

void keep(json::Value& after, const json::Value& before, std::string_view pointer) {
  if (const json::Value* old = json::find(before, pointer)) {
    json::set(after, pointer, *old);
  } else {
    json::erase(after, pointer);
  }
}

bool same(const json::Value& a, const json::Value& b, std::string_view pointer) {
  const json::Value* x = json::find(a, pointer);
  const json::Value* y = json::find(b, pointer);
  if (x == nullptr || y == nullptr) return x == y;
  return *x == *y;
}

}  // namespace

std::string name_problem(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool fits =
      !name.empty() && name.size() <= longest_name && alphanumeric(name.front()) && alphanumeric(name.back()) &&
      name.find("..") == std::string_view::npos &&
      std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
  if (fits) return {};
  return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
         "start "
         "and end with an alphanumeric character (e.g. 'example.com')";
}

Result<> prepare_new(json::Value& object, const Kind& kind, const std::string& ns, WallTime now) {
  if (!object.is_object()) return fail(Code::bad_request, "the body is no object");
  const std::string api_version = json::string_at(object, "/apiVersion", kind.api_version());
  const std::string kind_name = json::string_at(object, "/kind", kind.kind);
  if (api_version != kind.api_version() || kind_name != kind.kind) {
    return fail(Code::bad_request,
                fmt::format("{} in version \"{}\" cannot be handled as a {}: the object is a {} of {}", kind.kind,
                            kind.version, kind.kind, kind_name, api_version));
  }
  json::set(object, "/apiVersion", kind.api_version());
  json::set(object, "/kind", kind.kind);
  if (json::find(object, "/metadata") == nullptr) json::set(object, "/metadata", json::Object{});
  if (!json::find(object, "/metadata")->is_object()) return fail(Code::bad_request, "metadata must be an object");
  std::string name = json::string_at(object, "/metadata/name");
  if (name.empty()) {
    const std::string prefix = json::string_at(object, "/metadata/generateName");
    if (prefix.empty()) {
      return fail(invalid(
          kind, "", {{"FieldValueRequired", "Required value: name or generateName is required", "metadata.name"}}));
    }
    name = prefix.substr(0, longest_name - 6) + random_suffix();
    json::set(object, "/metadata/name", name);
  }
  if (const std::string problem = name_problem(name); !problem.empty()) {
    return fail(invalid(
        kind, name, {{"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", name, problem), "metadata.name"}}));
  }
  if (kind.namespaced) {
    const std::string stated = json::string_at(object, "/metadata/namespace", ns);
    if (stated != ns) {
      return fail(Code::bad_request,
                  "the namespace of the provided object does not match the namespace sent on the request");
    }
    json::set(object, "/metadata/namespace", ns);
  } else {
    json::erase(object, "/metadata/namespace");
  }
  for (const char* reserved : {"/metadata/deletionTimestamp", "/metadata/deletionGracePeriodSeconds",
                               "/metadata/resourceVersion", "/metadata/selfLink"}) {
    json::erase(object, reserved);
  }
  json::set(object, "/metadata/uid", random_uuid());
  json::set(object, "/metadata/creationTimestamp", format_time(now));
  json::set(object, "/metadata/generation", 1);
  if (kind.has_status && !kind.built_in) json::erase(object, "/status");
  return {};
}

Result<> prepare_update(json::Value& after, const json::Value& before, const Kind& kind,
                        const std::string& subresource) {
  if (!after.is_object()) return fail(Code::bad_request, "the result is no object");
  const std::string name = json::string_at(before, "/metadata/name");
  if (json::find(after, "/metadata") == nullptr) json::set(after, "/metadata", json::Object{});
  const std::string stated = json::string_at(after, "/metadata/name", name);
  if (stated != name) {
    return fail(Code::bad_request,
                fmt::format("the name of the object ({}) does not match the name on the URL ({})", stated, name));
  }
  const std::string version = json::string_at(after, "/metadata/resourceVersion");
  if (!version.empty() && version != "0" && version != json::string_at(before, "/metadata/resourceVersion")) {
    return fail(modified_meanwhile(kind, name));
  }
  const std::string uid = json::string_at(after, "/metadata/uid");
  if (!uid.empty() && uid != json::string_at(before, "/metadata/uid")) {
    return fail(cannot_fulfil(kind, name,
                              fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                                          json::string_at(before, "/metadata/uid"))));
  }
  if (subresource == "status") {
    json::Value merged = before;
    keep(merged, after, "/status");
    after = std::move(merged);
  } else if (kind.has_status) {
    keep(after, before, "/status");
  }
  for (const char* fixed :
       {"/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/metadata/uid", "/metadata/creationTimestamp",
        "/metadata/generateName", "/metadata/deletionTimestamp", "/metadata/deletionGracePeriodSeconds",
        "/metadata/resourceVersion", "/metadata/generation"}) {
    keep(after, before, fixed);
  }
  if (!same(after, before, "/spec")) {
    json::set(after, "/metadata/generation", json::int_at(before, "/metadata/generation") + 1);
  }
  return {};
}

void mark_deleted(json::Value& object, WallTime now, std::int64_t grace_period_seconds) {
  if (!is_being_deleted(object)) {
    json::set(object, "/metadata/deletionTimestamp", format_time(now + std::chrono::seconds{grace_period_seconds}));
    json::set(object, "/metadata/generation", json::int_at(object, "/metadata/generation") + 1);
  }
  json::set(object, "/metadata/deletionGracePeriodSeconds", grace_period_seconds);
}

bool is_being_deleted(const json::Value& object) {
  return json::find(object, "/metadata/deletionTimestamp") != nullptr;
}
bool has_finalizer(const json::Value& object, std::string_view finalizer) {
  const auto& all = json::array_at(object, "/metadata/finalizers");
  return std::any_of(all.begin(), all.end(),
                     [&](const json::Value& entry) { return entry.is_string() && entry.as_string() == finalizer; });
}

void apply_propagation(json::Value& object, std::string_view policy) {
  if (policy.empty()) return;
  json::Array finalizers;
  for (const json::Value& entry : json::array_at(object, "/metadata/finalizers")) {
    if (entry != json::Value(orphan_finalizer) && entry != json::Value(foreground_finalizer))
      finalizers.push_back(entry);
  }
  if (policy == "Orphan") finalizers.emplace_back(orphan_finalizer);
  if (policy == "Foreground") finalizers.emplace_back(foreground_finalizer);
  if (finalizers.empty())
    json::erase(object, "/metadata/finalizers");
  else
    json::set(object, "/metadata/finalizers", std::move(finalizers));
}

bool has_finalizers(const json::Value& object) { return !json::array_at(object, "/metadata/finalizers").empty(); }

void set_resource_version(json::Value& object, std::uint64_t revision) {
  json::set(object, "/metadata/resourceVersion", std::to_string(revision));
}

}  // namespace godwit::apiserver
