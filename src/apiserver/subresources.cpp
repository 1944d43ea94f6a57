#include "apiserver/subresources.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "apiserver/agents.hpp"
#include "apiserver/eviction.hpp"
#include "apiserver/metadata.hpp"
#include "apiserver/pod_log.hpp"
#include "apiserver/status.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view kubevirt_group = "kubevirt.io";
constexpr std::string_view subresource_group = "subresources.kubevirt.io";

Error subresource_error(Code code, std::string_view singular, std::string_view name, std::string_view why) {
  if (code == Code::not_found) return {code, fmt::format("{}.kubevirt.io \"{}\" not found", singular, name)};
  if (code == Code::conflict) {
    return {code, fmt::format("Operation cannot be fulfilled on {}.kubevirt.io \"{}\": {}", singular, name, why)};
  }
  return {code, std::string{why}};
}

Failure vm_conflict(const std::string& name, std::string_view why) {
  return fail(subresource_error(Code::conflict, "virtualmachine", name, why));
}

std::string run_strategy_of(const json::Value& vm) {
  const std::string strategy = json::string_at(vm, "/spec/runStrategy");
  if (!strategy.empty()) return strategy;
  return json::bool_at(vm, "/spec/running") ? "Always" : "Halted";
}

bool is_final(const json::Value& vmi) {
  const std::string phase = json::string_at(vmi, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

/// Sets the run strategy where the object keeps it (the older `running` too).
json::Value run_strategy_patch(const json::Value& vm, const char* strategy) {
  if (json::find(vm, "/spec/running") != nullptr) {
    return json::Object{{"spec", json::Object{{"running", std::string_view{strategy} == "Always"}}}};
  }
  return json::Object{{"spec", json::Object{{"runStrategy", strategy}}}};
}

bool wants_dry_run(const json::Value& body) { return !json::array_at(body, "/dryRun").empty(); }

/// Of an eviction.
bool wants_dry_run(const http::Request& request, const json::Value& eviction) {
  return request.query_value("dryRun") == "All" || !json::array_at(eviction, "/deleteOptions/dryRun").empty();
}

std::optional<std::int64_t> grace_asked_for(const json::Value& eviction) {
  if (json::find(eviction, "/deleteOptions/gracePeriodSeconds") == nullptr) return std::nullopt;
  return json::int_at(eviction, "/deleteOptions/gracePeriodSeconds");
}

Result<json::Value> body_of(const http::Request& request) {
  if (request.body.empty()) return json::Value(json::Object{});
  auto body = json::parse(request.body);
  if (!body) return fail(Code::bad_request, "Can not unmarshal Request body to struct, error: " + body.error().message);
  return body;
}

}  // namespace

bool Subresources::serve(http::Exchange& exchange, const RequestInfo& info, const User& user) const {
  const http::Request& request = exchange.request();
  const auto send = [&](Result<http::Response> response) {
    exchange.send(response ? std::move(*response) : error_response(response.error()));
    return true;
  };
  if (info.group == subresource_group) {
    const bool vm = info.resource == "virtualmachines";
    if (vm && info.subresource == "start" && request.method == "PUT") return send(start_vm(request, info, user));
    if (vm && info.subresource == "stop" && request.method == "PUT") return send(stop_vm(request, info, user));
    if (!vm && info.subresource == "console" && request.method == "GET") {
      open_console(exchange, info);
      return true;
    }
    if (info.subresource.empty()) return false;
    return send(fail(Code::not_built_yet, "not built yet: " + info.resource + "/" + info.subresource));
  }
  if (info.subresource.empty() || info.subresource == "status") return false;
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

Result<http::Response> Subresources::start_vm(const http::Request& request, const RequestInfo& info,
                                              const User& user) const {
  const auto body = body_of(request);
  if (!body) return fail(body.error());
  const Kind& vms = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachines");
  const auto vm = objects_.get(vms, info.ns, info.name);
  if (!vm) return fail(subresource_error(Code::not_found, "virtualmachine", info.name, {}));
  if (json::bool_at(*body, "/paused")) return fail(Code::not_built_yet, "not built yet: starting a VM paused");
  const std::string strategy = run_strategy_of(*vm);
  const auto vmi = objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
  if (vmi && !is_final(*vmi)) return vm_conflict(info.name, "VM is already running");
  if (strategy == "Always" || strategy == "Once")
    return vm_conflict(info.name, strategy + " does not support manual start requests");
  const WriteOptions options{.user = user, .fields = FieldValidation::strict, .dry_run = wants_dry_run(*body)};
  Result<Written> written;
  if (strategy == "Halted") {
    written = objects_.patch(vms, info.ns, info.name, PatchKind::merge, run_strategy_patch(*vm, "Always"), {}, options);
  } else {
    const json::Value patch =
        json::Object{{"status", json::Object{{"stateChangeRequests", json::Array{json::Object{{"action", "Start"}}}}}}};
    written = objects_.patch(vms, info.ns, info.name, PatchKind::merge, patch, "status", options);
  }
  if (!written) return fail(written.error());
  return http::Response{.status = 202, .headers = {}, .body = {}};
}

Result<http::Response> Subresources::stop_vm(const http::Request& request, const RequestInfo& info,
                                             const User& user) const {
  const auto body = body_of(request);
  if (!body) return fail(body.error());
  const Kind& vms = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachines");
  const auto vm = objects_.get(vms, info.ns, info.name);
  if (!vm) return fail(subresource_error(Code::not_found, "virtualmachine", info.name, {}));
  const std::string strategy = run_strategy_of(*vm);
  const auto vmi = objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
  const bool runs = vmi && !is_final(*vmi);
  if (!runs && strategy != "Always") return vm_conflict(info.name, "VM is not running");
  if (strategy == "Halted")
    return vm_conflict(info.name, "Halted only supports manual stop requests with a shorter graceperiod");
  const WriteOptions options{.user = user, .fields = FieldValidation::strict, .dry_run = wants_dry_run(*body)};
  Result<Written> written;
  if (strategy == "Always" || strategy == "Once") {
    written = objects_.patch(vms, info.ns, info.name, PatchKind::merge, run_strategy_patch(*vm, "Halted"), {}, options);
  } else {
    const json::Value stop = json::Object{{"action", "Stop"}, {"uid", json::string_at(*vmi, "/metadata/uid")}};
    const json::Value patch = json::Object{{"status", json::Object{{"stateChangeRequests", json::Array{stop}}}}};
    written = objects_.patch(vms, info.ns, info.name, PatchKind::merge, patch, "status", options);
  }
  if (!written) return fail(written.error());
  return http::Response{.status = 202, .headers = {}, .body = {}};
}

namespace {

/// Copies messages from one side to the other until one of them ends.
void pump(http::WebSocket& from, http::WebSocket& to) {
  for (;;) {
    auto message = from.receive(Deadline::never());
    if (!message || !*message || !to.send(**message)) break;
  }
  from.close();
  to.close();
}

}  // namespace

void Subresources::open_console(http::Exchange& exchange, const RequestInfo& info) const {
  const auto refuse = [&](const Error& error) { exchange.send(error_response(error)); };
  const auto vmi = objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
  if (!vmi) return refuse(subresource_error(Code::not_found, "virtualmachineinstance", info.name, {}));
  const std::string phase = json::string_at(*vmi, "/status/phase");
  if (phase == "Failed")
    return refuse(subresource_error(Code::conflict, "virtualmachineinstance", info.name, "VMI is in failed status"));
  const std::string owner = json::string_at(*vmi, "/status/nodeName");
  if (phase != "Running" || owner.empty()) return refuse({Code::bad_request, "VMI is not running"});
  const auto agent = agent_url(objects_.lookup(), owner);
  if (!agent) return refuse(agent.error());
  http::ClientTls tls = agents_;
  tls.server_name = owner;
  http::Request upstream;
  upstream.path = "/console/" + info.ns + "/" + info.name;
  auto guest =
      http::connect_websocket(*agent, tls, upstream, "plain.kubevirt.io", Deadline::after(std::chrono::seconds{10}));
  if (!guest) return refuse(guest.error().within("console of " + info.ns + "/" + info.name + " on " + owner));
  auto client = exchange.accept_websocket("plain.kubevirt.io");
  if (!client) return refuse(client.error());
  const std::stop_callback ended{exchange.stop(), [&] {
                                   (*guest)->close();
                                   (*client)->close();
                                 }};
  std::jthread upward{[&] { pump(**client, **guest); }};
  pump(**guest, **client);
}

}  // namespace godwit::apiserver
