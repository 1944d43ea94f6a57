// `godwit trial`: boots a guest on a local cluster and moves it while a client measures.
#pragma once

#include "cli/command.hpp"

namespace godwit::trial {

void define(CLI::App& app, cli::Invocation& invocation);

}  // namespace godwit::trial
