#include "local/objects.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "kube/kubeconfig.hpp"

namespace godwit::local {
namespace {

using json::Object;
using json::Value;

Value text(const std::string& value) { return Value(std::string_view{value}); }

bool says_ready(const Value& node) {
  const json::Array& conditions = json::array_at(node, "/status/conditions");
  return std::any_of(conditions.begin(), conditions.end(), [](const Value& condition) {
    return json::string_at(condition, "/type") == "Ready" && json::string_at(condition, "/status") == "True";
  });
}

Result<> apply(const kube::Client& client, const ClusterObject& wanted) {
  const kube::Key key = kube::key_of(wanted.object);
  auto created = client.create(wanted.resource, key.ns, wanted.object);
  if (created) return {};
  if (created.error().code != Code::already_exists) return fail(created.error().within(key.text()));
  auto patched = client.patch(wanted.resource, key, kube::PatchType::merge, wanted.object);
  if (!patched) return fail(patched.error().within(key.text()));
  return {};
}

}  // namespace

std::vector<ClusterObject> cluster_objects(const ClusterPlan& plan) {
  namespace r = kube::resources;
  const Value kubevirt_namespace =
      Object{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", Object{{"name", "kubevirt"}}}};
  const Value kubevirt = Object{{"apiVersion", "kubevirt.io/v1"},
                                {"kind", "KubeVirt"},
                                {"metadata", Object{{"name", "kubevirt"}, {"namespace", "kubevirt"}}},
                                {"spec", Object{}}};
  const Value storage_class =
      Object{{"apiVersion", "storage.k8s.io/v1"},
             {"kind", "StorageClass"},
             {"metadata", Object{{"name", "godwit-shared"},
                                 {"annotations", Object{{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
             {"provisioner", "godwit.io/shared"},
             {"parameters", Object{{"path", text((plan.dir / "shared").string())}}},
             {"reclaimPolicy", "Delete"},
             {"volumeBindingMode", "Immediate"}};
  const Value network = Object{{"apiVersion", "v1"},
                               {"kind", "ConfigMap"},
                               {"metadata", Object{{"name", "godwit-network"}, {"namespace", "kube-system"}}},
                               {"data", Object{{"podCIDR", text(plan.pod_cidr)},
                                               {"gateway", text(plan.gateway)},
                                               {"gatewayUnderlay", text(plan.host_address)},
                                               {"mtu", text(std::to_string(pod_mtu))},
                                               {"vni", text(std::to_string(plan.vni()))}}}};
  return {{.resource = r::namespaces, .object = kubevirt_namespace},
          {.resource = r::kubevirts, .object = kubevirt},
          {.resource = r::storage_classes, .object = storage_class},
          {.resource = r::config_maps, .object = network}};
}

Result<> apply_objects(const kube::Client& client, const ClusterPlan& plan) {
  for (const ClusterObject& wanted : cluster_objects(plan)) {
    if (auto applied = apply(client, wanted); !applied) return applied;
  }
  return {};
}

Result<kube::Client> connect_when_ready(const ClusterPlan& plan, Deadline deadline) {
  for (;;) {
    Error last;
    // Read anew each time: a starting server writes it.
    const auto config = kube::read_kubeconfig(plan.server_dir() / "admin.kubeconfig");
    if (config && config->server == plan.url()) {
      auto transport = kube::connect(*config);
      if (!transport) return fail(transport.error());
      kube::Client client{*transport};
      const auto answer = client.list(kube::resources::namespaces);
      if (answer) return client;
      last = answer.error();
    } else {
      last = config ? Error{Code::unavailable, "it is still starting"} : config.error();
    }
    if (deadline.passed()) return fail(last.within("the API server does not answer"));
    (void)sleep_for(std::chrono::milliseconds{50}, {});
  }
}

Result<std::vector<std::string>> nodes_not_ready(const kube::Client& client, const ClusterPlan& plan) {
  const auto nodes = client.list(kube::resources::nodes);
  if (!nodes) return fail(nodes.error());
  std::vector<std::string> missing;
  for (const NodePlan& node : plan.nodes) {
    const bool ready = std::any_of(nodes->items.begin(), nodes->items.end(), [&](const Value& object) {
      return json::string_at(object, "/metadata/name") == node.name && says_ready(object);
    });
    if (!ready) missing.push_back(node.name);
  }
  return missing;
}

Result<> wait_for_nodes(const kube::Client& client, const ClusterPlan& plan, Deadline deadline) {
  for (;;) {
    const auto missing = nodes_not_ready(client, plan);
    if (missing && missing->empty()) return {};
    if (deadline.passed()) {
      if (!missing) return fail(missing.error());
      return fail(Code::timeout, fmt::format("not ready in time: {}", join(*missing, ", ")));
    }
    (void)sleep_for(std::chrono::milliseconds{100}, {});
  }
}

}  // namespace godwit::local
