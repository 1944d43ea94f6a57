// Volumes and images as files below one directory that all hosts share:
//   images/<name>/disk.img    (a name has one or two parts, "tiny" or "godwit/tiny")
//   volumes/<uid>/disk.img
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace godwit::storage {

/// The uid and gid of QEMU on all hosts: volumes are its.
inline constexpr unsigned qemu_user = 107;

/// "" when the name is right, else what is wrong with it.
[[nodiscard]] std::string image_name_problem(std::string_view name);
[[nodiscard]] std::filesystem::path image_path(const std::filesystem::path& root, std::string_view name);

/// Makes the volume, or finds it made: an empty raw disk, or a clone of the image grown to the size (by reflink where
/// the file system can, else by copying what isn't a hole). On the disk when it returns. Returns its directory.
/// Code::not_found: no such image; Code::invalid: the size is smaller than the image.
[[nodiscard]] Result<std::filesystem::path> create_volume(const std::filesystem::path& root, const std::string& uid,
                                                          std::int64_t size_bytes,
                                                          const std::optional<std::string>& image);
/// One that isn't there is fine.
Result<> remove_volume(const std::filesystem::path& root, const std::string& uid);

}  // namespace godwit::storage
