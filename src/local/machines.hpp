// The network of a local cluster on this machine: namespaces, links, the underlay bridge, the gateway.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "local/cluster.hpp"
#include "local/processes.hpp"

namespace godwit::local {

/// Addresses and routes of this machine, for plan_cluster.
[[nodiscard]] Result<std::vector<std::string>> taken_addresses();

/// Makes all of it. `cluster` learns what must be put back later; it is saved before the first thing is made.
[[nodiscard]] Result<> make_network(Cluster& cluster);
/// Removes all of it; what is gone already is fine. Says what could not be removed.
[[nodiscard]] Result<> remove_network(const Cluster& cluster);

/// Cuts a node's underlay link (frames vanish, nobody is told), or heals it.
[[nodiscard]] Result<> set_link(const LocalNode& node, bool whole);

}  // namespace godwit::local
