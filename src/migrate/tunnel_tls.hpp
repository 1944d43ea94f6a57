// The tunnel's TLS: one context an end, non-blocking streams whose end is told apart from their truncation. Private to
// the tunnel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace godwit::migrate {

/// TLS 1.3 only, both ends with certificates of the CA. Shared by all streams of a process; thread-safe.
class TlsContext {
 public:
  [[nodiscard]] static Result<TlsContext> create(bool server, const std::filesystem::path& certificate,
                                                 const std::filesystem::path& key, const std::filesystem::path& ca);
  [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }
  [[nodiscard]] bool server() const { return server_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext(std::unique_ptr<ssl_ctx_st, Free> context, bool server) : context_{std::move(context)}, server_{server} {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
  bool server_;
};

enum class Io : std::uint8_t {
  ok,
  want_read,   ///< nothing to read yet
  want_write,  ///< the socket takes no more yet
  ended,       ///< the peer closed in order (close_notify)
  broken,      ///< reset, truncated or not TLS: whatever was sent is not the whole
};

/// One connection. Not thread-safe. Destruction closes the socket as it is; reset() makes that abortive.
class TlsStream {
 public:
  /// Shakes hands over a connected socket (made non-blocking) and checks the peer's name. `stop_fd` readable:
  /// cancelled.
  [[nodiscard]] static Result<TlsStream> handshake(const TlsContext& context, UniqueFd socket,
                                                   std::string_view peer_name, Deadline deadline, int stop_fd);
  /// Reads until the buffer is full or nothing more is there; `got` counts what was read, whatever the outcome.
  [[nodiscard]] Io read(std::span<char> buffer, std::size_t& got);
  [[nodiscard]] Io write(std::span<const char> data, std::size_t& written);
  /// Sends close_notify and closes the sending half. ok or want_write or broken.
  [[nodiscard]] Io finish_writing();
  /// Makes the coming close a reset, so that the peer can't take it for an end.
  void reset();
  [[nodiscard]] int fd() const { return socket_.get(); }

  /// For short messages: all of it, or an error.
  Result<> write_all(std::string_view data, Deadline deadline, int stop_fd);
  /// Up to and without the newline; at most 1 KiB. Reads byte by byte, so that nothing of what follows is taken.
  [[nodiscard]] Result<std::string> read_line(Deadline deadline, int stop_fd);

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  TlsStream(std::unique_ptr<ssl_st, Free> ssl, UniqueFd socket) : socket_{std::move(socket)}, ssl_{std::move(ssl)} {}
  [[nodiscard]] Io outcome(int result);
  UniqueFd socket_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::uint64_t since_key_update_ = 0;
};

/// Waits for a descriptor. Code::timeout, or Code::cancelled when stop_fd is readable.
Result<> wait_fd(int fd, short events, Deadline deadline, int stop_fd);

}  // namespace godwit::migrate
