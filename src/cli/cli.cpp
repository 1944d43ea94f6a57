#include "cli/cli.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/complete.hpp"
#include "cli/help.hpp"
#include "cli/line_position.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// Where the line ends.
LinePosition position_of(const CLI::App& tree, int argc, char** argv) {
  LinePosition at;
  at.command = &tree;
  for (int i = 1; i < argc; ++i) at.take(argv[i]);
  return at;
}

int usage_error(const CLI::App& command, std::string_view why) {
  fmt::print(stderr, "godwit: {}; see `{} --help`\n", why, path_of(command));
  return exit_status::usage;
}

}  // namespace

int status_of(const Error& error) {
  switch (error.code) {
    case Code::not_found: return exit_status::not_found;
    case Code::unauthorized:
    case Code::forbidden: return exit_status::not_allowed;
    case Code::unavailable:
    case Code::timeout: return exit_status::unreachable;
    default: return exit_status::failed;
  }
}

int complain(std::string_view what, const Error& error) {
  fmt::print(stderr, "godwit: {}: {}\n", what, error.message);
  return status_of(error);
}

std::unique_ptr<CLI::App> make_tree(std::span<const Command> programs, Invocation& invocation) {
  auto tree = std::make_unique<CLI::App>("Godwit moves running virtual machines between hosts.", "godwit");
  tree->require_subcommand(1);
  tree->set_help_flag("-h,--help", "shows this");
  tree->set_version_flag("--version", fmt::format("godwit {}", program_version), "tells the version of this program");
  tree->formatter(std::make_shared<HelpFormatter>());
  add_connection_options(*tree, invocation.global);
  for (const auto& commands : {programs, verbs()}) {
    for (const Command& command : commands) {
      CLI::App* app = tree->add_subcommand(command.name, command.summary)->group(command.group);
      command.define(*app, invocation);
    }
  }
  // Commands take over what is set before they are added.
  tree->footer(
      "Exit status: 0 done, 1 failed, 2 wrong command line, 3 not found, 4 not allowed, 5 out of reach.\n"
      "`man godwit` has it all.");
  return tree;
}

int run(int argc, char** argv, std::span<const Command> programs) {
  Invocation invocation;
  const auto tree = make_tree(programs, invocation);
  if (argc > 1 && std::string_view{argv[1]} == "__complete") {
    fmt::print("{}", complete(*tree, {argv + 2, argv + argc}));
    return 0;
  }
  if (argc < 2) {
    fmt::print(stderr, "{}", tree->help());
    return exit_status::usage;
  }
  if (std::string_view{argv[1]} == "help") {
    fmt::print("{}", help_of(*position_of(*tree, argc - 1, argv + 1).command));
    return 0;
  }
  try {
    tree->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", tree->help());
    return 0;
  } catch (const CLI::CallForVersion& told) {
    fmt::print("{}\n", told.what());
    return 0;
  } catch (const CLI::ParseError& wrong) {
    const LinePosition at = position_of(*tree, argc, argv);
    if (at.command == tree.get() && !at.first_argument.empty())
      return usage_error(*at.command, fmt::format("there is no command \"{}\"", at.first_argument));
    return usage_error(*at.command, wrong.what());
  }
  return invocation.action();
}

}  // namespace godwit::cli
