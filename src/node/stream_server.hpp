// The agent's TLS port: byte streams of its guests (serial consoles, screens, logs) for the API server's front.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/log.hpp"
#include "http/server.hpp"
#include "kube/client.hpp"

namespace godwit::node {

/// Where a guest's streams listen (unix sockets), if the guest runs on this host.
struct GuestSockets {
  std::filesystem::path console;
  std::filesystem::path vnc;
};
using FindSockets = std::function<std::optional<GuestSockets>(const kube::Key& vmi)>;

struct StreamServerOptions {
  std::string address;
  std::uint16_t port = 0;
  http::ServerTls tls;
};

/// Answers with the log of the pod of that uid.
using ServeLog = std::function<void(http::Exchange& exchange, const std::string& pod_uid)>;

/// What the agent inside a guest says about `what`.
using AskAgent = std::function<Result<json::Value>(const kube::Key& vmi, const std::string& what)>;

/// Serves "/console/<namespace>/<vmi>" (one client at a time) and "/vnc/<namespace>/<vmi>" as WebSockets of raw bytes,
/// "/agent/<namespace>/<vmi>/<what>" and "/log/<pod uid>", to clients of the group system:masters alone.
class StreamServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StreamServer>> start(StreamServerOptions options,
                                                                   FindSockets find_sockets, ServeLog serve_log,
                                                                   AskAgent ask_agent);
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  StreamServer(FindSockets find_sockets, ServeLog serve_log, AskAgent ask_agent)
      : find_sockets_{std::move(find_sockets)}, serve_log_{std::move(serve_log)}, ask_agent_{std::move(ask_agent)} {}
  void serve(http::Exchange& exchange) const;
  void serve_console(http::Exchange& exchange, const kube::Key& vmi) const;
  void serve_stream(http::Exchange& exchange, const std::string& what, const kube::Key& vmi) const;

  FindSockets find_sockets_;
  ServeLog serve_log_;
  AskAgent ask_agent_;
  Log log_{"streams"};
  mutable std::mutex mutex_;
  mutable std::set<kube::Key> consoles_;  ///< that have a client
  std::unique_ptr<http::Server> server_;
};

}  // namespace godwit::node
