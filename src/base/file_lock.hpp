// An advisory lock on a file or directory (flock): between processes, released by the kernel however its holder ends.
#pragma once

#include <filesystem>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit {

class FileLock {
 public:
  /// A file is made if need be; a directory must exist. Code::conflict when another process holds the lock.
  [[nodiscard]] static Result<FileLock> try_take(const std::filesystem::path& path);
  /// Waits for it. Code::timeout when it is still held at the deadline.
  [[nodiscard]] static Result<FileLock> take(const std::filesystem::path& path, Deadline deadline);

 private:
  explicit FileLock(UniqueFd fd) : fd_{std::move(fd)} {}
  UniqueFd fd_;
};

}  // namespace godwit
