#include "local/bootstrap.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "kube/kubeconfig.hpp"

namespace godwit::local {
namespace {

using namespace kube::resources;
using std::chrono::milliseconds;

/// Creates the object, or brings an existing one up to date.
Result<> ensure(const kube::Client& client, const kube::Resource& resource, const std::string& ns,
                const json::Value& object) {
  auto made = client.create(resource, ns, object);
  if (!made && made.error().code == Code::already_exists) {
    made = client.patch(resource, {.ns = ns, .name = json::string_at(object, "/metadata/name")}, kube::PatchType::merge,
                        object);
  }
  if (!made) return fail(made.error());
  return {};
}

json::Value storage_class(const Cluster& cluster) {
  return json::Object{
      {"metadata",
       json::Object{{"name", "godwit-shared"},
                    {"annotations", json::Object{{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
      {"provisioner", "godwit.io/shared"},
      {"parameters", json::Object{{"path", cluster.shared().string()}}},
      {"reclaimPolicy", "Delete"},
      {"volumeBindingMode", "Immediate"}};
}

json::Value network(const Cluster& cluster) {
  return json::Object{{"metadata", json::Object{{"name", "godwit-network"}}},
                      {"data", json::Object{{"podCIDR", cluster.pod_cidr},
                                            {"gateway", cluster.gateway},
                                            {"gatewayUnderlay", cluster.server_address()},
                                            {"mtu", std::to_string(pod_mtu)},
                                            {"vni", std::to_string(cluster.vni)}}}};
}

/// There may be one in a cluster, wherever its user has put it.
Result<> ensure_kubevirt(const kube::Client& client) {
  const auto all = client.list(kubevirts);
  if (!all) return fail(all.error());
  kube::Key key{.ns = "kubevirt", .name = "kubevirt"};
  if (!all->items.empty()) {
    key = kube::key_of(all->items.front());
  } else {
    const auto named = [](const std::string& name) { return json::Object{{"metadata", json::Object{{"name", name}}}}; };
    if (auto done = ensure(client, namespaces, "", named(key.ns)); !done) return done;
    auto kubevirt = named(key.name);
    kubevirt["spec"] = json::Object{};
    if (auto done = ensure(client, kubevirts, key.ns, kubevirt); !done) return done;
  }
  auto deployed = client.patch(kubevirts, key, kube::PatchType::merge,
                               json::Object{{"status", json::Object{{"phase", "Deployed"}}}}, "status");
  if (!deployed) return fail(deployed.error());
  return {};
}

/// Why a server ended, in its own words.
std::string last_complaint(const std::filesystem::path& log) {
  const std::string text = read_file(log).value_or("");
  const auto begin = text.rfind("\ngodwit server: ");
  return begin == std::string::npos ? std::string{}
                                    : std::string{trim(text.substr(begin, text.find('\n', begin + 1) - begin))};
}

}  // namespace

Result<kube::Client> wait_for_server(const Cluster& cluster, Deadline deadline) {
  Error last{Code::timeout, "the server has not written its kubeconfig"};
  while (!deadline.passed()) {
    const auto config = kube::read_kubeconfig(cluster.server_data() / "admin.kubeconfig");
    if (config && config->server == cluster.server_url()) {
      auto transport = kube::connect(*config);
      if (!transport) return fail(transport.error());
      kube::Client client{*transport};
      if (const auto healthy = client.call("GET", "/readyz"))
        return client;
      else
        last = healthy.error();
    }
    (void)sleep_for(milliseconds{20}, {});
  }
  const auto log = cluster.directory / "logs" / "server.log";
  const auto words = last_complaint(log);
  return fail(Code::timeout, fmt::format("the API server did not come up: {}; see {}",
                                         words.empty() ? last.message : words, log.string()));
}

Result<> bootstrap(const kube::Client& client, const Cluster& cluster) {
  for (const char* name : {"images", "volumes"}) {
    if (auto made = make_directory(cluster.shared() / name); !made) return made;
  }
  if (auto done = ensure(client, config_maps, "kube-system", network(cluster)); !done) return done;
  if (auto done = ensure(client, storage_classes, "", storage_class(cluster)); !done) return done;
  return ensure_kubevirt(client);
}

bool is_ready(const json::Value& node) {
  for (const json::Value& condition : json::array_at(node, "/status/conditions")) {
    if (json::string_at(condition, "/type") == "Ready") return json::string_at(condition, "/status") == "True";
  }
  return false;
}

Result<> wait_for_nodes(const kube::Client& client, const Cluster& cluster, Deadline deadline) {
  std::vector<std::string> missing;
  while (!deadline.passed()) {
    missing.clear();
    for (const LocalNode& node : cluster.nodes) {
      const auto object = client.get(nodes, {.ns = {}, .name = node.name});
      if (!object || !is_ready(*object)) missing.push_back(node.name);
    }
    if (missing.empty()) return {};
    (void)sleep_for(milliseconds{20}, {});
  }
  return fail(Code::timeout,
              join(missing, ", ") + " did not become Ready; see the logs in " + (cluster.directory / "logs").string());
}

}  // namespace godwit::local
