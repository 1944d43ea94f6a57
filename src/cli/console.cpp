#include <fmt/format.h>

#include "cli/console_relay.hpp"
#include "cli/guest_stream.hpp"
#include "cli/missing_machine.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Socket = std::unique_ptr<http::WebSocket>;

/// Where the guest runs; "" when it does not run, nothing when that cannot be told.
std::optional<std::string> node_of(const Session& session, const std::string& name) {
  const auto vmi = session.client.get(kube::resources::virtual_machine_instances, session.key(name));
  if (!vmi) return vmi.error().code == Code::not_found ? std::optional<std::string>{""} : std::nullopt;
  const std::string phase = json::string_at(*vmi, "/status/phase");
  if (phase == "Succeeded" || phase == "Failed") return "";
  return json::string_at(*vmi, "/status/nodeName");
}

/// For the person, not for the pipe: raw terminals need the carriage return.
void tell(std::string_view text) { fmt::print(stderr, "\r\n[godwit: {}]\r\n", text); }

/// Connects again, wherever the guest runs by now. An empty socket: the person left, or the guest has ended.
Result<Socket> follow(const Session& session, const std::string& name, std::string& node, ConsoleRelay& relay) {
  const Deadline patience = Deadline::after(seconds{60});
  for (;;) {
    const auto now = node_of(session, name);
    if (now && now->empty()) {
      tell(name + " has ended");
      return Socket{};
    }
    if (now) {
      auto socket = open_stream(session, name, "console");
      if (socket) {
        tell(*now == node ? "the stream broke; connected again"
                          : fmt::format("{} moved from {} to {}; connected again", name, node, *now));
        node = *now;
        return socket;
      }
      if (patience.passed()) return fail(socket.error().within("the stream broke"));
    } else if (patience.passed()) {
      return fail(Code::unavailable, "the stream broke, and the API server does not answer");
    }
    if (!relay.wait(milliseconds{100})) return Socket{};
  }
}

}  // namespace

Result<> console(const Session& session, const std::string& name) {
  auto socket = open_stream(session, name, "console");
  if (!socket && socket.error().code == Code::not_found) {
    return fail(not_running(session, name));
  }
  if (!socket) return fail(socket.error());
  std::string node = node_of(session, name).value_or("");
  const auto terminal = Terminal::enter();
  if (!terminal) return fail(terminal.error());
  ConsoleRelay relay{*terminal};
  if (terminal->interactive()) tell("console of " + name + "; Ctrl-] leaves");
  while (*socket) {
    if (relay.carry(**socket) == ConsoleRelay::End::left) break;
    socket->reset();
    socket = follow(session, name, node, relay);
    if (!socket) return fail(socket.error());
  }
  if (terminal->interactive()) fmt::print(stderr, "\r\n");
  return {};
}

}  // namespace godwit::cli
