// The long-running programs, each wired in a file of its own. argv[0] is the program's word.
#pragma once

namespace godwit {

int run_server(int argc, char** argv);
int run_node(int argc, char** argv);

}  // namespace godwit
