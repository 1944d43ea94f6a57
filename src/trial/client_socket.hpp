// Sockets towards the guest, with deadlines. Internal.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::trial {

[[nodiscard]] Result<UniqueFd> connect_tcp(const std::string& address, std::uint16_t port, Deadline deadline);
/// A connected UDP socket, non-blocking.
[[nodiscard]] Result<UniqueFd> connect_udp(const std::string& address, std::uint16_t port);

/// A TCP connection that speaks in lines.
class LineSocket {
 public:
  explicit LineSocket(UniqueFd fd) : fd_{std::move(fd)} {}
  [[nodiscard]] Result<> send(const std::string& line);
  /// Code::timeout; Code::unavailable when the connection has ended.
  [[nodiscard]] Result<std::string> receive(Deadline deadline);

 private:
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace godwit::trial
