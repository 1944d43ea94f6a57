// A process's pid with its start time: a pid alone may be somebody else's by now.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace godwit::local {

[[nodiscard]] Result<> write_pid_file(const std::filesystem::path& path, int pid);
/// The pid if that very process still lives, else 0.
[[nodiscard]] int living_process(const std::filesystem::path& path);
/// SIGKILL, and waits until it is gone (it need not be our child).
void kill_and_wait(int pid);

}  // namespace godwit::local
