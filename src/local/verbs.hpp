// What `godwit local` can do, as functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/output.hpp"
#include "local/cluster.hpp"

namespace godwit::local {

/// Brings the cluster up, or finds it up. Returns it with all nodes Ready.
[[nodiscard]] Result<Cluster> up(const Plan& plan);
/// Takes it down and leaves nothing running; `purge` removes its data too (images, disks, database).
[[nodiscard]] Result<> down(const std::filesystem::path& directory, bool purge);
[[nodiscard]] Result<> print_status(const std::filesystem::path& directory, cli::Format format);
/// Runs a command in the node's network namespace; returns its exit status.
[[nodiscard]] Result<int> exec(const std::filesystem::path& directory, const std::string& node,
                               const std::vector<std::string>& command);
[[nodiscard]] Result<> cut(const std::filesystem::path& directory, const std::string& node);
/// Links a node again, and starts its agent again after `kill`.
[[nodiscard]] Result<> heal(const std::filesystem::path& directory, const std::string& node);
/// Ends a node's agent and its QEMUs at once, as a power failure would.
[[nodiscard]] Result<> kill(const std::filesystem::path& directory, const std::string& node);

}  // namespace godwit::local
