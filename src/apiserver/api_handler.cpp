#include "apiserver/api_handler.hpp"

#include <fmt/format.h>

#include "apiserver/discovery.hpp"
#include "apiserver/metadata.hpp"
#include "apiserver/presentation.hpp"
#include "apiserver/protobuf_body.hpp"
#include "apiserver/selectors.hpp"
#include "apiserver/status.hpp"
#include "base/text.hpp"
#include "json/yaml.hpp"

namespace godwit::apiserver {
namespace {

// Not quite what kubectl asks for: the "@" of that name is no legal media type, and old clients refuse to parse it.
constexpr std::string_view openapi_protobuf_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

bool is_health(const std::string& path) {
  return path == "/healthz" || path == "/livez" || path == "/readyz" || path.starts_with("/readyz/") ||
         path.starts_with("/livez/");
}

Result<json::Value> parse_body(const http::Request& request) {
  if (trim(request.body).empty()) return fail(Code::bad_request, "the request has no body");
  const std::string_view type = request.headers.get("content-type");
  if (type.find("protobuf") != std::string_view::npos) return decode_protobuf_body(request.body);
  if (type.find("yaml") != std::string_view::npos) return json::parse_yaml(request.body);
  return json::parse(request.body);
}

Result<PatchKind> patch_kind(const http::Request& request) {
  const std::string_view type = request.headers.get("content-type");
  if (type.starts_with("application/json-patch+json")) return PatchKind::json;
  if (type.starts_with("application/merge-patch+json")) return PatchKind::merge;
  if (type.starts_with("application/strategic-merge-patch+json")) return PatchKind::strategic;
  if (type.starts_with("application/apply-patch")) {
    return fail(Code::unsupported_media_type,
                "not built yet: server-side apply; use kubectl apply without --server-side");
  }
  return fail(Code::unsupported_media_type, fmt::format("the patch type \"{}\" is not supported", type));
}

Result<WriteOptions> write_options(const http::Request& request, const User& user, const Kind& kind) {
  WriteOptions options{.user = user, .fields = kind.built_in ? FieldValidation::warn : FieldValidation::strict};
  const std::string fields = request.query_value("fieldValidation");
  if (fields == "Strict")
    options.fields = FieldValidation::strict;
  else if (fields == "Warn")
    options.fields = FieldValidation::warn;
  else if (fields == "Ignore")
    options.fields = FieldValidation::ignore;
  else if (!fields.empty())
    return fail(Code::bad_request, "fieldValidation: Unsupported value: \"" + fields +
                                       "\": supported values: \"Ignore\", \"Warn\", \"Strict\"");
  const std::string dry_run = request.query_value("dryRun");
  if (!dry_run.empty() && dry_run != "All")
    return fail(Code::bad_request, "dryRun: Unsupported value: \"" + dry_run + "\": supported values: \"All\"");
  options.dry_run = !dry_run.empty();
  return options;
}

Result<DeleteOptions> delete_options(const http::Request& request) {
  DeleteOptions options;
  json::Value body = json::Object{};
  if (!trim(request.body).empty()) {
    auto parsed = parse_body(request);
    if (!parsed) return fail(parsed.error());
    body = std::move(*parsed);
  }
  options.uid = json::string_at(body, "/preconditions/uid");
  options.resource_version = json::string_at(body, "/preconditions/resourceVersion");
  if (json::find(body, "/gracePeriodSeconds") != nullptr)
    options.grace_period_seconds = json::int_at(body, "/gracePeriodSeconds");
  if (const auto query = parse_number<std::int64_t>(request.query_value("gracePeriodSeconds")))
    options.grace_period_seconds = query;
  options.propagation_policy = request.query_value("propagationPolicy", json::string_at(body, "/propagationPolicy"));
  if (json::bool_at(body, "/orphanDependents")) options.propagation_policy = "Orphan";
  options.dry_run = request.query_value("dryRun") == "All" || !json::array_at(body, "/dryRun").empty();
  return options;
}

http::Response with_warnings(http::Response response, const std::vector<std::string>& warnings) {
  if (!warnings.empty()) {
    std::string line;
    for (const std::string& warning : warnings) {
      std::string quoted;
      for (const char c : warning) quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
      line += (line.empty() ? "299 - \"" : ", 299 - \"") + quoted + "\"";
    }
    response.headers.set("warning", line);
  }
  return response;
}

/// The object that a request is about; what is to be created has its name in the body.
std::string name_of(const http::Request& request, const RequestInfo& info) {
  if (!info.name.empty() || info.verb != "create") return info.name;
  const auto body = parse_body(request);
  return body ? json::string_at(*body, "/metadata/name", json::string_at(*body, "/metadata/generateName")) : "";
}

/// There are none, which is what `kubectl cluster-info` asks before it says where the server is.
http::Response answer_services(const RequestInfo& info) {
  if (info.verb != "list") return error_response({Code::not_built_yet, "not built yet: Services"});
  return json_response(200, json::Object{{"kind", "ServiceList"},
                                         {"apiVersion", "v1"},
                                         {"metadata", json::Object{{"resourceVersion", "1"}}},
                                         {"items", json::Array{}}});
}

/// kubectl's --as and --as-group: only who may do everything may act for others.
Result<User> acting_user(Result<User> user, const http::Request& request) {
  const std::string_view name = request.headers.get("impersonate-user");
  const std::string_view group = request.headers.get("impersonate-group");
  if (!user || (name.empty() && group.empty())) return user;
  if (!user->in_group("system:masters")) {
    return fail(Code::forbidden,
                fmt::format("users \"{}\" is forbidden: User \"{}\" cannot impersonate resource \"users\" in API group "
                            "\"\" at the cluster scope",
                            name, user->name));
  }
  if (name.empty()) return fail(Code::bad_request, "requested [group] impersonation without impersonating a user");
  User acting{.name = std::string{name}, .groups = {}};
  for (const auto& [header, value] : request.headers) {
    if (to_lower(header) == "impersonate-group") acting.groups.push_back(value);
  }
  return acting;
}

/// The SelfSubjectAccessReview of kubectl auth can-i.
http::Response review_access(const http::Request& request, const User& user, const Lookup& lookup) {
  auto body = parse_body(request);
  if (!body) return error_response(body.error());
  json::Value review = std::move(*body);
  RequestInfo info;
  info.is_resource = json::find(review, "/spec/nonResourceAttributes") == nullptr;
  info.path = json::string_at(review, "/spec/nonResourceAttributes/path");
  info.verb =
      json::string_at(review, info.is_resource ? "/spec/resourceAttributes/verb" : "/spec/nonResourceAttributes/verb");
  info.subresource = json::string_at(review, "/spec/resourceAttributes/subresource");
  info.group = json::string_at(review, "/spec/resourceAttributes/group");
  info.resource = json::string_at(review, "/spec/resourceAttributes/resource");
  info.ns = json::string_at(review, "/spec/resourceAttributes/namespace");
  info.name = json::string_at(review, "/spec/resourceAttributes/name");
  const auto allowed = authorize(user, info, lookup);
  json::set(review, "/status", json::Object{{"allowed", allowed.has_value()}});
  return json_response(201, review);
}

}  // namespace

ApiHandler::ApiHandler(Objects& objects, const Authenticator& authenticator, const Subresources& subresources,
                       const Clock& clock)
    : objects_{objects},
      authenticator_{authenticator},
      subresources_{subresources},
      clock_{clock},
      pages_{clock},
      openapi_v2_protobuf_{openapi_v2_protobuf(objects.kinds())} {}

void ApiHandler::serve(http::Exchange& exchange) const {
  const http::Request& request = exchange.request();
  if (is_health(request.path))
    return exchange.send({.status = 200, .headers = {{"content-type", "text/plain"}}, .body = "ok"});
  const auto user = acting_user(authenticator_.authenticate(request), request);
  if (!user) return exchange.send(error_response(user.error()));
  const RequestInfo info = parse_request_info(request);
  if (info.resource == "selfsubjectaccessreviews" && request.method == "POST") {  // everybody may ask about himself
    return exchange.send(review_access(request, *user, objects_.lookup()));
  }
  if (const auto allowed = authorize(*user, info, objects_.lookup()); !allowed) {
    return exchange.send(error_response(allowed.error()));
  }
  if (!info.is_resource) {
    if (serve_document(exchange)) return;
    return exchange.send(error_response({Code::not_found, "the server could not find the requested resource"}));
  }
  if (subresources_.serve(exchange, info, *user)) return;
  serve_resource(exchange, info, *user);
}

bool ApiHandler::serve_document(http::Exchange& exchange) const {
  const http::Request& request = exchange.request();
  const Kinds& kinds = objects_.kinds();
  std::string path = request.path;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == "/openapi/v2") {
    if (request.headers.get("accept").find("protobuf") != std::string_view::npos) {
      exchange.send({.status = 200,
                     .headers = {{"content-type", std::string{openapi_protobuf_type}}},
                     .body = openapi_v2_protobuf_});
    } else {
      exchange.send(json_response(200, openapi_v2_json(kinds)));
    }
    return true;
  }
  if (path == "/openapi/v3") {
    exchange.send(json_response(200, openapi_v3_index(kinds)));
    return true;
  }
  constexpr std::string_view v3 = "/openapi/v3/";
  const auto document = path.starts_with(v3) ? openapi_v3_document(kinds, std::string_view{path}.substr(v3.size()))
                                             : discovery_document(kinds, path);
  if (!document) return false;
  exchange.send(json_response(200, *document));
  return true;
}

void ApiHandler::serve_resource(http::Exchange& exchange, const RequestInfo& info, const User& user) const {
  const http::Request& request = exchange.request();
  const Kind* kind = objects_.kinds().find(info.group, info.version, info.resource);
  if (kind == nullptr && info.group == "subresources.kubevirt.io" && info.resource == "version") {
    return exchange.send(json_response(200, *discovery_document(objects_.kinds(), "/version")));
  }
  if (info.group.empty() && info.resource == "services") return exchange.send(answer_services(info));
  const bool wrong_scope =
      kind != nullptr && (kind->namespaced ? info.ns.empty() && !info.name.empty() : !info.ns.empty());
  if (kind == nullptr || wrong_scope || (info.subresource == "status" && !kind->has_status)) {
    return exchange.send(error_response({Code::not_found, "the server could not find the requested resource"}));
  }
  if (info.verb == "watch") return serve_watch(exchange, *kind, info, objects_, clock_);
  auto response = answer({exchange, request, info, user, *kind});
  if (!response) {
    if (response.error().code == Code::internal)
      log_.error("{} {}: {}", request.method, request.path, response.error().message);
    return exchange.send(error_response(response.error(), *kind, name_of(request, info)));
  }
  exchange.send(std::move(*response));
}

Result<http::Response> ApiHandler::answer(const Call& call) const {
  const std::string& verb = call.info.verb;
  if (call.kind.namespaced && call.info.ns.empty() && verb != "list") {
    return fail(Code::bad_request, "an object of this kind needs a namespace");
  }
  if (verb == "get") return read_one(call);
  if (verb == "list") return list(call);
  if (verb == "create" || verb == "update" || verb == "patch") return write(call);
  if (verb == "delete") return remove(call);
  if (verb == "deletecollection") return remove_all(call);
  return fail(Code::method_not_allowed, "the server does not allow this method on the requested resource");
}

Result<http::Response> ApiHandler::read_one(const Call& call) const {
  const auto record = objects_.store().get(call.kind.key(call.info.ns, call.info.name));
  if (!record) return fail(not_found(call.kind, call.info.name));
  const auto text = Presentation{call.request, call.kind, clock_}.object(record->value, record->revision);
  if (!text) return fail(text.error());
  return json_response(200, *text + "\n");
}

Result<http::Response> ApiHandler::list(const Call& call) const {
  const auto labels = Selector::labels(call.request.query_value("labelSelector"));
  if (!labels) return fail(labels.error());
  const auto fields = Selector::fields(call.request.query_value("fieldSelector"), call.kind);
  if (!fields) return fail(fields.error());
  const std::string limit = call.request.query_value("limit", "0");
  const auto most = parse_number<std::size_t>(limit);
  if (!most) return fail(Code::bad_request, "limit: Invalid value: \"" + limit + "\": must be a number, 0 or more");
  Pages::Wanted wanted;
  if (!labels->empty() || !fields->empty()) {
    wanted = [&](const store::Record& record) {
      const auto stored = json::parse(*record.value);
      if (!stored) return false;
      const auto object = call.kind.as_served(*stored);
      return labels->matches(object) && fields->matches(object);
    };
  }
  const auto page = pages_.read(objects_.store(), call.kind.prefix(call.info.ns), *most,
                                call.request.query_value("continue"), wanted);
  if (!page) {
    auto status = status_of(page.error().error);
    if (!page.error().next.empty()) json::set(status, "/metadata/continue", json::Value(page.error().next));
    return json_response(http_status_of(page.error().error.code), status);
  }
  const auto text = Presentation{call.request, call.kind, clock_}.list(
      page->records, {.revision = page->revision, .next = page->next, .remaining = page->remaining});
  if (!text) return fail(text.error());
  return json_response(200, *text + "\n");
}

Result<http::Response> ApiHandler::write(const Call& call) const {
  const auto options = write_options(call.request, call.user, call.kind);
  if (!options) return fail(options.error());
  const RequestInfo& info = call.info;
  Result<Written> written;
  if (info.verb == "patch") {
    const auto type = patch_kind(call.request);
    if (!type) return fail(type.error());
    const auto patch = json::parse(call.request.body);
    if (!patch) return fail(patch.error().within("patch"));
    written = objects_.patch(call.kind, info.ns, info.name, *type, *patch, info.subresource, *options);
  } else {
    auto body = parse_body(call.request);
    if (!body) return fail(body.error());
    if (info.verb == "create") {
      if (!info.name.empty())
        return fail(Code::method_not_allowed, "the server does not allow this method on the requested resource");
      written = objects_.create(call.kind, info.ns, std::move(*body), *options);
    } else {
      written = objects_.update(call.kind, info.ns, info.name, std::move(*body), info.subresource, *options);
    }
  }
  if (!written) return fail(written.error());
  const auto text = Presentation{call.request, call.kind, clock_}.object(written->object);
  return with_warnings(json_response(info.verb == "create" ? 201 : 200, text + "\n"), written->warnings);
}

Result<http::Response> ApiHandler::remove(const Call& call) const {
  const auto options = delete_options(call.request);
  if (!options) return fail(options.error());
  auto removed = objects_.remove(call.kind, call.info.ns, call.info.name, *options, call.user);
  if (!removed) return fail(removed.error());
  if (objects_.store().get(call.kind.key(call.info.ns, call.info.name)))
    return json_response(200, Presentation{call.request, call.kind, clock_}.object(*removed) + "\n");
  return json_response(200, success_status(call.kind, call.info.name, json::string_at(*removed, "/metadata/uid")));
}

Result<http::Response> ApiHandler::remove_all(const Call& call) const {
  const auto options = delete_options(call.request);
  if (!options) return fail(options.error());
  const auto labels = Selector::labels(call.request.query_value("labelSelector"));
  if (!labels) return fail(labels.error());
  const auto fields = Selector::fields(call.request.query_value("fieldSelector"), call.kind);
  if (!fields) return fail(fields.error());
  for (const store::Record& record : objects_.store().list(call.kind.prefix(call.info.ns)).records) {
    const auto stored = json::parse(*record.value);
    if (!stored) continue;
    const auto object = call.kind.as_served(*stored);
    if (!labels->matches(object) || !fields->matches(object)) continue;
    auto removed =
        objects_.remove(call.kind, call.info.ns, json::string_at(object, "/metadata/name"), *options, call.user);
    if (!removed && removed.error().code != Code::not_found) return fail(removed.error());
  }
  return json_response(200, success_status(call.kind, "", ""));
}

}  // namespace godwit::apiserver
