#include "apiserver/guest_streams.hpp"

#include <thread>

#include "apiserver/agents.hpp"
#include "apiserver/status.hpp"
#include "apiserver/subresource_support.hpp"
#include "http/client.hpp"
#include "rules/objects.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view stream_protocol = "plain.kubevirt.io";

/// Copies messages from one side to the other until one of them ends.
void pump(http::WebSocket& from, http::WebSocket& to) {
  for (;;) {
    auto message = from.receive(Deadline::never());
    if (!message || !*message || !to.send(**message)) break;
  }
  from.close();
  to.close();
}

/// Why there is no such stream of that guest; "" when there is.
std::string missing_device(const json::Value& vmi, const std::string& stream) {
  const bool console = stream == "console";
  const auto* switch_name =
      console ? "/spec/domain/devices/autoattachSerialConsole" : "/spec/domain/devices/autoattachGraphicsDevice";
  if (json::bool_at(vmi, switch_name, true)) return {};
  return console ? "No serial consoles are present." : "No graphics devices are present.";
}

}  // namespace

bool GuestStreams::serve(http::Exchange& exchange, const RequestInfo& info) const {
  if (info.resource != "virtualmachineinstances" || exchange.request().method != "GET") return false;
  if (info.subresource == "guestosinfo" || info.subresource == "userlist" || info.subresource == "filesystemlist") {
    auto answer = ask_agent(info);
    exchange.send(answer ? std::move(*answer) : error_response(answer.error()));
    return true;
  }
  if (info.subresource != "console" && info.subresource != "vnc") return false;
  auto guest = reach(info);
  if (!guest) {
    exchange.send(error_response(guest.error()));
    return true;
  }
  auto client = exchange.accept_websocket(stream_protocol);
  if (!client) {
    exchange.send(error_response(client.error()));
    return true;
  }
  const std::stop_callback ended{exchange.stop(), [&] {
                                   (*guest)->close();
                                   (*client)->close();
                                 }};
  std::jthread upward{[&] { pump(**client, **guest); }};
  pump(**guest, **client);
  return true;
}

Result<http::Response> GuestStreams::ask_agent(const RequestInfo& info) const {
  const auto vmi = objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
  if (!vmi) return fail(machine_error(Code::not_found, info, {}));
  if (rules::phase_of(*vmi) != "Running") return fail(machine_error(Code::conflict, info, "VMI is not running"));
  if (rules::condition_status(*vmi, "AgentConnected") != "True")
    return fail(machine_error(Code::conflict, info, "VMI does not have guest agent connected"));
  const std::string owner = json::string_at(*vmi, "/status/nodeName");
  const auto agent = agent_url(objects_.lookup(), owner);
  if (!agent) return fail(agent.error());
  http::ClientOptions options{.base_url = *agent, .tls = agents_, .bearer_token = {}};
  options.tls.server_name = owner;
  const auto client = http::Client::create(std::move(options));
  if (!client) return fail(client.error());
  http::Request request;
  request.path = "/agent/" + info.ns + "/" + info.name + "/" + info.subresource;
  auto answer = (*client)->send(request, Deadline::after(std::chrono::seconds{10}));
  if (!answer) return fail(answer.error().error);
  if (answer->status != 200) return fail(machine_error(code_of({}, answer->status), info, answer->body));
  return json_response(200, std::move(answer->body));
}

Result<std::unique_ptr<http::WebSocket>> GuestStreams::reach(const RequestInfo& info) const {
  const auto vmi = objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
  if (!vmi) return fail(machine_error(Code::not_found, info, {}));
  const std::string phase = json::string_at(*vmi, "/status/phase");
  if (phase == "Failed") return fail(machine_error(Code::conflict, info, "VMI is in failed status"));
  const std::string owner = json::string_at(*vmi, "/status/nodeName");
  if (phase != "Running" || owner.empty()) return fail(Code::bad_request, "VMI is not running");
  if (const auto why = missing_device(*vmi, info.subresource); !why.empty()) return fail(Code::bad_request, why);
  const auto agent = agent_url(objects_.lookup(), owner);
  if (!agent) return fail(agent.error());
  http::ClientTls tls = agents_;
  tls.server_name = owner;
  http::Request upstream;
  upstream.path = "/" + info.subresource + "/" + info.ns + "/" + info.name;
  auto guest =
      http::connect_websocket(*agent, tls, upstream, stream_protocol, Deadline::after(std::chrono::seconds{10}));
  if (!guest) return fail(guest.error().within(info.subresource + " of " + info.ns + "/" + info.name + " on " + owner));
  return guest;
}

}  // namespace godwit::apiserver
