// Which process is the QEMU of a directory: noted there, so that the next program finds it. For this folder's own use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::qemu {

/// A pid alone may have been given to another process since; together with its start time it names one for ever.
struct ProcessRecord {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< field 22 of /proc/<pid>/stat: clock ticks since boot
  std::string boot_id = {};

  bool operator==(const ProcessRecord&) const = default;
};

/// The start time in the text of /proc/<pid>/stat. The program's name may hold spaces and parentheses.
[[nodiscard]] std::optional<std::uint64_t> parse_start_time(const std::string& stat);
/// Of a process as it is now. Code::not_found: there is none.
[[nodiscard]] Result<ProcessRecord> describe_process(pid_t pid);

Result<> write_record(const std::filesystem::path& directory, const ProcessRecord& record);
[[nodiscard]] Result<ProcessRecord> read_record(const std::filesystem::path& directory);

/// A living process, and the descriptor that can't come to mean another one.
struct FoundProcess {
  pid_t pid = 0;
  UniqueFd pidfd;
};
/// The living QEMU of the directory: the recorded one, else (its starter may have died before the record was written)
/// the one whose command line names the directory's monitor. Code::not_found: none lives.
[[nodiscard]] Result<FoundProcess> find_process(const std::filesystem::path& directory);

}  // namespace godwit::qemu
