// Keeps a local cluster's server and agents running.
#pragma once

#include "local/plan.hpp"

namespace godwit::local {

/// How the server and a node's agent are started.
[[nodiscard]] std::vector<std::string> server_command(const std::string& program, const ClusterPlan& plan);
[[nodiscard]] std::vector<std::string> agent_command(const std::string& program, const ClusterPlan& plan,
                                                     const NodePlan& node);

/// Starts all of them, and again whoever dies (but for nodes with a killed mark), until SIGTERM or SIGINT.
[[nodiscard]] Result<> supervise(const ClusterPlan& plan);

}  // namespace godwit::local
