// Wiring only: which part a word of the command line starts.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "cli/cli.hpp"
#include "local/local.hpp"
#include "main/programs.hpp"
#include "migrate/tunnel.hpp"
#include "trial/trial.hpp"

namespace {

int run_tunnel(int argc, char** argv) { return godwit::migrate::run_tunnel(argc - 1, argv + 1); }

struct Program {
  std::string_view name;
  std::string_view help;
  int (*run)(int argc, char** argv);
};

constexpr Program programs[] = {
    {"server", "the API server with its controllers and scheduler", godwit::run_server},
    {"node", "the agent of one host", godwit::run_node},
    {"local", "a whole cluster on this machine: up, down, status, exec, cut, heal, kill", godwit::local::run},
    {"tunnel", "carries one migration's bytes between two hosts (started by the agent)", run_tunnel},
    {"trial", "boots a guest on a local cluster and moves it while a client measures", godwit::trial::run},
};

void print_help() {
  fmt::print(
      "Godwit moves running virtual machines between hosts.\n\nUsage: godwit COMMAND [ARGUMENTS]\n\nYour machines:\n{}"
      "\nParts of the system:\n",
      godwit::cli::verbs_help());
  for (const Program& program : programs) fmt::print("  {:<16} {}\n", program.name, program.help);
  fmt::print("\n`godwit COMMAND --help` tells more of each.\n");
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view word = argc > 1 ? argv[1] : "--help";
  if (word == "--help" || word == "-h" || word == "help") {
    print_help();
    return argc > 1 ? 0 : 2;
  }
  for (const Program& program : programs) {
    if (program.name == word) return program.run(argc - 1, argv + 1);
  }
  return godwit::cli::run(argc, argv);
}
