#include "apiserver/subresource_support.hpp"

#include <fmt/format.h>

namespace godwit::apiserver {

Result<json::Value> body_of(const http::Request& request) {
  if (request.body.empty()) return json::Value(json::Object{});
  auto body = json::parse(request.body);
  if (!body) return fail(Code::bad_request, "Can not unmarshal Request body to struct, error: " + body.error().message);
  return body;
}

std::optional<std::int64_t> number_in(const json::Value& body, std::string_view pointer) {
  const auto* value = json::find(body, pointer);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return json::int_at(body, pointer);
}

Error machine_error(Code code, const RequestInfo& machine, std::string_view why) {
  const std::string_view singular = machine.resource == "virtualmachines" ? "virtualmachine" : "virtualmachineinstance";
  switch (code) {
    case Code::not_found: return {code, fmt::format("{}.kubevirt.io \"{}\" not found", singular, machine.name)};
    case Code::conflict:
      return {code,
              fmt::format("Operation cannot be fulfilled on {}.kubevirt.io \"{}\": {}", singular, machine.name, why)};
    case Code::internal: return {code, fmt::format("Internal error occurred: {}", why)};
    default: return {code, std::string{why}};
  }
}

}  // namespace godwit::apiserver
