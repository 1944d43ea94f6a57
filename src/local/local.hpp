// `godwit local`: a whole cluster on one machine, each node in a network namespace of its own.
#pragma once

#include "cli/command.hpp"

namespace godwit::local {

void define(CLI::App& app, cli::Invocation& invocation);

}  // namespace godwit::local
