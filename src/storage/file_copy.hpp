// Copies of disk images that share or skip what they can. Internal.
#pragma once

#include "base/result.hpp"

namespace godwit::storage {

/// Makes the target's content that of the source; both are open. Holes stay holes.
[[nodiscard]] Result<> copy_sparsely(int source, int target);

}  // namespace godwit::storage
