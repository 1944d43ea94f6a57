#include "cli/missing_machine.hpp"

#include <fmt/format.h>

namespace godwit::cli {

using namespace kube::resources;

Error no_machine(const Session& session) {
  const auto ns = session.client.get(namespaces, {.ns = {}, .name = session.ns});
  if (!ns && ns.error().code == Code::not_found)
    return {Code::not_found, fmt::format("there is no namespace {}; see `kubectl get ns`, and give -n", session.ns)};
  return {Code::not_found,
          fmt::format("namespace {0} has no such machine; see `kubectl get vm,vmi -n {0}`", session.ns)};
}

Error not_running(const Session& session, const std::string& name) {
  if (!session.client.get(virtual_machines, session.key(name))) return no_machine(session);
  return {Code::not_found, fmt::format("it does not run; start it with `godwit start {} -n {}`", name, session.ns)};
}

}  // namespace godwit::cli
