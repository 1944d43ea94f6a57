// Finds processes by what they are, for when nobody wrote down their pids.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "local/cluster.hpp"

namespace godwit::local {

/// The node's processes: what runs in its network namespace, and the QEMUs of its guests, which have none but name
/// files in the node's data directory.
[[nodiscard]] std::vector<int> processes_in(const std::filesystem::path& data, const LocalNode& node);
/// Processes whose arguments, after the program's name, begin with these.
[[nodiscard]] std::vector<int> processes_with(const std::vector<std::string>& arguments);

/// Kills what `find` finds until it finds nothing any more: processes start others while they are looked at. Gives up
/// at the deadline; true when none is left.
bool end_all(const std::function<std::vector<int>()>& find, Deadline deadline);

}  // namespace godwit::local
