#include "node/stream_server.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"

namespace godwit::node {
namespace {

constexpr std::string_view stream_protocol = "plain.kubevirt.io";

/// Copies what comes from the guest to the client until one of them ends.
void pump_to_client(int guest, http::WebSocket& client, const std::stop_token& stop) {
  char buffer[65536];
  while (!stop.stop_requested()) {
    pollfd p{guest, POLLIN, 0};
    const int ready = ::poll(&p, 1, 200);
    if (ready < 0 && errno != EINTR) break;
    if (ready <= 0) continue;
    const ssize_t n = ::read(guest, buffer, sizeof buffer);
    if (n <= 0 || !client.send({buffer, static_cast<std::size_t>(n)})) break;
  }
  client.close();
}

void pump_to_guest(http::WebSocket& client, int guest) {
  for (;;) {
    auto message = client.receive(Deadline::never());
    if (!message || !*message) return;
    std::string_view rest = **message;
    while (!rest.empty()) {
      const ssize_t n = ::send(guest, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }
}

}  // namespace

Result<std::unique_ptr<StreamServer>> StreamServer::start(StreamServerOptions options, FindSockets find_sockets,
                                                          ServeLog serve_log, AskAgent ask_agent) {
  auto streams = std::unique_ptr<StreamServer>{
      new StreamServer{std::move(find_sockets), std::move(serve_log), std::move(ask_agent)}};
  http::ServerOptions http_options;
  http_options.address = options.address;
  http_options.port = options.port;
  http_options.tls = std::move(options.tls);
  auto server = http::Server::start(std::move(http_options),
                                    [self = streams.get()](http::Exchange& exchange) { self->serve(exchange); });
  if (!server) return fail(server.error().within("stream port"));
  streams->server_ = std::move(*server);
  return streams;
}

void StreamServer::serve(http::Exchange& exchange) const {
  const http::Request& request = exchange.request();
  if (request.path == "/healthz") return exchange.send({.status = 200, .headers = {}, .body = "ok"});
  const bool trusted = request.peer && std::find(request.peer->organizations.begin(), request.peer->organizations.end(),
                                                 "system:masters") != request.peer->organizations.end();
  if (!trusted)
    return exchange.send({.status = 403, .headers = {}, .body = "only the API server may open streams here\n"});
  const std::vector<std::string> parts = split(request.path, '/');
  if (parts.size() == 4 && parts[1] == "console") return serve_console(exchange, {.ns = parts[2], .name = parts[3]});
  if (parts.size() == 4 && parts[1] == "vnc") return serve_stream(exchange, "vnc", {.ns = parts[2], .name = parts[3]});
  if (parts.size() == 5 && parts[1] == "agent") {
    const auto told = ask_agent_({.ns = parts[2], .name = parts[3]}, parts[4]);
    if (!told)
      return exchange.send({.status = http_status_of(told.error().code), .headers = {}, .body = told.error().message});
    return exchange.send(
        {.status = 200, .headers = {{"content-type", "application/json"}}, .body = json::write(*told)});
  }
  if (parts.size() == 3 && parts[1] == "log") return serve_log_(exchange, parts[2]);
  exchange.send({.status = 404, .headers = {}, .body = "no such stream: " + request.path + "\n"});
}

/// QEMU would let a second client wait without a word.
void StreamServer::serve_console(http::Exchange& exchange, const kube::Key& vmi) const {
  {
    const std::lock_guard lock{mutex_};
    if (!consoles_.insert(vmi).second) {
      return exchange.send({.status = 409, .headers = {}, .body = "another client has the console\n"});
    }
  }
  serve_stream(exchange, "console", vmi);
  const std::lock_guard lock{mutex_};
  consoles_.erase(vmi);
}

void StreamServer::serve_stream(http::Exchange& exchange, const std::string& what, const kube::Key& vmi) const {
  const auto sockets = find_sockets_(vmi);
  if (!sockets) {
    return exchange.send(
        {.status = 404, .headers = {}, .body = "guest " + vmi.text() + " does not run on this host\n"});
  }
  auto guest = connect_unix_socket(what == "vnc" ? sockets->vnc : sockets->console, 0);
  if (!guest) return exchange.send({.status = 503, .headers = {}, .body = guest.error().message + "\n"});
  auto client = exchange.accept_websocket(stream_protocol);
  if (!client) return exchange.send({.status = 400, .headers = {}, .body = client.error().message + "\n"});
  const int fd = guest->get();
  {
    std::jthread reader{[&](const std::stop_token& stop) { pump_to_client(fd, **client, stop); }};
    pump_to_guest(**client, fd);
    ::shutdown(fd, SHUT_RDWR);
  }
  log_.debug("{} of {} closed", what, vmi.text());
}

}  // namespace godwit::node
