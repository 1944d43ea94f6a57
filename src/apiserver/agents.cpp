#include "apiserver/agents.hpp"

#include <fmt/format.h>

namespace godwit::apiserver {

Result<std::string> agent_url(const Lookup& lookup, const std::string& node) {
  const auto object = lookup.get("", "nodes", "", node);
  std::string address;
  if (object) {
    for (const json::Value& entry : json::array_at(*object, "/status/addresses")) {
      if (json::string_at(entry, "/type") == "InternalIP") address = json::string_at(entry, "/address");
    }
  }
  const std::int64_t port = object ? json::int_at(*object, "/status/daemonEndpoints/kubeletEndpoint/Port") : 0;
  if (address.empty() || port == 0)
    return fail(Code::unavailable, "node " + node + " has not published where its agent listens");
  return fmt::format("https://{}:{}", address, port);
}

}  // namespace godwit::apiserver
