// The plain commands of a machine.
#include "qemu/machine.hpp"

namespace godwit::qemu {
namespace {

Result<> without_value(Result<json::Value> reply) {
  if (!reply) return fail(reply.error());
  return {};
}

}  // namespace

Result<RunStatus> Machine::status(Deadline deadline) {
  auto reply = execute("query-status", json::Object{}, deadline);
  if (!reply) return fail(reply.error());
  return RunStatus{json::string_at(*reply, "/status"), json::bool_at(*reply, "/running")};
}

Result<> Machine::cont(Deadline deadline) { return without_value(execute("cont", json::Object{}, deadline)); }
Result<> Machine::stop(Deadline deadline) { return without_value(execute("stop", json::Object{}, deadline)); }

Result<> Machine::system_powerdown(Deadline deadline) {
  return without_value(execute("system_powerdown", json::Object{}, deadline));
}

Result<> Machine::system_reset(Deadline deadline) {
  return without_value(execute("system_reset", json::Object{}, deadline));
}

Result<> Machine::quit(Deadline deadline) {
  // The process may be gone before its reply is out.
  auto reply = execute("quit", json::Object{}, deadline);
  if (!reply && reply.error().code != Code::unavailable) return fail(reply.error());
  if (auto ended = wait(deadline); !ended) return fail(ended.error());
  return {};
}

}  // namespace godwit::qemu
