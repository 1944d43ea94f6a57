// start and stop.
#include <fmt/format.h>

#include "cli/missing_machine.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

Result<> change(const Session& session, const std::string& name, std::string_view verb) {
  const auto path = fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachines/{}/{}", session.ns,
                                http::percent_encode(name), verb);
  const auto answer = session.client.call("PUT", path, "{}");
  if (!answer && answer.error().code == Code::not_found) {
    return fail(no_machine(session));
  }
  if (!answer) return fail(answer.error());
  print_request(session, name, verb);
  return {};
}

}  // namespace

Result<> start(const Session& session, const std::string& name) { return change(session, name, "start"); }
Result<> stop(const Session& session, const std::string& name) { return change(session, name, "stop"); }

}  // namespace godwit::cli
