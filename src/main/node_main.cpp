#include <pthread.h>
#include <csignal>

#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/quantity.hpp"
#include "main/programs.hpp"
#include "node/agent.hpp"

namespace godwit {

namespace {

struct NodeOptions {
  node::AgentConfig config;
  std::string memory;
};

int run_node(NodeOptions& options) {
  node::AgentConfig& config = options.config;
  if (!options.memory.empty()) {
    const auto quantity = Quantity::parse(options.memory);
    if (!quantity) {
      fmt::print(stderr, "godwit node: --memory: {}\n", quantity.error().message);
      return cli::exit_status::usage;
    }
    config.memory_bytes = quantity->value();
  }

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::stop_source stop;
  std::jthread waiter{[&] {
    int number = 0;
    sigwait(&ends, &number);
    stop.request_stop();
  }};
  const auto ended = node::run_agent(config, stop.get_token());
  pthread_kill(waiter.native_handle(), SIGTERM);
  if (!ended) {
    fmt::print(stderr, "godwit node: {}\n", ended.error().message);
    return 1;
  }
  return 0;
}

}  // namespace

void define_node(CLI::App& app, cli::Invocation& invocation) {
  auto options = std::make_shared<NodeOptions>();
  node::AgentConfig& config = options->config;
  app.add_option("--name", config.name, "name of the Node")->required()->type_name("NAME");
  app.add_option("--kubeconfig", config.kubeconfig, "how to reach the API, as this node")
      ->required()
      ->type_name("FILE");
  app.add_option("--data", config.data, "directory for what must survive a restart")->required()->type_name("DIR");
  app.add_option("--address", config.address, "this host's address: underlay, consoles, migrations")
      ->required()
      ->type_name("IP");
  app.add_option("--accelerator", config.accelerator, "auto (measure KVM, use it where it is fast), kvm or tcg")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}))
      ->capture_default_str();
  app.add_option("--accelerator-cache", config.accelerator_cache, "file that keeps the verdict of the measurement")
      ->type_name("FILE");
  app.add_option("--memory", options->memory, "memory offered to guests, such as 16Gi (default: the host's)")
      ->type_name("QUANTITY");
  app.add_option("--cpus", config.cpus, "CPUs offered to guests (default: the host's)");
  app.add_option("--stream-port", config.stream_port, "TLS port for consoles and logs (default: any free one)");
  app.footer(
      "Example:\n"
      "  godwit node --name alpha --kubeconfig alpha.kubeconfig --data /var/lib/godwit/node --address 192.0.2.11");
  app.callback([options, &invocation] { invocation.action = [options] { return run_node(*options); }; });
}

}  // namespace godwit
