// A word of the command line and what it does. All of them together are one tree (CLI::App), which parses, and which
// help, completion and the manual page are made from.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "cli/session.hpp"

namespace CLI {
class App;
}

namespace godwit::cli {

/// What is being asked for. Definitions fill in the options while the line is parsed, and set the action.
struct Invocation {
  GlobalOptions global;
  std::function<int()> action;  ///< returns the exit status
};

struct Command {
  const char* name;
  const char* group;  ///< heading in the help
  const char* summary;
  /// Adds arguments and options. The invocation outlives the App; what else parsing writes to, the App's callbacks
  /// keep.
  void (*define)(CLI::App& app, Invocation& invocation);
};

namespace groups {
inline constexpr const char* cluster = "Run a cluster";
inline constexpr const char* machines = "Use machines";
inline constexpr const char* moving = "Move them";
inline constexpr const char* images = "Images";
inline constexpr const char* rest = "The rest";
inline constexpr const char* in_order[] = {cluster, machines, moving, images, rest};
/// Of options that most commands share.
inline constexpr const char* connection = "Which cluster and namespace";
inline constexpr const char* output = "Output";
}  // namespace groups

namespace exit_status {
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int not_found = 3;
inline constexpr int not_allowed = 4;
inline constexpr int unreachable = 5;
}  // namespace exit_status

/// The exit status that tells of an error.
[[nodiscard]] int status_of(const Error& error);
/// "godwit: WHAT: why" on standard error, and the exit status.
int complain(std::string_view what, const Error& error);

/// The user's verbs.
[[nodiscard]] std::span<const Command> verbs();
/// `godwit` with the commands below it.
[[nodiscard]] std::unique_ptr<CLI::App> make_tree(std::span<const Command> programs, Invocation& invocation);

}  // namespace godwit::cli
