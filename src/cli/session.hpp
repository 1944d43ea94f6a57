// What every verb needs: the API server that the kubeconfig names, and a namespace.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/output.hpp"
#include "kube/client.hpp"
#include "kube/kubeconfig.hpp"

namespace godwit::cli {

struct GlobalOptions {
  std::string kubeconfig;  ///< "": $KUBECONFIG, else ~/.kube/config
  std::string context;     ///< "": the current one
  std::string ns;          ///< "": that of the context
  Format format = Format::table;
};

/// -n, --context, --kubeconfig.
void add_connection_options(CLI::App& app, GlobalOptions& global);

struct Session {
  kube::Kubeconfig config;
  kube::Client client;
  std::string ns;
  Format format = Format::table;

  [[nodiscard]] kube::Key key(std::string name) const { return {.ns = ns, .name = std::move(name)}; }
};

[[nodiscard]] Result<Session> open_session(const GlobalOptions& options);
/// "VM vm1 was scheduled to start": what was asked for, and the server took it.
void print_request(const Session& session, const std::string& name, std::string_view action);
/// The error with what to do about it, where the code alone tells.
[[nodiscard]] Error advise(const Session& session, Error error);

}  // namespace godwit::cli
