#include "local/local.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/quantity.hpp"
#include "local/supervisor.hpp"
#include "local/verbs.hpp"

namespace godwit::local {
namespace {

int answer(const Result<>& done) {
  if (done) return 0;
  fmt::print(stderr, "godwit local: {}\n", done.error().message);
  return 1;
}

int bring_up(Plan& plan, const std::string& memory) {
  if (!memory.empty()) {
    const auto quantity = Quantity::parse(memory);
    if (!quantity) return answer(fail(quantity.error().within("--node-memory")));
    plan.node_memory = quantity->value();
  }
  plan.directory = std::filesystem::absolute(plan.directory);
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

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"A whole cluster on this machine: each node a network namespace with its own agent.", "godwit local"};
  app.require_subcommand(1);
  Plan plan;
  plan.directory = "/var/lib/godwit/local";
  std::string memory;
  std::string node;
  std::vector<std::string> command;
  bool purge = false;
  const auto verb = [&](const char* name, const char* help) {
    CLI::App* made = app.add_subcommand(name, help);
    made->add_option("--dir", plan.directory, "the cluster's directory")->capture_default_str();
    return made;
  };
  CLI::App* up_verb = verb("up", "starts the cluster; returns when all its nodes are Ready");
  up_verb->add_option("--nodes", plan.nodes, "how many nodes")->capture_default_str();
  up_verb->add_option("--node-memory", memory, "memory that each node offers to guests, such as 4Gi");
  up_verb->add_option("--link-rate", plan.link_rate, "speed of each node's link, such as 1gbit");
  up_verb->add_option("--cidr", plan.cidr, "where its addresses come from")->capture_default_str();
  CLI::App* down_verb = verb("down", "stops the cluster and leaves nothing running");
  down_verb->add_flag("--purge", purge, "removes its data too: database, disks, images");
  CLI::App* status_verb = verb("status", "shows the cluster and its nodes");
  CLI::App* exec_verb = verb("exec", "runs a command in a node's network: exec NODE -- COMMAND…");
  exec_verb->add_option("node", node)->required();
  exec_verb->add_option("command", command)->required();
  CLI::App* cut_verb = verb("cut", "cuts a node's network");
  cut_verb->add_option("node", node)->required();
  CLI::App* heal_verb = verb("heal", "links a node again, and starts it again after kill");
  heal_verb->add_option("node", node)->required();
  CLI::App* kill_verb = verb("kill", "ends a node's agent and its guests at once, as a power failure would");
  kill_verb->add_option("node", node)->required();
  CLI::App* supervise_verb = verb("supervise", "keeps server and agents running (started by up)");
  CLI11_PARSE(app, argc, argv);
  const std::filesystem::path directory = std::filesystem::absolute(plan.directory);
  if (*up_verb) return bring_up(plan, memory);
  if (*down_verb) return answer(down(directory, purge));
  if (*status_verb) return answer(print_status(directory));
  if (*cut_verb) return answer(cut(directory, node));
  if (*heal_verb) return answer(heal(directory, node));
  if (*kill_verb) return answer(kill(directory, node));
  if (*supervise_verb) return answer(supervise(directory));
  const auto status = exec(directory, node, command);
  return status ? *status : answer(fail(status.error()));
}

}  // namespace godwit::local
