// This program, to be started again in another role.
#pragma once

#include <filesystem>
#include <string>

namespace godwit::local {

/// Its path; still right when the file was replaced meanwhile (a rebuild).
[[nodiscard]] inline std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
}

}  // namespace godwit::local
