// The user's verbs: godwit migrate, migrate-cancel, start, stop, console, image, version.
#pragma once

#include <string>

namespace godwit::cli {

/// A line for each verb, for main's help.
[[nodiscard]] std::string verbs_help();
/// argv[0] is "godwit", argv[1] the verb. Returns the exit status: 0 done, 1 failed, 2 wrong usage.
int run(int argc, char** argv);

}  // namespace godwit::cli
