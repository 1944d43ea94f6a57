#include "apiserver/server.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/api_handler.hpp"
#include "apiserver/credentials.hpp"
#include "apiserver/garbage_collector.hpp"
#include "apiserver/node_restriction.hpp"
#include "apiserver/server_names.hpp"
#include "apiserver/status.hpp"
#include "base/files.hpp"
#include "rules/priority.hpp"

namespace godwit::apiserver {

struct ApiServer::State {
  ServerConfig config;
  SystemClock clock;
  Kinds kinds;
  std::unique_ptr<store::Store> store;
  Authenticator authenticator;
  std::unique_ptr<Objects> objects;
  std::unique_ptr<Subresources> subresources;
  std::unique_ptr<ApiHandler> handler;
  std::unique_ptr<http::Server> http;  // ends before what its handlers use
  std::unique_ptr<GarbageCollector> garbage_collector;
};

namespace {

const char* const initial_namespaces[] = {"default", "kube-system", "kube-public", "kube-node-lease", "godwit-images"};

Result<> make_namespaces(Objects& objects) {
  const Kind& namespaces = *objects.kinds().find("", "v1", "namespaces");
  const User user{.name = "system:apiserver", .groups = {"system:masters"}};
  for (const char* name : initial_namespaces) {
    json::Value object = json::Object{
        {"metadata", json::Object{{"name", name}, {"labels", json::Object{{"kubernetes.io/metadata.name", name}}}}},
        {"spec", json::Object{{"finalizers", json::Array{"kubernetes"}}}},
        {"status", json::Object{{"phase", "Active"}}}};
    auto made = objects.create(namespaces, "", std::move(object), {.user = user, .fields = FieldValidation::ignore});
    if (!made && made.error().code != Code::already_exists) return fail(made.error().within(name));
  }
  return {};
}

Result<> make_priority_classes(Objects& objects) {
  const Kind& classes = *objects.kinds().find("scheduling.k8s.io", "v1", "priorityclasses");
  const User user{.name = "system:apiserver", .groups = {"system:masters"}};
  for (auto& each : rules::system_priority_classes()) {
    auto made = objects.create(classes, "", std::move(each), {.user = user, .fields = FieldValidation::ignore});
    if (!made && made.error().code != Code::already_exists) return fail(made.error().within("priority classes"));
  }
  return {};
}

Result<http::ServerTls> server_tls(const http::KeyPair& ca, const ServerConfig& config) {
  std::vector<std::string> names = config.extra_names;
  names.push_back(config.address);
  if (means_all(config.address)) {
    for (std::string& name : names_of_this_host()) names.push_back(std::move(name));
  }
  http::LeafRequest leaf{.common_name = "godwit-apiserver",
                         .organizations = {},
                         .dns_names = {"localhost", "kubernetes", "kubernetes.default.svc"},
                         .ip_addresses = {"127.0.0.1"},
                         .for_server = true,
                         .for_client = false};
  for (const std::string& name : names) {
    auto& list = is_ip(name) ? leaf.ip_addresses : leaf.dns_names;
    if (!means_all(name) && std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }
  const auto pair = http::issue(ca, leaf);
  if (!pair) return fail(pair.error());
  return http::ServerTls{pair->certificate_pem, pair->key_pem, ca.certificate_pem};
}

Result<http::ClientTls> towards_agents(const http::KeyPair& ca) {
  const auto pair = http::issue(ca, {.common_name = "system:godwit-apiserver",
                                     .organizations = {"system:masters"},
                                     .dns_names = {},
                                     .ip_addresses = {}});
  if (!pair) return fail(pair.error());
  return http::ClientTls{ca.certificate_pem, pair->certificate_pem, pair->key_pem, {}};
}

Result<> write_client(const http::KeyPair& ca, const std::string& url, const std::filesystem::path& path,
                      const std::string& user) {
  const auto text = client_kubeconfig(ca, url, user, "system:masters");
  if (!text) return fail(text.error());
  return write_file(path, *text, 0600);
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(ServerConfig config) {
  auto state = std::make_unique<State>();
  state->config = std::move(config);
  auto kinds = Kinds::load();
  if (!kinds) return fail(kinds.error());
  state->kinds = std::move(*kinds);
  auto store = store::Store::open(state->config.data);
  if (!store) return fail(store.error());
  state->store = std::move(*store);
  auto authenticator = Authenticator::load(state->config.data / "tokens.csv");
  if (!authenticator) return fail(authenticator.error());
  state->authenticator = std::move(*authenticator);
  const auto ca = load_or_make_ca(state->config.data);
  if (!ca) return fail(ca.error());
  const auto agents = towards_agents(*ca);
  if (!agents) return fail(agents.error());
  AdmissionChain admissions{node_restriction()};
  admissions.insert(admissions.end(), state->config.admissions.begin(), state->config.admissions.end());
  state->objects = std::make_unique<Objects>(*state->store, state->kinds, std::move(admissions), state->clock);
  if (auto made = make_namespaces(*state->objects); !made) return fail(made.error());
  if (auto made = make_priority_classes(*state->objects); !made) return fail(made.error());
  state->subresources = std::make_unique<Subresources>(*state->objects, *agents);
  state->handler =
      std::make_unique<ApiHandler>(*state->objects, state->authenticator, *state->subresources, state->clock);
  auto tls = server_tls(*ca, state->config);
  if (!tls) return fail(tls.error());
  http::ServerOptions options;
  options.address = state->config.address;
  options.port = state->config.port;
  options.tls = std::move(*tls);
  auto http = http::Server::start(
      std::move(options), [handler = state->handler.get()](http::Exchange& exchange) { handler->serve(exchange); });
  if (!http) return fail(http.error());
  state->http = std::move(*http);
  state->garbage_collector = std::make_unique<GarbageCollector>(*state->objects);
  auto server = std::unique_ptr<ApiServer>{new ApiServer{std::move(state)}};
  for (const auto& [path, user] : {std::pair{server->admin_kubeconfig(), "godwit-admin"},
                                   std::pair{server->controller_kubeconfig(), "system:godwit-controller"}}) {
    if (auto written = write_client(*ca, server->url(), path, user); !written) return fail(written.error());
  }
  Log{"apiserver"}.info("serving {} kinds at {}", server->state_->kinds.all().size(), server->url());
  return server;
}

ApiServer::ApiServer(std::unique_ptr<State> state) : state_{std::move(state)} {}

ApiServer::~ApiServer() {
  state_->http.reset();
  state_->garbage_collector.reset();
}

std::uint16_t ApiServer::port() const { return state_->http->port(); }

std::string ApiServer::url() const {
  const std::string& address = state_->config.address;
  const std::string reached = address == "0.0.0.0" ? "127.0.0.1" : address == "::" ? "[::1]" : address;
  if (reached.find(':') != std::string::npos && reached.front() != '[')
    return fmt::format("https://[{}]:{}", reached, port());
  return fmt::format("https://{}:{}", reached, port());
}

std::filesystem::path ApiServer::admin_kubeconfig() const { return state_->config.data / "admin.kubeconfig"; }
std::filesystem::path ApiServer::controller_kubeconfig() const { return state_->config.data / "controller.kubeconfig"; }

}  // namespace godwit::apiserver
