#include "cli/session.hpp"

#include "kube/kubeconfig.hpp"

namespace godwit::cli {

Result<Session> connect(const std::string& kubeconfig, const std::string& ns) {
  const auto config = kube::find_kubeconfig(kubeconfig);
  if (!config) return fail(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return fail(transport.error());
  const std::string fallback = config->ns.empty() ? "default" : config->ns;
  return Session{kube::Client{*transport}, ns.empty() ? fallback : ns};
}

}  // namespace godwit::cli
