// By which names and addresses this host may be reached: what the server's certificate must carry.
#pragma once

#include <string>
#include <vector>

namespace godwit::apiserver {

[[nodiscard]] bool is_ip(const std::string& text);
/// "0.0.0.0" and "::": every address of this host.
[[nodiscard]] bool means_all(const std::string& address);
/// The addresses of this host's interfaces that are up, and its name.
[[nodiscard]] std::vector<std::string> names_of_this_host();

}  // namespace godwit::apiserver
