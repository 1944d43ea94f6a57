#include "migrate/tunnel_channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>

namespace godwit::migrate {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

/// One direction's bytes that have been read and not yet written.
struct Buffer {
  std::unique_ptr<char[]> data{new char[buffer_bytes]};
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;   ///< the reading side closed in order
  bool passed = false;  ///< and the writing side was told
  [[nodiscard]] bool empty() const { return begin == end; }
};

class Pump {
 public:
  Pump(TlsStream& tls, UniqueFd local, Session& session) : tls_{tls}, local_{std::move(local)}, session_{session} {}

  ChannelEnd run() {
    if (const int flags = ::fcntl(local_.get(), F_GETFL);
        flags < 0 || ::fcntl(local_.get(), F_SETFL, flags | O_NONBLOCK) < 0)
      return ChannelEnd::local;
    while (!(up_.passed && down_.passed)) {
      moved_ = false;
      want_ = {};
      if (!step_up() || !step_down()) return end_;
      if (!moved_ && !wait()) return end_;
    }
    return ChannelEnd::clean;
  }

 private:
  struct Wanted {
    short tls = 0;
    short local = 0;
    bool soon = false;  ///< the rate limit allows more in a moment
  };

  bool stop(ChannelEnd end) {
    end_ = end;
    return false;
  }

  /// QEMU → peer.
  bool step_up() {
    if (up_.empty() && !up_.ended && !read_local()) return false;
    if (!up_.empty()) {
      std::size_t n = 0;
      const auto io = tls_.write({up_.data.get() + up_.begin, up_.end - up_.begin}, n);
      up_.begin += n;
      session_.sent.fetch_add(n, std::memory_order_relaxed);
      moved_ |= n > 0;
      if (io == Io::broken || io == Io::ended) return stop(ChannelEnd::truncated);
      if (io != Io::ok) want_.tls |= io == Io::want_read ? POLLIN : POLLOUT;
    }
    if (up_.empty() && up_.ended && !up_.passed) {
      const auto io = tls_.finish_writing();
      if (io == Io::want_write) {
        want_.tls |= POLLOUT;
      } else if (io == Io::ok || io == Io::ended) {
        up_.passed = moved_ = true;
      } else {
        return stop(ChannelEnd::truncated);
      }
    }
    return true;
  }

  bool read_local() {
    const auto room = session_.limit.take(buffer_bytes);
    if (room == 0) {
      want_.soon = true;
      return true;
    }
    const auto n = ::recv(local_.get(), up_.data.get(), room, 0);
    const int error = errno;
    if (room < buffer_bytes || n < 0) session_.limit.give_back(room - static_cast<std::size_t>(n > 0 ? n : 0));
    if (n > 0) {
      up_.begin = 0;
      up_.end = static_cast<std::size_t>(n);
      moved_ = true;
    } else if (n == 0) {
      up_.ended = moved_ = true;
    } else if (error == EAGAIN || error == EINTR) {
      want_.local |= POLLIN;
    } else {
      return stop(ChannelEnd::local);
    }
    return true;
  }

  /// Peer → QEMU.
  bool step_down() {
    if (down_.empty() && !down_.ended) {
      std::size_t n = 0;
      const auto io = tls_.read({down_.data.get(), buffer_bytes}, n);
      down_.begin = 0;
      down_.end = n;
      if (n > 0) {
        moved_ = true;
        session_.heard();
        session_.received.fetch_add(n, std::memory_order_relaxed);
      }
      // What was read before the break is dropped with it: QEMU must not act on the tail of a stream that has no end.
      if (io == Io::broken) return stop(ChannelEnd::truncated);
      if (io == Io::ended) down_.ended = moved_ = true;
      if (io == Io::want_read) want_.tls |= POLLIN;
      if (io == Io::want_write) want_.tls |= POLLOUT;
    }
    if (!down_.empty() && !write_local()) return false;
    if (down_.empty() && down_.ended && !down_.passed) {
      ::shutdown(local_.get(), SHUT_WR);  // fails only when QEMU has closed altogether: then it needs no telling
      down_.passed = moved_ = true;
    }
    return true;
  }

  bool write_local() {
    const auto n = ::send(local_.get(), down_.data.get() + down_.begin, down_.end - down_.begin, MSG_NOSIGNAL);
    if (n > 0) {
      down_.begin += static_cast<std::size_t>(n);
      moved_ = true;
      return true;
    }
    if (errno != EAGAIN && errno != EINTR) return stop(ChannelEnd::local);
    want_.local |= POLLOUT;
    return true;
  }

  bool wait() {
    // A side that waits for nothing is left out: poll reports a hung-up peer even unasked, and would spin.
    std::array<pollfd, 3> fds = {{{want_.tls != 0 ? tls_.fd() : -1, want_.tls, 0},
                                  {want_.local != 0 ? local_.get() : -1, want_.local, 0},
                                  {session_.stop.fd(), POLLIN, 0}}};
    const int n = ::poll(fds.data(), fds.size(), want_.soon ? 2 : -1);
    if (n < 0 && errno != EINTR) return stop(ChannelEnd::local);
    if (n > 0 && fds[2].revents != 0) return stop(ChannelEnd::aborted);
    return true;
  }

  TlsStream& tls_;
  UniqueFd local_;
  Session& session_;
  Buffer up_;
  Buffer down_;
  Wanted want_;
  bool moved_ = false;
  ChannelEnd end_ = ChannelEnd::clean;
};

}  // namespace

ChannelEnd pump(TlsStream& tls, UniqueFd local, Session& session) {
  const auto end = Pump{tls, std::move(local), session}.run();
  if (end != ChannelEnd::clean) tls.reset();
  return end;
}

}  // namespace godwit::migrate
