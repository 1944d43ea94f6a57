#include <pthread.h>
#include <csignal>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <thread>

#include "base/quantity.hpp"
#include "main/programs.hpp"
#include "node/agent.hpp"

namespace godwit {

int run_node(int argc, char** argv) {
  node::AgentConfig config;
  std::string memory;
  CLI::App app{"The agent of one host: registers a Node, runs the launcher pods bound to it as QEMU processes.",
               "godwit node"};
  app.add_option("--name", config.name, "name of the Node")->required();
  app.add_option("--kubeconfig", config.kubeconfig, "how to reach the API, as this node")->required();
  app.add_option("--data", config.data, "directory for what must survive a restart")->required();
  app.add_option("--address", config.address, "this host's address: underlay, consoles, migrations")->required();
  app.add_option("--accelerator", config.accelerator, "auto (measure KVM, use it where it is fast), kvm or tcg")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}));
  app.add_option("--accelerator-cache", config.accelerator_cache, "file that keeps the verdict of the measurement");
  app.add_option("--memory", memory, "memory offered to guests, such as 16Gi (default: the host's)");
  app.add_option("--cpus", config.cpus, "CPUs offered to guests (default: the host's)");
  app.add_option("--stream-port", config.stream_port, "TLS port for consoles (default: any free one)");
  CLI11_PARSE(app, argc, argv);
  if (!memory.empty()) {
    const auto quantity = Quantity::parse(memory);
    if (!quantity) {
      fmt::print(stderr, "godwit node: --memory: {}\n", quantity.error().message);
      return 2;
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

}  // namespace godwit
