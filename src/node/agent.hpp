// The agent of one host, composed: registration, guests, volumes, streams.
#pragma once

#include <stop_token>

#include "base/result.hpp"
#include "node/config.hpp"

namespace godwit::node {

/// Runs until told to stop. The guests' QEMU processes live on; the next agent adopts them.
[[nodiscard]] Result<> run_agent(const AgentConfig& config, const std::stop_token& stop);

}  // namespace godwit::node
