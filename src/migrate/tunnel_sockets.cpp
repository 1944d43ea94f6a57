#include "migrate/tunnel_sockets.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "migrate/tunnel_tls.hpp"

namespace godwit::migrate {
namespace {

constexpr int tcp_buffer_bytes = 2 << 20;
constexpr int unix_buffer_bytes = 1 << 20;
constexpr unsigned user_timeout_ms = 10000;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<Address> numeric_address(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
    return fail(Code::bad_request, fmt::format("{} port {}: {}", host, port, ::gai_strerror(error)));
  Address out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return out;
}

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof out.sun_path)
    return fail(Code::bad_request, "socket path too long: " + path.string());
  std::memcpy(out.sun_path, path.c_str(), path.native().size());
  return out;
}

void set_buffers(int fd, int bytes) {
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/// One attempt. Code::unavailable when it is worth another.
Result<UniqueFd> try_connect(const Address& to, Deadline deadline, int stop_fd) {
  UniqueFd fd{::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail_errno("socket");
  tune_tcp(fd.get());
  if (::connect(fd.get(), to.get(), to.length) == 0) return fd;
  if (errno != EINPROGRESS) return fail(Code::unavailable, std::strerror(errno));
  if (auto waited = wait_fd(fd.get(), POLLOUT, deadline, stop_fd); !waited) return fail(waited.error());
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return fail(Code::unavailable, std::strerror(error));
  return fd;
}

/// A pause between attempts; false when it's over.
bool pause(Duration d, Deadline deadline, int stop_fd) {
  if (deadline.passed()) return false;
  const auto waited = wait_fd(-1, 0, Deadline::after(d), stop_fd);
  return !waited && waited.error().code == Code::timeout && !deadline.passed();
}

}  // namespace

Result<std::pair<UniqueFd, int>> listen_tcp(const std::string& address, int first_port, int last_port) {
  int error = EADDRINUSE;
  for (int port = first_port; port <= last_port; ++port) {
    auto to = numeric_address(address, port);
    if (!to) return fail(to.error());
    UniqueFd fd{::socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return fail_errno("socket");
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    tune_tcp(fd.get());
    if (::bind(fd.get(), to->get(), to->length) == 0 && ::listen(fd.get(), 64) == 0) {
      sockaddr_storage bound{};
      socklen_t length = sizeof bound;
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
      const auto raw = bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                                   : reinterpret_cast<sockaddr_in*>(&bound)->sin_port;
      return std::pair{std::move(fd), static_cast<int>(ntohs(raw))};
    }
    error = errno;
    if (error != EADDRINUSE && error != EACCES) break;
  }
  return fail_errno(fmt::format("listen on {} ports {}-{}", address, first_port, last_port), error);
}

Result<UniqueFd> connect_tcp(const std::string& address, int port, Deadline deadline, int stop_fd) {
  const auto to = numeric_address(address, port);
  if (!to) return fail(to.error());
  while (true) {
    auto fd = try_connect(*to, deadline, stop_fd);
    if (fd || fd.error().code != Code::unavailable || !pause(std::chrono::milliseconds{50}, deadline, stop_fd)) {
      if (!fd) return fail(fd.error().within(fmt::format("connect to {} port {}", address, port)));
      return fd;
    }
  }
}

void tune_tcp(int fd) {
  set_buffers(fd, tcp_buffer_bytes);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

Result<UniqueFd> listen_unix(const std::filesystem::path& path, int uid) {
  const auto address = unix_address(path);
  if (!address) return fail(address.error());
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail_errno("socket");
  set_buffers(fd.get(), unix_buffer_bytes);
  ::unlink(path.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) < 0)
    return fail_errno("bind " + path.string());
  if (::chmod(path.c_str(), 0600) < 0) return fail_errno("chmod " + path.string());
  if (uid >= 0 && ::chown(path.c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(-1)) < 0)
    return fail_errno("chown " + path.string());
  if (::listen(fd.get(), 64) < 0) return fail_errno("listen " + path.string());
  return fd;
}

Result<UniqueFd> connect_unix(const std::filesystem::path& path, Deadline deadline, int stop_fd) {
  const auto address = unix_address(path);
  if (!address) return fail(address.error());
  while (true) {
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd) return fail_errno("socket");
    set_buffers(fd.get(), unix_buffer_bytes);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) return fd;
    const int error = errno;
    const bool again = error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == EINTR;
    if (!again || !pause(std::chrono::milliseconds{5}, deadline, stop_fd))
      return fail_errno("connect to " + path.string(), error);
  }
}

Result<UniqueFd> accept_from(int listening_fd) {
  UniqueFd fd{::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!fd) return fail_errno("accept");
  return fd;
}

std::string peer_of(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) < 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), length, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "unknown";
  return fmt::format("{}:{}", host.data(), port.data());
}

}  // namespace godwit::migrate
