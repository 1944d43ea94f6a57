// Disk files: what they are, and putting one into the image store as raw bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace godwit::cli {

struct InstalledImage {
  std::int64_t size_bytes = 0;
  std::string sha256;  ///< lower-case hexadecimal, of the raw disk
};

/// Copies a raw file, or converts a qcow2 one, to `target`, whose directories are made: the old or the new disk is
/// there at any moment, never half of one. Zeros become holes.
[[nodiscard]] Result<InstalledImage> install_image(const std::filesystem::path& source,
                                                   const std::filesystem::path& target);

}  // namespace godwit::cli
