#include "trial/client_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace godwit::trial {
namespace {

Result<sockaddr_in> address_of(const std::string& address, std::uint16_t port) {
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  parsed.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &parsed.sin_addr) != 1)
    return fail(Code::invalid, address + " is no IPv4 address");
  return parsed;
}

}  // namespace

Result<UniqueFd> connect_tcp(const std::string& address, std::uint16_t port, Deadline deadline) {
  const auto to = address_of(address, port);
  if (!to) return fail(to.error());
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail_errno("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*to), sizeof *to) != 0 && errno != EINPROGRESS)
    return fail_errno(address);
  pollfd p{fd.get(), POLLOUT, 0};
  if (::poll(&p, 1, deadline.poll_timeout()) <= 0) return fail(Code::timeout, address + " does not answer");
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail_errno(address, error);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

Result<UniqueFd> connect_udp(const std::string& address, std::uint16_t port) {
  const auto to = address_of(address, port);
  if (!to) return fail(to.error());
  UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail_errno("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*to), sizeof *to) != 0) return fail_errno(address);
  return fd;
}

Result<> LineSocket::send(const std::string& line) {
  const std::string text = line + "\n";
  if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return fail_errno("send");
  return {};
}

Result<std::string> LineSocket::receive(Deadline deadline) {
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, deadline.poll_timeout()) <= 0) return fail(Code::timeout, "no answer in time");
    char bytes[4096];
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n == 0) return fail(Code::unavailable, "the guest closed the connection");
    if (n < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("receive");
    if (n > 0) buffer_.append(bytes, static_cast<std::size_t>(n));
  }
}

}  // namespace godwit::trial
