// The program's command line: help, errors and exit statuses of all its commands, completion, the manual page.
#pragma once

#include <span>

#include "cli/command.hpp"

namespace godwit::cli {

/// Runs what argv asks for: a user's verb, or one of `programs`. The exit status: that of the command; 2 when the
/// command line is wrong.
int run(int argc, char** argv, std::span<const Command> programs);

}  // namespace godwit::cli
