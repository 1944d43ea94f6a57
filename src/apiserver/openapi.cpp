#include <algorithm>

#include "apiserver/discovery.hpp"
#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view object_meta_name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// "io.kubevirt.v1.VirtualMachine": the group reversed, as kubectl expects definition names to look.
std::string definition_name(const Kind& kind) {
  const std::string group = kind.group.empty() ? "core.api.k8s.io" : kind.group;
  std::vector<std::string> parts = split(group, '.');
  std::reverse(parts.begin(), parts.end());
  return join(parts, ".") + "." + kind.version + "." + kind.kind;
}

json::Object described(std::string_view type, std::string_view description) {
  return {{"type", type}, {"description", description}};
}

json::Object string_map(std::string_view description) {
  json::Object schema = described("object", description);
  schema["additionalProperties"] = json::Object{{"type", "string"}};
  return schema;
}

json::Value object_meta_schema() {
  json::Object time = described("string", "When the object was made, by the server's clock.");
  time["format"] = "date-time";
  json::Object deletion =
      described("string", "When the object is to be gone; set by the server on a graceful deletion.");
  deletion["format"] = "date-time";
  json::Object finalizers = described("array", "Who must still act before the object may go.");
  finalizers["items"] = json::Object{{"type", "string"}};
  json::Object generation = described("integer", "Counts the changes of the desired state.");
  generation["format"] = "int64";
  json::Object grace = described("integer", "Seconds that the object is given to end by itself.");
  grace["format"] = "int64";
  json::Object owners = described("array", "Objects that this one depends on; it goes when all of them are gone.");
  owners["items"] = json::Object{{"type", "object"}};
  json::Object managed = described("array", "Not used by this server.");
  managed["items"] = json::Object{{"type", "object"}};
  return json::Object{
      {"type", "object"},
      {"description", "What every stored object has: its identity and its labels."},
      {"properties",
       json::Object{{"name", described("string", "Unique among its kind in its namespace; never changes.")},
                    {"generateName", described("string", "A prefix for a name that the server makes up.")},
                    {"namespace", described("string", "The space in which the name is unique.")},
                    {"labels", string_map("Keys and values to select objects by.")},
                    {"annotations", string_map("Keys and values for tools; not selectable.")},
                    {"uid", described("string", "Unique in time and space; set by the server.")},
                    {"resourceVersion", described("string", "The version of the object, for optimistic locking.")},
                    {"selfLink", described("string", "Not used.")},
                    {"generation", std::move(generation)},
                    {"creationTimestamp", std::move(time)},
                    {"deletionTimestamp", std::move(deletion)},
                    {"deletionGracePeriodSeconds", std::move(grace)},
                    {"finalizers", std::move(finalizers)},
                    {"ownerReferences", std::move(owners)},
                    {"managedFields", std::move(managed)}}},
  };
}

json::Object gvk_of(const Kind& kind) {
  return {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}};
}

json::Value schema_of(const Kind& kind, std::string_view reference_prefix) {
  json::Value schema = kind.schema.source();
  json::Object properties{
      {"apiVersion", described("string", "The version of the schema of this object.")},
      {"kind", described("string", "The kind of this object.")},
      {"metadata", json::Object{{"$ref", std::string{reference_prefix} + std::string{object_meta_name}}}},
  };
  for (const auto& [name, value] : json::object_at(schema, "/properties")) {
    if (!properties.contains(name)) properties[name] = value;
  }
  json::set(schema, "/properties", std::move(properties));
  json::set(schema, "/x-kubernetes-group-version-kind", json::Array{gvk_of(kind)});
  return schema;
}

std::string group_version_path(const Kind& kind) {
  return kind.group.empty() ? "api/" + kind.version : "apis/" + kind.group + "/" + kind.version;
}

/// An operation just detailed enough for kubectl to see what the server can do. `parameter`: what the version of
/// OpenAPI says of a parameter's type.
json::Object operation(const Kind& kind, std::string_view action, std::initializer_list<const char*> query,
                       const json::Object& parameter) {
  json::Array parameters;
  for (const char* name : query) {
    json::Object made{{"name", name}, {"in", "query"}};
    made.insert(parameter.begin(), parameter.end());
    parameters.push_back(std::move(made));
  }
  return {{"x-kubernetes-action", action},
          {"x-kubernetes-group-version-kind", gvk_of(kind)},
          {"parameters", std::move(parameters)},
          {"responses", json::Object{{"200", json::Object{{"description", "OK"}}}}}};
}

/// The paths of a kind's objects, with their operations.
json::Object paths_of(const Kind& kind, const json::Object& parameter) {
  const std::string collection =
      "/" + group_version_path(kind) + (kind.namespaced ? "/namespaces/{namespace}/" : "/") + kind.plural;
  const auto writes = {"dryRun", "fieldValidation"};
  return {{collection, json::Object{{"get", operation(kind, "list", {}, parameter)},
                                    {"post", operation(kind, "post", writes, parameter)}}},
          {collection + "/{name}", json::Object{{"get", operation(kind, "get", {}, parameter)},
                                                {"put", operation(kind, "put", writes, parameter)},
                                                {"patch", operation(kind, "patch", writes, parameter)}}}};
}

}  // namespace

json::Object openapi_v2_paths(const Kinds& kinds) {
  json::Object paths;
  for (const Kind& kind : kinds.all()) {
    const json::Object added = paths_of(kind, {{"type", "string"}});
    paths.insert(added.begin(), added.end());
  }
  return paths;
}

json::Object openapi_definitions(const Kinds& kinds, std::string_view reference_prefix) {
  json::Object definitions{{object_meta_name, object_meta_schema()}};
  for (const Kind& kind : kinds.all()) definitions[definition_name(kind)] = schema_of(kind, reference_prefix);
  return definitions;
}

json::Value openapi_v2_json(const Kinds& kinds) {
  return json::Object{{"swagger", "2.0"},
                      {"info", json::Object{{"title", "Godwit"}, {"version", "v0.1.0"}}},
                      {"paths", openapi_v2_paths(kinds)},
                      {"definitions", openapi_definitions(kinds, "#/definitions/")}};
}

json::Value openapi_v3_index(const Kinds& kinds) {
  json::Object paths;
  for (const Kind& kind : kinds.all()) {
    const std::string path = group_version_path(kind);
    paths[path] = json::Object{{"serverRelativeURL", "/openapi/v3/" + path + "?hash=godwit-0.1.0"}};
  }
  return json::Object{{"paths", std::move(paths)}};
}

std::optional<json::Value> openapi_v3_document(const Kinds& kinds, std::string_view wanted) {
  json::Object schemas{{object_meta_name, object_meta_schema()}};
  json::Object paths;
  for (const Kind& kind : kinds.all()) {
    if (group_version_path(kind) != wanted) continue;
    schemas[definition_name(kind)] = schema_of(kind, "#/components/schemas/");
    const json::Object added = paths_of(kind, {{"schema", json::Object{{"type", "string"}}}});
    paths.insert(added.begin(), added.end());
  }
  if (paths.empty()) return std::nullopt;
  return json::Object{{"openapi", "3.0.0"},
                      {"info", json::Object{{"title", "Godwit"}, {"version", "v0.1.0"}}},
                      {"paths", std::move(paths)},
                      {"components", json::Object{{"schemas", std::move(schemas)}}}};
}

}  // namespace godwit::apiserver
