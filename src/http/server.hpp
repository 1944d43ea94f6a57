// An HTTPS server (HTTP/1.1, HTTP/2 by ALPN, WebSocket) for blocking handlers.
//
// Sockets are served by coroutines on one thread; each request runs its handler, a plain function, on a thread of its
// own pool, so that a handler may block (a watch, a console) without stopping anybody else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "http/websocket.hpp"

namespace godwit::http {

/// Where a handler's answer goes. Used by one thread at a time. Whoever destroys it unanswered has sent a 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  [[nodiscard]] virtual const Request& request() const = 0;
  /// Stops when the peer is gone or the server ends: what a blocking handler waits with.
  [[nodiscard]] virtual std::stop_token stop() const = 0;

  /// The whole answer at once (with Content-Length).
  virtual void send(Response response) = 0;
  /// An answer in parts: headers first, then as many writes as wanted. write blocks while the peer is slow (256 KiB are
  /// queued) and returns false once the peer is gone.
  virtual void begin(int status, Headers headers) = 0;
  virtual bool write(std::string_view bytes) = 0;
  virtual void end() = 0;
  /// Turns the request into a WebSocket (HTTP/1.1 only): answers 101 with the subprotocol. Code::bad_request when the
  /// request is no upgrade (then send() an error).
  [[nodiscard]] virtual Result<std::unique_ptr<WebSocket>> accept_websocket(std::string_view subprotocol) = 0;
};

using Handler = std::function<void(Exchange&)>;

struct ServerTls {
  std::string certificate_pem;  ///< leaf first, then intermediates
  std::string key_pem;
  std::string client_ca_pem;  ///< client certificates are asked for, and must be of this CA when given
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one
  ServerTls tls;
  Duration request_header_timeout = std::chrono::seconds{30};
  std::size_t max_body_bytes = 8U << 20U;
  int max_concurrent_requests = 4000;  ///< beyond: 429
};

class Server {
 public:
  /// Listens and serves until destroyed. A port in use is an error that names it.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  virtual ~Server() = default;  ///< stops accepting, asks the handlers to stop, joins them
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

}  // namespace godwit::http
