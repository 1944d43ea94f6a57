// Whole files: read, and write so that a crash leaves the old or the new content, never half.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace godwit {

[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);
/// Writes beside the file, fsyncs, renames over it, fsyncs the directory.
[[nodiscard]] Result<> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);
/// Makes the directory and its parents; an existing one keeps its mode.
[[nodiscard]] Result<> make_directory(const std::filesystem::path& path, mode_t mode = 0755);

/// Every user may pass through the directory and all above it, as far as they exist: QEMU runs as a user of its own and
/// must get at its files there. Code::forbidden says which directory is closed and how to open it.
[[nodiscard]] Result<> check_enterable_by_all(const std::filesystem::path& directory);

/// A fresh directory under the system's temporary one, removed with its content when the owner goes.
class TemporaryDirectory {
 public:
  [[nodiscard]] static Result<TemporaryDirectory> create(std::string_view prefix = "godwit");
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_{std::move(other.path_)} { other.path_.clear(); }
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_{std::move(path)} {}
  std::filesystem::path path_;
};

}  // namespace godwit
