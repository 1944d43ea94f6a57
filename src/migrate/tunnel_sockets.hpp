// Sockets of the tunnel: TCP between the hosts, unix towards QEMU and the agent. Private to the tunnel.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::migrate {

/// Listens on the first free port of the range; also says which.
[[nodiscard]] Result<std::pair<UniqueFd, int>> listen_tcp(const std::string& address, int first_port, int last_port);
/// Connects; refused connections are tried again until the deadline.
[[nodiscard]] Result<UniqueFd> connect_tcp(const std::string& address, int port, Deadline deadline, int stop_fd);
/// Big buffers, no delay, dead peers noticed.
void tune_tcp(int fd);
/// Makes the socket file anew, mode 0600, owned by `uid` (-1: by us).
[[nodiscard]] Result<UniqueFd> listen_unix(const std::filesystem::path& path, int uid);
/// Connects; an absent or unready socket is tried again until the deadline.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::filesystem::path& path, Deadline deadline, int stop_fd);
[[nodiscard]] Result<UniqueFd> accept_from(int listening_fd);
/// The other end of a TCP connection, for the log: "192.0.2.1:4711".
[[nodiscard]] std::string peer_of(int fd);

}  // namespace godwit::migrate
