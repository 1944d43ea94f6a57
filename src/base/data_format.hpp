// Directories outlive programs: which form of data is in one, and whether this program knows it.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"

namespace godwit {

/// Code::invalid, with what to do, when the data is of a later form than this program knows.
[[nodiscard]] Result<> check_format(std::int64_t found, std::int64_t known);

/// The same for a directory whose file "format" holds the number. Without one it is new, and is marked as `known`.
[[nodiscard]] Result<> claim_format(const std::filesystem::path& directory, std::int64_t known);

}  // namespace godwit
