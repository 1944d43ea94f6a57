#include "local/local.hpp"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "local/verbs.hpp"

namespace godwit::local {
namespace {

struct Arguments {
  UpOptions up;
  bool purge = false;
  std::string node;
  std::vector<std::string> command;
};

CLI::App* add_verb(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& help) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->add_option("--dir", arguments.up.dir, "the cluster's directory")->capture_default_str();
  return verb;
}

Result<> check_node_memory(const std::string& text) {
  if (text.empty()) return {};
  const auto quantity = Quantity::parse(text);
  if (!quantity) return fail(quantity.error().within("--node-memory"));
  return {};
}

int report(const Result<>& outcome) {
  if (outcome) return 0;
  fmt::print(stderr, "godwit local: {}\n", outcome.error().message);
  return 1;
}

/// One name for a directory, whatever the working directory; its identity hangs on that.
std::filesystem::path canonical(const std::filesystem::path& dir) {
  std::error_code error;
  auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(dir, error), error);
  if (!path.has_filename()) path = path.parent_path();
  return path;
}

}  // namespace

int run(int argc, char** argv) {
  Arguments arguments;
  arguments.up.dir = "/var/lib/godwit/local";
  CLI::App app{"A whole cluster on this machine: each node is a network namespace with its own agent.", "godwit local"};
  app.require_subcommand(1);
  const CLI::App* up_verb = add_verb(app, arguments, "up", "makes the cluster; returns when all nodes are Ready");
  CLI::App* options = app.get_subcommand("up");
  options->add_option("--nodes", arguments.up.nodes, "how many")->capture_default_str();
  options->add_option("--node-memory", arguments.up.node_memory,
                      "memory each node offers to guests, such as 8Gi (default: an equal share of the machine's)");
  options->add_option("--link-rate", arguments.up.link_rate, "speed limit of each node's link, such as 10gbit");
  options->add_option("--cidr", arguments.up.cidr, "range to take addresses from")->capture_default_str();
  const CLI::App* status = add_verb(app, arguments, "status", "shows the nodes");
  CLI::App* down_verb = add_verb(app, arguments, "down", "removes the cluster from this machine, keeps its data");
  down_verb->add_flag("--purge", arguments.purge, "removes its data, too");
  CLI::App* exec = add_verb(app, arguments, "exec", "runs a command in a node's network: exec NODE -- CMD");
  const CLI::App* cut = add_verb(app, arguments, "cut", "takes a node off the network");
  const CLI::App* heal = add_verb(app, arguments, "heal", "undoes cut and kill");
  const CLI::App* kill = add_verb(app, arguments, "kill", "ends a node's agent and QEMUs at once, for good");
  const CLI::App* supervise = add_verb(app, arguments, "supervise", "keeps the parts running (started by up)");
  for (const char* name : {"exec", "cut", "heal", "kill"})
    app.get_subcommand(name)->add_option("node", arguments.node, "such as node-1")->required();
  exec->add_option("command", arguments.command, "with its arguments")->required();
  CLI11_PARSE(app, argc, argv);

  const std::filesystem::path dir = arguments.up.dir = canonical(arguments.up.dir);
  if (*up_verb) {
    if (auto valid = check_node_memory(arguments.up.node_memory); !valid) return report(valid);
    return report(up(arguments.up));
  }
  if (*down_verb) return report(down(dir, arguments.purge));
  if (*status) return report(show_status(dir));
  if (*exec) return report(exec_in(dir, arguments.node, arguments.command));
  if (*cut) return report(cut_node(dir, arguments.node));
  if (*heal) return report(heal_node(dir, arguments.node));
  if (*kill) return report(kill_node(dir, arguments.node));
  return *supervise ? report(supervise_cluster(dir)) : 2;
}

}  // namespace godwit::local
