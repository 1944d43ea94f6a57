// The agent's TLS port: byte streams of its guests (serial consoles, logs) for the API server's front.
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

/// Answers with the log of the pod of that uid.
using ServeLog = std::function<void(http::Exchange& exchange, const std::string& pod_uid)>;

/// Serves "/console/<namespace>/<vmi>" as a WebSocket of raw bytes, and "/log/<pod uid>", to clients of the group
/// system:masters alone.
class StreamServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StreamServer>> start(StreamServerOptions options,
                                                                   FindConsole find_console, ServeLog serve_log);
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  StreamServer(FindConsole find_console, ServeLog serve_log)
      : find_console_{std::move(find_console)}, serve_log_{std::move(serve_log)} {}
  void serve(http::Exchange& exchange) const;
  void serve_console(http::Exchange& exchange, const kube::Key& vmi) const;

  FindConsole find_console_;
  ServeLog serve_log_;
  Log log_{"streams"};
  std::unique_ptr<http::Server> server_;
};

}  // namespace godwit::node
