// The guest's sockets: listeners, lines, and the echo services.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace godwit::guest {

/// Lines of a connected socket; closes it when the owner goes.
class LineStream {
 public:
  explicit LineStream(int fd) : fd_{fd} {}
  LineStream(const LineStream&) = delete;
  LineStream& operator=(const LineStream&) = delete;
  ~LineStream();
  /// Without its end of line; nothing when the peer is gone or sends a line without end.
  [[nodiscard]] std::optional<std::string> read_line();
  [[nodiscard]] bool write_line(std::string line);

 private:
  int fd_;
  std::string buffer_;
};

/// Accepts for ever on all addresses, each connection on a thread of its own. Returns only when it cannot listen.
void serve_tcp(std::uint16_t port, const std::function<void(int fd)>& serve);

/// Port 7: answers each line with "<number> <line>", numbered from 1 within the connection.
void echo_lines(int fd);
/// UDP: answers each datagram with itself, for ever.
void echo_datagrams(std::uint16_t port);

/// Connected, or -1 with errno.
[[nodiscard]] int connect_tcp(const std::string& address, std::uint16_t port);

}  // namespace godwit::guest
