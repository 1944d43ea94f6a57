// nftables commands, run in this process. Internal.
#pragma once

#include <string>

#include "base/result.hpp"

namespace godwit::hostnet {

/// All of them or none (one transaction), in the caller's network namespace.
[[nodiscard]] Result<> run_nft(const std::string& commands);

}  // namespace godwit::hostnet
