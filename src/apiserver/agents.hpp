// The nodes' agents, as the server reaches them: streams of guests and pods go through it.
#pragma once

#include <string>

#include "apiserver/lookup.hpp"
#include "base/result.hpp"

namespace godwit::apiserver {

/// "https://198.18.0.11:40001" of the agent of that node. Code::unavailable when it hasn't published where it listens.
[[nodiscard]] Result<std::string> agent_url(const Lookup& lookup, const std::string& node);

}  // namespace godwit::apiserver
