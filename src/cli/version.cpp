#include <fmt/format.h>

#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

Result<json::Value> server_version(const Session& session) {
  const auto answer = session.client.call("GET", "/version");
  if (!answer) return fail(advise(session, answer.error()));
  const auto server = json::parse(*answer);
  if (!server) return fail(server.error().within("the server's version"));
  return json::Value(
      json::Object{{"url", session.config.server}, {"version", json::string_at(*server, "/gitVersion", "unknown")}});
}

}  // namespace

Result<> version(const GlobalOptions& options) {
  std::string text = fmt::format("godwit {}\n", program_version);
  json::Value value = json::Object{{"version", program_version}};
  const auto session = open_session(options);
  // Without a kubeconfig there is only this program to tell of; one that was named must be right.
  if (!session && (!options.kubeconfig.empty() || !options.context.empty())) return fail(session.error());
  Result<> told;
  if (session) {
    auto server = server_version(*session);
    if (server) {
      text += fmt::format("server {} at {}\n", json::string_at(*server, "/version"), session->config.server);
      json::set(value, "/server", std::move(*server));
    } else {
      told = fail(server.error());
    }
  }
  print_answer(options.format, text, value);
  return told;
}

}  // namespace godwit::cli
