#include "cli/session.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace godwit::cli {

void add_connection_options(CLI::App& app, GlobalOptions& global) {
  const auto add = [&](const char* names, std::string& value, const char* type, const char* help) {
    app.add_option(names, value, help)->type_name(type)->group(groups::connection);
  };
  add("-n,--namespace", global.ns, "NAMESPACE", "the namespace (default: the context's, else \"default\")");
  add("--context", global.context, "CONTEXT", "the kubeconfig's context (default: the current one)");
  add("--kubeconfig", global.kubeconfig, "FILE", "the kubeconfig (default: $KUBECONFIG, else ~/.kube/config)");
}

Result<Session> open_session(const GlobalOptions& options) {
  auto config = kube::find_kubeconfig(options.kubeconfig, options.context);
  // The object that the verb names may well exist.
  if (!config) return fail(Code::invalid, config.error().message);
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  std::string ns = options.ns.empty() ? config->ns : options.ns;
  return Session{.config = std::move(*config),
                 .client = kube::Client{std::move(*transport)},
                 .ns = std::move(ns),
                 .format = options.format};
}

void print_request(const Session& session, const std::string& name, std::string_view action) {
  print_answer(session.format, fmt::format("VM {} was scheduled to {}\n", name, action),
               json::Object{{"namespace", session.ns}, {"name", name}, {"action", action}});
}

Error advise(const Session& session, Error error) {
  const std::string source = session.config.source.string();
  const auto says = [&](std::string_view words) { return error.message.find(words) != std::string::npos; };
  const bool of_connection = says(session.config.server.substr(std::string_view{"https://"}.size()));
  switch (error.code) {
    case Code::unavailable:
    case Code::timeout:
      if (!of_connection) break;
      if (says("alert")) {
        error.code = Code::unauthorized;
        error.message += fmt::format(
            "; the API server does not take the certificate of kubeconfig {}: get a kubeconfig of "
            "this cluster, or a fresh one",
            source);
      } else if (says("certificate")) {
        error.message += fmt::format(
            "; kubeconfig {} is of another cluster, or older than the server's certificate: get "
            "this cluster's present one",
            source);
      } else {
        error.message +=
            fmt::format("; check that the API server runs, and that kubeconfig {} names the right one", source);
      }
      break;
    case Code::unauthorized:
      error.message = fmt::format(
          "the API server {} does not know the user of kubeconfig {}; get a kubeconfig of this "
          "cluster (of a local one: `godwit local status` names it)",
          session.config.server, source);
      break;
    case Code::forbidden:
      error.message += fmt::format("; use a kubeconfig whose user may do this (this one: {})", source);
      break;
    default: break;
  }
  return error;
}

}  // namespace godwit::cli
