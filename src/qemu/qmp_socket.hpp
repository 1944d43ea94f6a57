// The socket below a QMP session; for this folder's own use.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::qemu {

constexpr Duration connect_pause = std::chrono::milliseconds{2};
constexpr std::size_t most_fds = 16;

/// Non-blocking, connected. Code::invalid: the path is too long.
[[nodiscard]] Result<UniqueFd> connect_once(const std::filesystem::path& path);
/// Tries again until the deadline.
[[nodiscard]] Result<UniqueFd> connect_to(const std::filesystem::path& path, Deadline deadline);
/// Sends all of the text, the descriptors (up to most_fds) with its first byte.
Result<> send_all(int socket, std::string_view text, std::span<const int> fds, Deadline deadline);

}  // namespace godwit::qemu
