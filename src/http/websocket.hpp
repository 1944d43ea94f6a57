// One WebSocket connection, blocking, for either side. Frames are binary.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace godwit::http {

struct ClientTls {
  std::string ca_pem;           ///< whom to trust; "" trusts nobody
  std::string certificate_pem;  ///< "" : no client certificate
  std::string key_pem;
  std::string server_name;  ///< expected in the certificate when not the host of the URL
};

class WebSocket {
 public:
  virtual ~WebSocket() = default;  ///< closes
  /// The next message; nullopt after an orderly close; Code::timeout; Code::unavailable when the connection broke.
  [[nodiscard]] virtual Result<std::optional<std::string>> receive(Deadline deadline) = 0;
  /// Any thread, also while another receives.
  [[nodiscard]] virtual Result<> send(std::string_view message) = 0;
  /// Any thread: makes a blocked receive return.
  virtual void close() = 0;
};

/// Connects to "https://host:port" + target of the request (headers are sent along) and upgrades.
/// A refusal carries the Status message of the answer.
[[nodiscard]] Result<std::unique_ptr<WebSocket>> connect_websocket(const std::string& base_url, const ClientTls& tls,
                                                                   const Request& request, std::string_view subprotocol,
                                                                   Deadline deadline);

}  // namespace godwit::http
