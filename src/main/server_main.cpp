#include <pthread.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <csignal>

#include "apiserver/credentials.hpp"
#include "apiserver/server.hpp"
#include "base/text.hpp"
#include "controllers/manager.hpp"
#include "kube/kubeconfig.hpp"
#include "main/kubevirt_admission.hpp"
#include "main/programs.hpp"
#include "main/scheduling_admission.hpp"

namespace godwit {
namespace {

int complain(const Error& error) {
  fmt::print(stderr, "godwit server: {}\n", error.message);
  return 1;
}

Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const auto port =
      colon == std::string::npos ? std::nullopt : parse_number<std::uint16_t>(std::string_view{text}.substr(colon + 1));
  if (!port) return fail(Code::invalid, "--listen: write IP:PORT, such as 0.0.0.0:6443");
  std::string address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return std::pair{address, *port};
}

int serve(const std::filesystem::path& data, const std::string& listen, const std::vector<std::string>& names) {
  const auto address = parse_listen(listen);
  if (!address) return complain(address.error());
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  auto server = apiserver::ApiServer::start({.data = data,
                                             .address = address->first,
                                             .port = address->second,
                                             .extra_names = names,
                                             .admissions = {kubevirt_admission(), scheduling_admission()}});
  if (!server) return complain(server.error());
  const auto config = kube::read_kubeconfig((*server)->controller_kubeconfig());
  if (!config) return complain(config.error());
  auto transport = kube::connect(*config);
  if (!transport) return complain(transport.error());
  auto manager = controllers::Manager::start(*transport);
  if (!manager) return complain(manager.error());
  fmt::print("Serving at {}\nexport KUBECONFIG={}\n", (*server)->url(),
             std::filesystem::absolute((*server)->admin_kubeconfig()).string());
  std::fflush(stdout);
  int number = 0;
  sigwait(&ends, &number);
  return 0;
}

struct ServerOptions {
  std::filesystem::path data = "/var/lib/godwit/server";
  std::string listen = "127.0.0.1:6443";
  std::vector<std::string> names;
  apiserver::NodeRequest node;
};

void define_issue_node(CLI::App& issue, apiserver::NodeRequest& node) {
  issue.add_option("--data", node.data, "the server's data directory")->required()->type_name("DIR");
  issue.add_option("--name", node.name, "of the node")->required()->type_name("NAME");
  issue.add_option("--address", node.address, "the node's IP")->required()->type_name("IP");
  issue.add_option("--server", node.server, "https://… of the API server, as the node reaches it")
      ->required()
      ->type_name("URL");
  issue.add_option("--out", node.out, "kubeconfig to write")->required()->type_name("FILE");
}

}  // namespace

void define_server(CLI::App& app, cli::Invocation& invocation) {
  auto options = std::make_shared<ServerOptions>();
  app.add_option("--data", options->data, "directory for the database and the credentials")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_option("--listen", options->listen, "where to serve; port 0 takes any free one")
      ->capture_default_str()
      ->type_name("IP:PORT");
  app.add_option("--tls-san", options->names, "DNS name or IP by which clients reach it too; may be repeated")
      ->type_name("NAME");
  CLI::App* issue = app.add_subcommand("issue-node", "issues a node's credentials, as a kubeconfig");
  define_issue_node(*issue, options->node);
  app.footer(
      "It prints where the administrator's kubeconfig is.\n\n"
      "Examples:\n"
      "  godwit server --data /var/lib/godwit/server --listen 192.0.2.1:6443\n"
      "  godwit server issue-node --data /var/lib/godwit/server --name alpha --address 192.0.2.11 \\\n"
      "    --server https://192.0.2.1:6443 --out alpha.kubeconfig");
  app.callback([options, issue, &invocation] {
    const bool issues = issue->parsed();
    invocation.action = [options, issues] {
      if (!issues) return serve(options->data, options->listen, options->names);
      const auto issued = apiserver::issue_node(options->node);
      return issued ? 0 : complain(issued.error());
    };
  });
}

}  // namespace godwit
