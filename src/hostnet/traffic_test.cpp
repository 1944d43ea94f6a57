#include "hostnet/traffic_test.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

namespace godwit::hostnet {
namespace {

constexpr std::uint16_t port = 7007;
constexpr std::uint16_t closed_port = 7008;

sockaddr_in endpoint(const std::string& address, std::uint16_t at) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(at);
  ::inet_pton(AF_INET, address.c_str(), &made.sin_addr);
  return made;
}

void set_patience(const UniqueFd& fd, std::chrono::milliseconds patience) {
  const timeval time{patience.count() / 1000, patience.count() % 1000 * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

UniqueFd socket_in(const Namespace& ns, int type, int protocol = 0) {
  return ns.run([&] {
    UniqueFd fd{::socket(AF_INET, type | SOCK_CLOEXEC, protocol)};
    set_patience(fd, usual);
    return fd;
  });
}

UniqueFd bound_in(const Namespace& ns, int type) {
  UniqueFd fd = socket_in(ns, type);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in any = endpoint("0.0.0.0", port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) return {};
  return fd;
}

std::vector<char> pattern(std::size_t from, std::size_t bytes) {
  std::vector<char> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>(((from + i) * 2654435761U) >> 13U);
  return made;
}

std::uint16_t internet_checksum(const std::vector<char>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, 2);
    sum += word;
  }
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::optional<Session> connect_tcp(const Namespace& from, const Namespace& to, const std::string& address) {
  const UniqueFd listener = bound_in(to, SOCK_STREAM);
  if (!listener || ::listen(listener.get(), 1) != 0) return std::nullopt;
  Session session{.client = socket_in(from, SOCK_STREAM), .server = {}, .client_address = {}};
  const sockaddr_in there = endpoint(address, port);
  if (::connect(session.client.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0)
    return std::nullopt;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  session.server.reset(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
  if (!session.server) return std::nullopt;
  char text[INET_ADDRSTRLEN];
  session.client_address = ::inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
  for (const UniqueFd* fd : {&session.client, &session.server}) set_patience(*fd, std::chrono::seconds{10});
  return session;
}

bool carries(const UniqueFd& from, const UniqueFd& to, std::size_t bytes) {
  std::jthread writer{[&] {
    const std::vector<char> sent = pattern(0, bytes);
    for (std::size_t done = 0; done < bytes;) {
      const ssize_t n = ::send(from.get(), sent.data() + done, bytes - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }};
  std::vector<char> received(bytes);
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t n = ::recv(to.get(), received.data() + done, bytes - done, 0);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return received == pattern(0, bytes);
}

bool echo_udp(const Namespace& from, const Namespace& to, const std::string& address, std::size_t bytes) {
  const UniqueFd server = bound_in(to, SOCK_DGRAM);
  const UniqueFd client = socket_in(from, SOCK_DGRAM);
  const sockaddr_in there = endpoint(address, port);
  if (!server || ::connect(client.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) return false;
  const std::vector<char> sent = pattern(bytes, bytes);
  std::vector<char> got(bytes);
  if (::send(client.get(), sent.data(), bytes, 0) != static_cast<ssize_t>(bytes)) return false;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  if (::recvfrom(server.get(), got.data(), bytes, 0, reinterpret_cast<sockaddr*>(&peer), &size) !=
          static_cast<ssize_t>(bytes) ||
      got != sent)
    return false;
  std::fill(got.begin(), got.end(), 0);
  ::sendto(server.get(), sent.data(), bytes, 0, reinterpret_cast<const sockaddr*>(&peer), size);
  return ::recv(client.get(), got.data(), bytes, 0) == static_cast<ssize_t>(bytes) && got == sent;
}

bool delivers_udp(const Namespace& from, const Namespace& to, const std::string& address,
                  std::chrono::milliseconds patience) {
  const UniqueFd server = bound_in(to, SOCK_DGRAM);
  set_patience(server, patience);
  const UniqueFd client = socket_in(from, SOCK_DGRAM);
  const sockaddr_in there = endpoint(address, port);
  char byte = 'x';
  if (::sendto(client.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 1) return false;
  return ::recv(server.get(), &byte, 1, 0) == 1;
}

bool refused_udp(const Namespace& from, const std::string& address) {
  const UniqueFd client = socket_in(from, SOCK_DGRAM);
  const sockaddr_in there = endpoint(address, closed_port);
  if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) return false;
  char byte = 'x';
  ::send(client.get(), &byte, 1, 0);
  return ::recv(client.get(), &byte, 1, 0) < 0 && errno == ECONNREFUSED;
}

bool ping(const Namespace& from, const std::string& address, std::size_t bytes, std::chrono::milliseconds patience) {
  const UniqueFd socket = socket_in(from, SOCK_RAW, IPPROTO_ICMP);
  set_patience(socket, patience);
  std::vector<char> request = pattern(7, sizeof(icmphdr) + bytes);
  icmphdr header{};
  header.type = ICMP_ECHO;
  header.un.echo.id = htons(4711);
  std::memcpy(request.data(), &header, sizeof header);
  header.checksum = internet_checksum(request);
  std::memcpy(request.data(), &header, sizeof header);
  const sockaddr_in there = endpoint(address, 0);
  if (::sendto(socket.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&there),
               sizeof there) < 0)
    return false;
  std::vector<char> got(request.size() + 60);
  for (;;) {
    const ssize_t n = ::recv(socket.get(), got.data(), got.size(), 0);
    if (n < static_cast<ssize_t>(20 + sizeof header)) return false;
    std::memcpy(&header, got.data() + 20, sizeof header);
    if (header.type != ICMP_ECHOREPLY || header.un.echo.id != htons(4711)) continue;
    return n == static_cast<ssize_t>(20 + request.size()) &&
           std::equal(request.begin() + sizeof header, request.end(), got.begin() + 20 + sizeof header);
  }
}

}  // namespace godwit::hostnet
