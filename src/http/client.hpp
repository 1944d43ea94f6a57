// An HTTPS client (libcurl, HTTP/1.1: a kept connection for each request at a time). Blocking; threads may share one.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "http/websocket.hpp"

namespace godwit::http {

struct ClientOptions {
  std::string base_url;  ///< "https://198.18.0.1:6443"
  ClientTls tls;
  std::string bearer_token;  ///< sent when not empty
  std::string user_agent = "godwit";
};

/// How sure a failure is. A write that surely was not sent may be repeated blindly; one that perhaps was may not. `no`
/// only when no byte of the request had begun to go out: no address, no connection, no TLS session.
enum class Sent : unsigned char { no, perhaps };

struct TransportError {
  Error error;  ///< Code::unavailable, Code::timeout or Code::cancelled
  Sent sent = Sent::perhaps;
};

class Client {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Client>> create(ClientOptions options);
  virtual ~Client() = default;
  /// Any HTTP status is a response; only transport trouble is an error.
  [[nodiscard]] virtual tl::expected<Response, TransportError> send(const Request& request, Deadline deadline) = 0;
  /// Streams the body as it comes. Returns at the body's end, when `on_bytes` returns false, or within 150 ms of a
  /// stop. A status of 300 or more comes back as the response, body collected.
  [[nodiscard]] virtual tl::expected<Response, TransportError> stream(
      const Request& request, const std::function<bool(std::string_view)>& on_bytes, const std::stop_token& stop) = 0;
  [[nodiscard]] virtual const ClientOptions& options() const = 0;
};

}  // namespace godwit::http
