// The long-running programs as commands, each wired in a file of its own.
#pragma once

#include "cli/command.hpp"

namespace godwit {

void define_server(CLI::App& app, cli::Invocation& invocation);
void define_node(CLI::App& app, cli::Invocation& invocation);

}  // namespace godwit
