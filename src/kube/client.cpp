#include "kube/client.hpp"

#include <fmt/format.h>

#include "kube/request.hpp"
#include "kube/watch_lines.hpp"

namespace godwit::kube {
namespace {

http::Request read_request(std::string path) {
  http::Request request;
  request.path = std::move(path);
  request.headers.set("Accept", "application/json");
  return request;
}

void add_selectors(http::Request& request, const ListOptions& options) {
  if (!options.label_selector.empty()) request.query.emplace_back("labelSelector", options.label_selector);
  if (!options.field_selector.empty()) request.query.emplace_back("fieldSelector", options.field_selector);
}

Result<json::Value> settle(WriteResult<json::Value> outcome) {
  if (!outcome) return fail(std::move(outcome.error().error));
  return *std::move(outcome);
}

}  // namespace

Client::Client(std::shared_ptr<http::Client> transport) : transport_{std::move(transport)} {}

Result<json::Value> Client::get(const Resource& resource, const Key& key, Deadline deadline) const {
  return settle(send_json(*transport_, read_request(path_of(resource, key.ns, key.name)), deadline));
}

Result<ObjectList> Client::list(const Resource& resource, std::string_view ns, const ListOptions& options,
                                Deadline deadline) const {
  auto request = read_request(path_of(resource, ns));
  add_selectors(request, options);
  auto answer = settle(send_json(*transport_, request, deadline));
  if (!answer) return fail(answer.error());
  ObjectList list;
  list.resource_version = json::string_at(*answer, "/metadata/resourceVersion");
  auto* items = json::find(*answer, "/items");
  if (items == nullptr || !items->is_array()) return list;
  for (auto& item : items->as_array()) {
    if (!item.is_object()) continue;
    // Lists leave the type out of their items; everybody else expects it there.
    item.as_object()["kind"] = resource.kind;
    item.as_object()["apiVersion"] = resource.api_version();
    list.items.push_back(std::move(item));
  }
  return list;
}

Result<json::Value> Client::create(const Resource& resource, std::string_view ns, const json::Value& object) const {
  return settle(
      send_json(*transport_, write_request("POST", path_of(resource, ns), object), Deadline::after(usual_timeout)));
}

Result<json::Value> Client::update(const Resource& resource, const json::Value& object,
                                   std::string_view subresource) const {
  const auto key = key_of(object);
  return settle(send_json(*transport_, write_request("PUT", path_of(resource, key.ns, key.name, subresource), object),
                          Deadline::after(usual_timeout)));
}

Result<json::Value> Client::patch(const Resource& resource, const Key& key, PatchType type, const json::Value& patch,
                                  std::string_view subresource) const {
  const auto request =
      write_request("PATCH", path_of(resource, key.ns, key.name, subresource), patch, content_type_of(type));
  return settle(send_json(*transport_, request, Deadline::after(usual_timeout)));
}

WriteResult<json::Value> Client::guarded_patch(const Resource& resource, const Key& key, const json::Value& json_patch,
                                               Deadline deadline, std::string_view subresource) const {
  const auto request = write_request("PATCH", path_of(resource, key.ns, key.name, subresource), json_patch,
                                     content_type_of(PatchType::json));
  return send_json(*transport_, request, deadline);
}

Result<> Client::remove(const Resource& resource, const Key& key, std::string_view uid,
                        std::string_view resource_version, std::optional<int> grace_period_seconds) const {
  json::Value options = json::Object{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!uid.empty()) json::set(options, "/preconditions/uid", json::Value(uid));
  if (!resource_version.empty()) json::set(options, "/preconditions/resourceVersion", json::Value(resource_version));
  if (grace_period_seconds) json::set(options, "/gracePeriodSeconds", *grace_period_seconds);
  const auto answer = send_json(*transport_, write_request("DELETE", path_of(resource, key.ns, key.name), options),
                                Deadline::after(usual_timeout));
  if (!answer) return fail(answer.error().error);
  return {};
}

Result<> Client::watch(const Resource& resource, std::string_view ns, std::string_view resource_version,
                       const ListOptions& options, const std::function<void(WatchEvent)>& on_event,
                       const std::stop_token& stop) const {
  auto request = read_request(path_of(resource, ns));
  request.query = {{"watch", "true"}, {"allowWatchBookmarks", "true"}};
  if (!resource_version.empty()) request.query.emplace_back("resourceVersion", std::string{resource_version});
  add_selectors(request, options);
  WatchLines lines{on_event};
  const auto response =
      transport_->stream(request, [&lines](std::string_view bytes) { return lines.feed(bytes); }, stop);
  if (lines.error()) return fail(*lines.error());
  if (!response) return fail(response.error().error);
  if (response->status >= 300) return fail(error_of(response->status, response->body));
  return {};
}

Result<std::string> Client::call(std::string_view method, std::string_view path, const std::string& body) const {
  http::Request request;
  request.method = method;
  http::decode_target(path, request);
  request.headers.set("Accept", "application/json, */*");
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = body;
  const auto response = transport_->send(request, Deadline::after(usual_timeout));
  if (!response) return fail(response.error().error);
  if (response->status >= 300) return fail(error_of(response->status, response->body));
  return response->body;
}

}  // namespace godwit::kube
