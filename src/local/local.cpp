#include "local/local.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/quantity.hpp"
#include "local/supervisor.hpp"
#include "local/verbs.hpp"

namespace godwit::local {
namespace {

struct Options {
  Options() { plan.directory = "/var/lib/godwit/local"; }

  Plan plan;
  std::string memory;
  std::string node;
  std::vector<std::string> command;
  bool purge = false;

  [[nodiscard]] std::filesystem::path directory() const { return std::filesystem::absolute(plan.directory); }
};

int answer(const Result<>& done) { return done ? 0 : cli::complain("local", done.error()); }

int bring_up(Options& options) {
  Plan& plan = options.plan;
  if (!options.memory.empty()) {
    const auto quantity = Quantity::parse(options.memory);
    if (!quantity) {
      (void)answer(fail(quantity.error().within("--node-memory")));
      return cli::exit_status::usage;
    }
    plan.node_memory = quantity->value();
  }
  plan.directory = options.directory();
  const bool was_up = [&] {
    const auto existing = load_cluster(plan.directory);
    return existing && supervisor_of(*existing) != 0;
  }();
  const auto cluster = up(plan);
  if (!cluster) return answer(fail(cluster.error()));
  fmt::print("The cluster in {} is {}: {} nodes, all Ready.\nexport KUBECONFIG={}\n", plan.directory.string(),
             was_up ? "up already" : "up", cluster->nodes.size(), cluster->kubeconfig().string());
  return 0;
}

int run_command(const Options& options) {
  const auto status = exec(options.directory(), options.node, options.command);
  return status ? *status : answer(fail(status.error()));
}

/// Adds the verbs below `local`.
class Verbs {
 public:
  Verbs(CLI::App& app, cli::Invocation& invocation) : app_{app}, invocation_{invocation} {}

  CLI::App& add(const char* name, const char* help, std::function<int(Options&)> run) {
    CLI::App& verb = *app_.add_subcommand(name, help);
    verb.add_option("--dir", options_->plan.directory, "the cluster's directory")
        ->capture_default_str()
        ->type_name("DIR");
    verb.callback([options = options_, run = std::move(run), &invocation = invocation_] {
      invocation.action = [options, run] { return run(*options); };
    });
    return verb;
  }
  /// A verb that names a node.
  CLI::App& add_of_node(const char* name, const char* help, std::function<int(Options&)> run) {
    CLI::App& verb = add(name, help, std::move(run));
    verb.add_option("NODE", options_->node, "the node")->required()->type_name("NODE");
    return verb;
  }
  Options& options() { return *options_; }

 private:
  CLI::App& app_;
  cli::Invocation& invocation_;
  std::shared_ptr<Options> options_ = std::make_shared<Options>();
};

void define_up(Verbs& verbs) {
  Plan& plan = verbs.options().plan;
  CLI::App& up_verb = verbs.add("up", "starts the cluster; returns when all its nodes are Ready", bring_up);
  up_verb.add_option("--nodes", plan.nodes, "how many nodes")->capture_default_str();
  up_verb
      .add_option("--node-memory", verbs.options().memory,
                  "memory that each node offers to guests, such as 4Gi (default: a share of this machine's)")
      ->type_name("QUANTITY");
  up_verb.add_option("--link-rate", plan.link_rate, "speed of each node's link, such as 1gbit (default: no limit)")
      ->type_name("RATE");
  up_verb.add_option("--cidr", plan.cidr, "where its addresses come from")->capture_default_str()->type_name("CIDR");
  up_verb.footer(
      "Examples:\n"
      "  godwit local up --nodes 3\n"
      "  export KUBECONFIG=/var/lib/godwit/local/kubeconfig");
}

}  // namespace

void define(CLI::App& app, cli::Invocation& invocation) {
  app.require_subcommand(1);
  Verbs verbs{app, invocation};
  define_up(verbs);
  verbs
      .add("down", "stops the cluster and leaves nothing running",
           [](Options& o) { return answer(down(o.directory(), o.purge)); })
      .add_flag("--purge", verbs.options().purge, "removes its data too: database, disks, images");
  CLI::App& status = verbs.add("status", "shows the cluster and its nodes", [&invocation](Options& o) {
    return answer(print_status(o.directory(), invocation.global.format));
  });
  cli::add_output_option(status, invocation.global.format);
  CLI::App& exec_verb = verbs.add_of_node("exec", "runs a command in a node's network", run_command);
  exec_verb.add_option("COMMAND", verbs.options().command, "the command and its arguments")->required();
  exec_verb.footer(
      "The exit status is that of the command.\n\n"
      "Example:\n"
      "  godwit local exec node-2 -- ip addr");
  verbs.add_of_node("cut", "cuts a node's network", [](Options& o) { return answer(cut(o.directory(), o.node)); });
  verbs.add_of_node("heal", "links a node again, and starts it again after kill",
                    [](Options& o) { return answer(heal(o.directory(), o.node)); });
  verbs.add_of_node("kill", "ends a node's agent and its guests at once, as a power failure would",
                    [](Options& o) { return answer(kill(o.directory(), o.node)); });
  verbs
      .add("supervise", "keeps server and agents running (started by up)",
           [](Options& o) { return answer(supervise(o.directory())); })
      .group("");
  // Last: commands below take over what is set before they are added.
  app.footer("Each node is a network namespace with an agent of its own. All of it must run as root.");
}

}  // namespace godwit::local
