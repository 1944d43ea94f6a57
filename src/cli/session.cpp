#include "cli/session.hpp"

namespace godwit::cli {

Result<Session> open_session(const GlobalOptions& options) {
  auto config = kube::find_kubeconfig(options.kubeconfig);
  if (!config) return fail(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  std::string ns = options.ns.empty() ? config->ns : options.ns;
  return Session{.config = std::move(*config), .client = kube::Client{std::move(*transport)}, .ns = std::move(ns)};
}

Error advise(Error error) {
  switch (error.code) {
    case Code::unavailable:
    case Code::timeout: error.message += "; check that the API server runs and that the kubeconfig names it"; break;
    case Code::unauthorized:
    case Code::forbidden: error.message += "; use a kubeconfig whose user may do this"; break;
    default: break;
  }
  return error;
}

}  // namespace godwit::cli
