// How a tree of files becomes an image. Internal.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "storage/instance_disks.hpp"

namespace godwit::storage {

/// xorriso, making `out` of the disk's files below `tree`.
[[nodiscard]] ProcessSpec image_program(const std::filesystem::path& tree, const std::filesystem::path& out,
                                        const FilesDisk& disk);

}  // namespace godwit::storage
