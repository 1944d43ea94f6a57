// Is the guest's disk whole, seen from outside? (guest/agent/disk_layout.hpp)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace godwit::trial {

struct DiskFindings {
  std::uint64_t blocks = 0;   ///< of the run, found valid
  std::uint64_t missing = 0;  ///< flushed, but not in their slots
  std::uint64_t damaged = 0;
  [[nodiscard]] bool intact() const { return missing == 0 && damaged == 0; }
};

/// `run` and `flushed` as the guest reported them: every block up to `flushed` that no later one has overwritten must
/// be there.
[[nodiscard]] Result<DiskFindings> verify_disk(const std::filesystem::path& image, std::uint64_t run,
                                               std::uint64_t flushed);

}  // namespace godwit::trial
