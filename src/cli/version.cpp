#include <fmt/format.h>

#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

constexpr auto program_version = "0.1.0";

}  // namespace

Result<> version(const GlobalOptions& options) {
  fmt::print("godwit {}\n", program_version);
  const auto session = open_session(options);
  if (!session) {
    // Without a kubeconfig there is only this program to tell of; one that was named must be right.
    if (!options.kubeconfig.empty()) return fail(session.error());
    return {};
  }
  const auto answer = session->client.call("GET", "/version");
  if (!answer) return fail(answer.error());
  const auto server = json::parse(*answer);
  if (!server) return fail(server.error().within("the server's version"));
  fmt::print("server {} at {}\n", json::string_at(*server, "/gitVersion", "unknown"), session->config.server);
  return {};
}

}  // namespace godwit::cli
