#include "apiserver/status.hpp"

#include <fmt/format.h>

namespace godwit::apiserver {

Error not_found(const Kind& kind, std::string_view name) {
  return {Code::not_found, fmt::format("{} \"{}\" not found", kind.qualified(), name)};
}

Error already_exists(const Kind& kind, std::string_view name) {
  return {Code::already_exists, fmt::format("{} \"{}\" already exists", kind.qualified(), name)};
}

Error modified_meanwhile(const Kind& kind, std::string_view name) {
  return cannot_fulfil(kind, name,
                       "the object has been modified; please apply your changes to the latest version and try again");
}

Error cannot_fulfil(const Kind& kind, std::string_view name, std::string_view why) {
  return {Code::conflict, fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", kind.qualified(), name, why)};
}

Error forbidden(const Kind& kind, std::string_view name, std::string_view why) {
  return {Code::forbidden, fmt::format("{} \"{}\" is forbidden: {}", kind.qualified(), name, why)};
}

Error invalid(const Kind& kind, std::string_view name, std::vector<FieldError> causes) {
  const std::string qualified = kind.group.empty() ? kind.kind : kind.kind + "." + kind.group;
  std::string list;
  for (const FieldError& cause : causes) {
    if (!list.empty()) list += ", ";
    list += cause.field.empty() ? cause.message : cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) list = "[" + list + "]";
  return {Code::invalid, fmt::format("{} \"{}\" is invalid: {}", qualified, name, list), std::move(causes)};
}

json::Value status_of(const Error& error) {
  json::Object status{
      {"kind", "Status"},
      {"apiVersion", "v1"},
      {"metadata", json::Object{}},
      {"status", "Failure"},
      {"message", error.message},
      {"reason", reason_of(error.code)},
      {"code", http_status_of(error.code)},
  };
  if (!error.causes.empty()) {
    json::Array causes;
    for (const FieldError& cause : error.causes) {
      causes.push_back(json::Object{{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
    }
    status["details"] = json::Object{{"causes", std::move(causes)}};
  }
  return status;
}

json::Value success_status(const Kind& kind, std::string_view name, std::string_view uid) {
  return json::Object{
      {"kind", "Status"},
      {"apiVersion", "v1"},
      {"metadata", json::Object{}},
      {"status", "Success"},
      {"details", json::Object{{"name", name}, {"group", kind.group}, {"kind", kind.plural}, {"uid", uid}}},
  };
}

http::Response error_response(const Error& error) {
  return json_response(http_status_of(error.code), status_of(error));
}

http::Response error_response(const Error& error, const Kind& kind, const std::string& name) {
  auto status = status_of(error);
  json::set(status, "/details/name", json::Value(name));
  json::set(status, "/details/group", json::Value(kind.group));
  json::set(status, "/details/kind", json::Value(error.code == Code::invalid ? kind.kind : kind.plural));
  return json_response(http_status_of(error.code), status);
}

http::Response json_response(int status, std::string body) {
  return {.status = status, .headers = {{"content-type", "application/json"}}, .body = std::move(body)};
}

http::Response json_response(int status, const json::Value& body) {
  return json_response(status, json::write(body) + "\n");
}

}  // namespace godwit::apiserver
