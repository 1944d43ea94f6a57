// Connecting to a unix socket in a directory that a program we don't trust may write.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit {

/// Connected. `flags`: SOCK_NONBLOCK or 0. A symbolic link at the path's end is refused: its maker could lead us, with
/// our rights, to a socket of somebody else. Code::invalid: no socket is there, but something else.
[[nodiscard]] Result<UniqueFd> connect_unix_socket(const std::filesystem::path& path, int flags);

}  // namespace godwit
