// The host's own programs for set-up steps that need no speed: iproute2, and sysctls by file. Internal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace godwit::hostnet {

/// Runs one `ip` command: ip({"link", "set", "x", "up"}).
[[nodiscard]] Result<std::string> ip(std::vector<std::string> arguments);
/// Several commands in one process (ip -batch). `force`: go on after a failed one.
[[nodiscard]] Result<> ip_batch(const std::vector<std::string>& lines);
/// "net.ipv4.ip_forward" = "1", in the caller's network namespace.
[[nodiscard]] Result<> set_sysctl(std::string_view name, std::string_view value);
[[nodiscard]] Result<std::string> get_sysctl(std::string_view name);
/// 0 when there is no such device.
[[nodiscard]] int index_of(const std::string& device);

}  // namespace godwit::hostnet
