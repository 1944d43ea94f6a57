// What every verb needs: the API server that the kubeconfig names, and a namespace.
#pragma once

#include <string>

#include "base/result.hpp"
#include "kube/client.hpp"
#include "kube/kubeconfig.hpp"

namespace godwit::cli {

struct GlobalOptions {
  std::string kubeconfig;  ///< "": $KUBECONFIG, else ~/.kube/config
  std::string ns;          ///< "": that of the kubeconfig
};

struct Session {
  kube::Kubeconfig config;
  kube::Client client;
  std::string ns;

  [[nodiscard]] kube::Key key(std::string name) const { return {.ns = ns, .name = std::move(name)}; }
};

[[nodiscard]] Result<Session> open_session(const GlobalOptions& options);
/// The error with what to do about it, where the code alone tells.
[[nodiscard]] Error advise(Error error);

}  // namespace godwit::cli
