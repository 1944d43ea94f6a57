#include "net.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

namespace godwit::guest {
namespace {

constexpr std::size_t longest_line = 64 * 1024;

sockaddr_in any_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return address;
}

int listen_on(std::uint16_t port, int type) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = any_address(port);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      (type == SOCK_STREAM && listen(fd, 128) != 0)) {
    std::perror("godwit-guest: listen");
    return -1;
  }
  return fd;
}

void set_no_delay(int fd) {
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

LineStream::~LineStream() { close(fd_); }

std::optional<std::string> LineStream::read_line() {
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (buffer_.size() > longest_line) return std::nullopt;
    std::array<char, 4096> chunk{};
    const ssize_t got = recv(fd_, chunk.data(), chunk.size(), 0);
    if (got <= 0) return std::nullopt;
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

bool LineStream::write_line(std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t sent = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void serve_tcp(std::uint16_t port, const std::function<void(int fd)>& serve) {
  const int listener = listen_on(port, SOCK_STREAM);
  if (listener < 0) return;
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
      continue;
    }
    set_no_delay(fd);
    std::thread{[serve, fd] { serve(fd); }}.detach();
  }
}

void echo_lines(int fd) {
  LineStream stream{fd};
  std::uint64_t number = 0;
  while (const auto line = stream.read_line()) {
    if (!stream.write_line(std::to_string(++number) + " " + *line)) return;
  }
}

void echo_datagrams(std::uint16_t port) {
  const int fd = listen_on(port, SOCK_DGRAM);
  if (fd < 0) return;
  std::array<char, 2048> datagram{};
  while (true) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const ssize_t got = recvfrom(fd, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&peer), &length);
    if (got > 0) {
      sendto(fd, datagram.data(), static_cast<std::size_t>(got), 0, reinterpret_cast<sockaddr*>(&peer), length);
    }
  }
}

int connect_tcp(const std::string& address, std::uint16_t port) {
  sockaddr_in peer = any_address(port);
  if (inet_pton(AF_INET, address.c_str(), &peer.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // bounds connect(2) as well
  if (connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
  }
  set_no_delay(fd);
  return fd;
}

}  // namespace godwit::guest
