// start, stop, restart; pause, unpause, soft-reboot, reset.
#include <fmt/format.h>

#include "cli/missing_machine.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

Result<> change(const Session& session, const std::string& name, std::string_view verb, const json::Object& body) {
  const auto path = fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachines/{}/{}", session.ns,
                                http::percent_encode(name), verb);
  const auto answer = session.client.call("PUT", path, json::write(body));
  if (!answer && answer.error().code == Code::not_found) {
    return fail(no_machine(session));
  }
  if (!answer) return fail(answer.error());
  print_request(session, name, verb);
  return {};
}

Result<> ask_guest(const Session& session, const std::string& name, std::string_view subresource,
                   std::string_view verb) {
  const auto path = fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/{}",
                                session.ns, http::percent_encode(name), subresource);
  const auto answer = session.client.call("PUT", path, "{}");
  if (!answer && answer.error().code == Code::not_found) return fail(not_running(session, name));
  if (!answer) return fail(answer.error());
  print_request(session, name, verb);
  return {};
}

Result<> check_force(const PowerOptions& options) {
  if (options.force == options.grace.has_value()) return {};
  return fail(Code::bad_request, "Must both use --force=true and set --grace-period.");
}

/// "vm NAME", "vmi NAME" or "NAME": an instance has the name of its machine.
Result<std::string> name_in(const std::vector<std::string>& what) {
  if (what.size() == 1) return what[0];
  const bool known = what.size() == 2 && (what[0] == "vm" || what[0] == "vmi");
  if (!known) return fail(Code::bad_request, "say `vm NAME` or `vmi NAME`");
  return what[1];
}

}  // namespace

Result<> start(const Session& session, const PowerOptions& options) {
  json::Object body;
  if (options.paused) body["paused"] = true;
  return change(session, options.name, "start", body);
}

Result<> stop(const Session& session, const PowerOptions& options) {
  if (auto good = check_force(options); !good) return good;
  json::Object body;
  if (options.grace) body["gracePeriod"] = *options.grace;
  return change(session, options.name, "stop", body);
}

Result<> restart(const Session& session, const PowerOptions& options) {
  if (auto good = check_force(options); !good) return good;
  json::Object body;
  if (options.grace) body["gracePeriodSeconds"] = *options.grace;
  return change(session, options.name, "restart", body);
}

Result<> pause(const Session& session, const std::vector<std::string>& what) {
  const auto name = name_in(what);
  return name ? ask_guest(session, *name, "pause", "pause") : fail(name.error());
}

Result<> unpause(const Session& session, const std::vector<std::string>& what) {
  const auto name = name_in(what);
  return name ? ask_guest(session, *name, "unpause", "unpause") : fail(name.error());
}

Result<> soft_reboot(const Session& session, const std::string& name) {
  return ask_guest(session, name, "softreboot", "soft-reboot");
}

Result<> reset(const Session& session, const std::string& name) { return ask_guest(session, name, "reset", "reset"); }

}  // namespace godwit::cli
