// What `godwit local` does, verb by verb. Each prints what a person wants to know.
#pragma once

#include <string>
#include <vector>

#include "local/plan.hpp"

namespace godwit::local {

/// Returns when all nodes are Ready. A cluster that is up already is left alone.
[[nodiscard]] Result<> up(const UpOptions& options);
/// Removes everything from the machine; the data below the directory stays unless `purge`.
[[nodiscard]] Result<> down(const std::filesystem::path& dir, bool purge);
[[nodiscard]] Result<> show_status(const std::filesystem::path& dir);
/// Becomes the command, inside the node's network namespace: returns only on failure.
[[nodiscard]] Result<> exec_in(const std::filesystem::path& dir, const std::string& node,
                               const std::vector<std::string>& command);
/// Takes the node off the network.
[[nodiscard]] Result<> cut_node(const std::filesystem::path& dir, const std::string& node);
/// Undoes cut_node and kill_node.
[[nodiscard]] Result<> heal_node(const std::filesystem::path& dir, const std::string& node);
/// Ends the node's agent and QEMUs at once, as if its power had gone; nothing is started there again until heal_node.
[[nodiscard]] Result<> kill_node(const std::filesystem::path& dir, const std::string& node);
[[nodiscard]] Result<> supervise_cluster(const std::filesystem::path& dir);

/// Removes what a plan made, whatever of it is there (no lock; for up and down).
[[nodiscard]] Result<> tear_down(const ClusterPlan& plan);
/// The plan of a cluster that is up; Code::not_found says how to bring one up.
[[nodiscard]] Result<ClusterPlan> plan_in(const std::filesystem::path& dir);

}  // namespace godwit::local
