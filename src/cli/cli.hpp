// The user's verbs: `godwit migrate vm1` and the like. Plain clients of the API.
#pragma once

#include <string>

namespace godwit::cli {

/// A line for each verb, for `godwit --help`.
[[nodiscard]] std::string verbs_help();
/// Runs the verb in argv[1]. Exit status: 0, 1 when it failed, 2 when the command line is wrong.
int run(int argc, char** argv);

}  // namespace godwit::cli
