// Completion of the command line in a shell.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace godwit::cli {

/// A line for each word that may stand in place of the last of `words` (which may be empty), given those before it.
/// Names of objects are asked of the API, for two seconds at most; ":files" means names of files.
[[nodiscard]] std::string complete(const CLI::App& tree, const std::vector<std::string>& words);

[[nodiscard]] std::string bash_script();

}  // namespace godwit::cli
