#include "apiserver/pod_log.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "apiserver/agents.hpp"
#include "apiserver/status.hpp"
#include "http/client.hpp"

namespace godwit::apiserver {
namespace {

/// The container that is asked for, or the only one. Errors in Kubernetes' words.
Result<std::string> container_of(const json::Value& pod, const std::string& asked_for) {
  const std::string name = json::string_at(pod, "/metadata/name");
  const auto& containers = json::array_at(pod, "/spec/containers");
  if (asked_for.empty() && containers.size() == 1) return json::string_at(containers.front(), "/name");
  std::string known;
  for (const json::Value& container : containers) {
    const std::string container_name = json::string_at(container, "/name");
    if (container_name == asked_for) return container_name;
    known += (known.empty() ? "" : " ") + container_name;
  }
  if (asked_for.empty())
    return fail(Code::bad_request,
                fmt::format("a container name must be specified for pod {}, choose one of: [{}]", name, known));
  return fail(Code::bad_request, fmt::format("container {} is not valid for pod {}", asked_for, name));
}

struct Source {
  std::string url;
  http::Request request;
};

/// Where the log is; nothing when the pod has been given to no node yet: its log is empty.
Result<std::optional<Source>> source_of(const http::Request& asked, const json::Value& pod, const Lookup& lookup) {
  const auto container = container_of(pod, asked.query_value("container"));
  if (!container) return fail(container.error());
  const std::string name = json::string_at(pod, "/metadata/name");
  if (asked.query_value("previous") == "true") {
    return fail(Code::bad_request,
                fmt::format("previous terminated container \"{}\" in pod \"{}\" not found", *container, name));
  }
  const std::string node = json::string_at(pod, "/spec/nodeName");
  if (node.empty()) return std::nullopt;
  auto url = agent_url(lookup, node);
  if (!url) return fail(url.error().within("logs of pod " + name));
  Source source{.url = std::move(*url), .request = {}};
  source.request.path = "/log/" + json::string_at(pod, "/metadata/uid");
  source.request.query = asked.query;
  return source;
}

}  // namespace

void serve_pod_log(http::Exchange& exchange, const RequestInfo& info, const Objects& objects,
                   const http::ClientTls& agents) {
  const auto refuse = [&](const Error& error) { exchange.send(error_response(error)); };
  const auto pod = objects.get(*objects.kinds().find("", "v1", "pods"), info.ns, info.name);
  if (!pod) return refuse(pod.error());
  const auto source = source_of(exchange.request(), *pod, objects.lookup());
  if (!source) return refuse(source.error());
  if (!*source) return exchange.send({.status = 200, .headers = {{"content-type", "text/plain"}}, .body = {}});
  http::ClientOptions reach;
  reach.base_url = (*source)->url;
  reach.tls = agents;
  auto agent = http::Client::create(std::move(reach));
  if (!agent) return refuse(agent.error());
  bool begun = false;
  const auto begin = [&] {
    if (!begun) exchange.begin(200, {{"content-type", "text/plain"}});
    begun = true;
  };
  const auto answer = (*agent)->stream((*source)->request,
                                       [&](std::string_view bytes) {
                                         begin();
                                         return exchange.write(bytes);
                                       },
                                       exchange.stop());
  const std::string where =
      fmt::format("logs of pod {} on node {}", info.name, json::string_at(*pod, "/spec/nodeName"));
  if (!begun && !answer) return refuse(answer.error().error.within(where));
  if (!begun && answer->status >= 300) {
    const Code code = answer->status == 404 ? Code::not_found : Code::bad_request;
    return refuse({code, where + ": " + answer->body});
  }
  begin();
  exchange.end();
}

}  // namespace godwit::apiserver
