// The process that keeps a local cluster's server and agents running.
#pragma once

#include "base/result.hpp"
#include "local/cluster.hpp"

namespace godwit::local {

/// Runs until SIGTERM: starts the server and, once it has made its CA, the agents; starts each again when it dies, but
/// for nodes that `local kill` has marked. On SIGTERM it ends them all.
[[nodiscard]] Result<> supervise(const std::filesystem::path& directory);

/// Starts `godwit local supervise` on its own; returns once it runs.
[[nodiscard]] Result<> start_supervisor(const Cluster& cluster);
/// The supervisor's pid while it lives, else 0.
[[nodiscard]] int supervisor_of(const Cluster& cluster);
/// Ends the supervisor and everything that it started, whatever state they are in.
/// Code::timeout: something would not end.
[[nodiscard]] Result<> stop_processes(const Cluster& cluster);

}  // namespace godwit::local
