// Wiring only: which part a word of the command line starts.
#include <csignal>
#include <string_view>

#include "cli/cli.hpp"
#include "local/local.hpp"
#include "main/programs.hpp"
#include "migrate/tunnel.hpp"
#include "trial/trial.hpp"

namespace {

using godwit::cli::groups::cluster;

constexpr godwit::cli::Command programs[] = {
    {"local", cluster, "a whole cluster on this machine: up, down, status, exec, cut, heal, kill",
     godwit::local::define},
    {"server", cluster, "the API server with its controllers and scheduler", godwit::define_server},
    {"node", cluster, "the agent of one host: runs the launcher pods bound to it as QEMU processes",
     godwit::define_node},
    {"trial", cluster, "boots a guest on a local cluster and moves it while a client measures", godwit::trial::define},
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Not for people: the agent starts it.
  if (argc > 1 && std::string_view{argv[1]} == "tunnel") return godwit::migrate::run_tunnel(argc - 2, argv + 2);
  return godwit::cli::run(argc, argv, programs);
}
