// `godwit trial`: boots a guest on a local cluster and moves it while a client measures.
#pragma once

namespace godwit::trial {

/// argv[0] is "trial". Returns the exit status.
int run(int argc, char** argv);

}  // namespace godwit::trial
