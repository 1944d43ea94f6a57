// What every verb works with: the API, and the namespace.
#pragma once

#include <string>

#include "base/result.hpp"
#include "kube/client.hpp"

namespace godwit::cli {

struct Session {
  kube::Client client;
  std::string ns;
};

/// Connects by the kubeconfig given, else $KUBECONFIG, else ~/.kube/config. An empty `ns` is the kubeconfig's.
[[nodiscard]] Result<Session> connect(const std::string& kubeconfig, const std::string& ns);

}  // namespace godwit::cli
