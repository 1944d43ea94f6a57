// The agent's TLS port: byte streams of its guests (serial consoles) for the API server's front.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "http/server.hpp"
#include "kube/client.hpp"

namespace godwit::node {

/// Where a guest's serial console listens (a unix socket), if the guest runs on this host.
using FindConsole = std::function<std::optional<std::filesystem::path>(const kube::Key& vmi)>;

struct StreamServerOptions {
  std::string address;
  std::uint16_t port = 0;
  http::ServerTls tls;
};

/// Serves "/console/<namespace>/<vmi>" as a WebSocket of raw bytes to clients of the group system:masters alone.
class StreamServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StreamServer>> start(StreamServerOptions options,
                                                                   FindConsole find_console);
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  explicit StreamServer(FindConsole find_console) : find_console_{std::move(find_console)} {}
  void serve(http::Exchange& exchange) const;
  void serve_console(http::Exchange& exchange, const kube::Key& vmi) const;

  FindConsole find_console_;
  Log log_{"streams"};
  std::unique_ptr<http::Server> server_;
};

}  // namespace godwit::node
