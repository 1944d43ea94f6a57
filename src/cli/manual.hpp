// The manual page godwit(1), made from the definitions that also parse the command line.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace godwit::cli {

/// In mdoc(7), for man.
[[nodiscard]] std::string manual_of(const CLI::App& tree);
/// `godwit manual`.
void define_manual(CLI::App& verb, Invocation& invocation);

}  // namespace godwit::cli
