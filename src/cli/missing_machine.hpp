// Why a machine that was named is not there, and what to do.
#pragma once

#include <string>

#include "cli/session.hpp"

namespace godwit::cli {

/// Of a verb that needs a running machine: it does not run, or there is none, or no such namespace. Asks the API.
[[nodiscard]] Error not_running(const Session& session, const std::string& name);
/// There is no such machine, or no such namespace.
[[nodiscard]] Error no_machine(const Session& session);

}  // namespace godwit::cli
