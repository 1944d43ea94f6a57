#include "apiserver/request_info.hpp"

#include <vector>

#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

bool is_true(const std::string& value) { return value == "true" || value == "1"; }

std::string verb_of(const http::Request& request, bool has_name) {
  const bool watching = is_true(request.query_value("watch"));
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return has_name ? "delete" : "deletecollection";
  if (watching) return "watch";
  return has_name ? "get" : "list";
}

}  // namespace

RequestInfo parse_request_info(const http::Request& request) {
  std::vector<std::string> parts;
  for (std::string& part : split(request.path, '/')) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  RequestInfo info;
  info.path = request.path;
  std::size_t at = 0;
  if (parts.size() >= 2 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 3 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    info.verb = verb_of(request, true);
    return info;
  }
  // "namespaces/x" names a namespace itself; "namespaces/x/pods" what is in it.
  const bool core = info.group.empty();
  if (at + 2 < parts.size() && parts[at] == "namespaces" &&
      !(core && (parts[at + 2] == "status" || parts[at + 2] == "finalize"))) {
    info.ns = parts[at + 1];
    at += 2;
  }
  if (at < parts.size()) {
    info.is_resource = true;
    info.resource = parts[at++];
    if (at < parts.size()) info.name = parts[at++];
    for (; at < parts.size(); ++at) info.subresource += (info.subresource.empty() ? "" : "/") + parts[at];
  }
  info.verb = verb_of(request, !info.name.empty());
  return info;
}

}  // namespace godwit::apiserver
