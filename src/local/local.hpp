// `godwit local`: a whole cluster on one machine, each node in a network namespace of its own.
#pragma once

namespace godwit::local {

/// Runs the verb; argv[0] is "local". Returns the exit status.
int run(int argc, char** argv);

}  // namespace godwit::local
