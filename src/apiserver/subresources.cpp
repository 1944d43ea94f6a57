#include "apiserver/subresources.hpp"

#include <fmt/format.h>

#include "apiserver/eviction.hpp"
#include "apiserver/metadata.hpp"
#include "apiserver/pod_log.hpp"
#include "apiserver/status.hpp"
#include "apiserver/subresource_support.hpp"

namespace godwit::apiserver {
namespace {

/// Of an eviction.
bool wants_dry_run(const http::Request& request, const json::Value& eviction) {
  return request.query_value("dryRun") == "All" || !json::array_at(eviction, "/deleteOptions/dryRun").empty();
}

std::optional<std::int64_t> grace_asked_for(const json::Value& eviction) {
  return number_in(eviction, "/deleteOptions/gracePeriodSeconds");
}

}  // namespace

bool Subresources::serve(http::Exchange& exchange, const RequestInfo& info, const User& user) const {
  const http::Request& request = exchange.request();
  const auto send = [&](Result<http::Response> response) {
    exchange.send(response ? std::move(*response) : error_response(response.error()));
    return true;
  };
  if (info.subresource.empty() || info.subresource == "status") return false;
  if (info.group == subresource_group) {
    if (streams_.serve(exchange, info)) return true;
    if (auto answer = machines_.serve(request, info, user, exchange.stop())) return send(std::move(*answer));
  }
  if (info.group.empty() && info.resource == "pods") {
    if (info.subresource == "log" && request.method == "GET") {
      serve_pod_log(exchange, info, objects_, agents_);
      return true;
    }
    if (info.subresource == "binding" && request.method == "POST") return send(bind_pod(request, info, user));
    if (info.subresource == "eviction" && request.method == "POST") return send(evict_pod(request, info, user));
  }
  return send(fail(Code::not_built_yet, "not built yet: " + info.resource + "/" + info.subresource));
}

Result<http::Response> Subresources::bind_pod(const http::Request& request, const RequestInfo& info,
                                              const User& user) const {
  const auto binding = body_of(request);
  if (!binding) return fail(binding.error());
  const std::string node = json::string_at(*binding, "/target/name");
  if (node.empty()) return fail(Code::invalid, "target.name: Required value: the node that the pod is bound to");
  const Kind& pods = *objects_.kinds().find("", "v1", "pods");
  const std::string wanted_uid = json::string_at(*binding, "/metadata/uid");
  const WriteOptions options{
      .user = user, .fields = FieldValidation::ignore, .dry_run = request.query_value("dryRun") == "All"};
  // One step: two schedulers must not both bind it.
  const auto bind = [&](const json::Value& pod) -> Result<json::Value> {
    const std::string uid = json::string_at(pod, "/metadata/uid");
    const std::string bound = json::string_at(pod, "/spec/nodeName");
    if (!wanted_uid.empty() && wanted_uid != uid) {
      return fail(cannot_fulfil(
          pods, info.name,
          fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", wanted_uid, uid)));
    }
    if (is_being_deleted(pod)) {
      return fail(cannot_fulfil(pods, info.name,
                                fmt::format("pod {} is being deleted, cannot be assigned to a host", info.name)));
    }
    if (!bound.empty()) {
      return fail(
          cannot_fulfil(pods, info.name, fmt::format("pod {} is already assigned to node \"{}\"", info.name, bound)));
    }
    json::Value placed = pod;
    json::set(placed, "/spec/nodeName", json::Value(node));
    return placed;
  };
  const auto written = objects_.change(pods, info.ns, info.name, {}, options, bind);
  if (!written) return fail(written.error());
  const json::Value status = json::Object{
      {"status",
       json::Object{{"conditions", json::Array{json::Object{{"type", "PodScheduled"}, {"status", "True"}}}}}}};
  // The condition only tells what spec.nodeName says already: the pod may be gone by now.
  (void)objects_.patch(pods, info.ns, info.name, PatchKind::strategic, status, "status", options);
  return json_response(201, success_status(pods, info.name, json::string_at(written->object, "/metadata/uid")));
}

Result<http::Response> Subresources::evict_pod(const http::Request& request, const RequestInfo& info,
                                               const User& user) const {
  const auto eviction = body_of(request);
  if (!eviction) return fail(eviction.error());
  const Kind& pods = *objects_.kinds().find("", "v1", "pods");
  const auto pod = objects_.get(pods, info.ns, info.name);
  if (!pod) return fail(pod.error());
  if (auto allowed = allow_eviction(objects_, *pod, wants_dry_run(request, *eviction), user); !allowed) {
    return fail(allowed.error());
  }
  auto removed = objects_.remove(pods, info.ns, info.name,
                                 {.uid = json::string_at(*pod, "/metadata/uid"),
                                  .resource_version = {},
                                  .grace_period_seconds = grace_asked_for(*eviction),
                                  .propagation_policy = {},
                                  .dry_run = wants_dry_run(request, *eviction)},
                                 user);
  if (!removed) return fail(removed.error());
  return json_response(201, success_status(pods, info.name, json::string_at(*pod, "/metadata/uid")));
}

}  // namespace godwit::apiserver
