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
                                             .admissions = {kubevirt_admission()}});
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

}  // namespace

int run_server(int argc, char** argv) {
  CLI::App app{"The API server with its controllers and scheduler.", "godwit server"};
  std::filesystem::path data = "/var/lib/godwit/server";
  std::string listen = "127.0.0.1:6443";
  app.add_option("--data", data, "directory for the database and the credentials")->capture_default_str();
  app.add_option("--listen", listen, "IP:PORT to serve at; port 0 takes any free one")->capture_default_str();
  std::vector<std::string> names;
  app.add_option("--tls-san", names, "DNS name or IP by which clients reach it too; may be repeated");
  apiserver::NodeRequest node;
  CLI::App* issue = app.add_subcommand("issue-node", "issues a node's credentials, as a kubeconfig");
  issue->add_option("--data", node.data, "the server's data directory")->required();
  issue->add_option("--name", node.name, "of the node")->required();
  issue->add_option("--address", node.address, "the node's IP")->required();
  issue->add_option("--server", node.server, "https://… of the API server, as the node reaches it")->required();
  issue->add_option("--out", node.out, "kubeconfig to write")->required();
  CLI11_PARSE(app, argc, argv);
  if (*issue) {
    const auto issued = apiserver::issue_node(node);
    return issued ? 0 : complain(issued.error());
  }
  return serve(data, listen, names);
}

}  // namespace godwit
