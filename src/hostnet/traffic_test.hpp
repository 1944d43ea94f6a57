// Plain traffic between two namespaces, for tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"
#include "hostnet/lab_test.hpp"

namespace godwit::hostnet {

struct Session {
  UniqueFd client;
  UniqueFd server;
  std::string client_address;  ///< as the server sees it
};
/// For what is expected not to arrive.
inline constexpr std::chrono::milliseconds soon{300};
inline constexpr std::chrono::milliseconds usual{2000};

/// A TCP connection from one to an address that the other has. Nothing when it cannot be made within two seconds.
[[nodiscard]] std::optional<Session> connect_tcp(const Namespace& from, const Namespace& to,
                                                 const std::string& address);
/// Sends so many bytes of a known pattern and compares what arrives.
[[nodiscard]] bool carries(const UniqueFd& from, const UniqueFd& to, std::size_t bytes);

/// A datagram there and its echo back; true when both arrive unchanged.
[[nodiscard]] bool echo_udp(const Namespace& from, const Namespace& to, const std::string& address, std::size_t bytes);
/// A datagram there; true when it arrives.
[[nodiscard]] bool delivers_udp(const Namespace& from, const Namespace& to, const std::string& address,
                                std::chrono::milliseconds patience = usual);
/// True when the sender learns by ICMP that nobody listens there.
[[nodiscard]] bool refused_udp(const Namespace& from, const std::string& address);
/// ICMP echo.
[[nodiscard]] bool ping(const Namespace& from, const std::string& address, std::size_t bytes = 56,
                        std::chrono::milliseconds patience = usual);

}  // namespace godwit::hostnet
