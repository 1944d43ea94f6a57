// What the server says of itself: API groups, resources, OpenAPI documents. Pure, made once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apiserver/kinds.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

/// The discovery document of a path ("/api", "/api/v1", "/apis", "/apis/<group>", "/apis/<group>/<version>",
/// "/version").
[[nodiscard]] std::optional<json::Value> discovery_document(const Kinds& kinds, std::string_view path);

/// Schemas by definition name ("io.kubevirt.v1.VirtualMachine"), with metadata and the GVK extension added.
[[nodiscard]] json::Object openapi_definitions(const Kinds& kinds, std::string_view reference_prefix);

/// Swagger's paths: each kind's operations with the queries that they obey.
[[nodiscard]] json::Object openapi_v2_paths(const Kinds& kinds);

/// Swagger 2.0, as JSON and in the protobuf form that kubectl asks for (gnostic's openapi.v2.Document).
[[nodiscard]] json::Value openapi_v2_json(const Kinds& kinds);
[[nodiscard]] std::string openapi_v2_protobuf(const Kinds& kinds);

/// "/openapi/v3" and "/openapi/v3/apis/<group>/<version>".
[[nodiscard]] json::Value openapi_v3_index(const Kinds& kinds);
[[nodiscard]] std::optional<json::Value> openapi_v3_document(const Kinds& kinds, std::string_view group_version_path);

}  // namespace godwit::apiserver
