// Who may do what. What a node's agent writes is looked at once more by node_restriction.cpp, which sees the objects.
#include <algorithm>

#include <fmt/format.h>

#include "apiserver/user.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view readable_by_nodes[] = {
    "nodes",
    "pods",
    "persistentvolumes",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "storageclasses",
    "namespaces",
    "leases",
    "virtualmachines",
    "virtualmachineinstances",
    "virtualmachineinstancemigrations",
    "kubevirts",
};

constexpr const char* selected_node = "/metadata/annotations/volume.kubernetes.io~1selected-node";

bool is_change(const std::string& verb) { return verb == "patch" || verb == "update"; }

bool pod_is_bound_to(const std::optional<json::Value>& pod, const std::string& node) {
  return pod && json::string_at(*pod, "/spec/nodeName") == node;
}

/// A launcher pod of the VMI is bound to the node: its agent may claim the guest, or receive it.
bool launcher_is_bound_to(const json::Value& vmi, const std::string& node, const RequestInfo& r, const Lookup& lookup) {
  const std::string uid = json::string_at(vmi, "/metadata/uid");
  const auto pods = lookup.list("", "pods", r.ns);
  return std::any_of(pods.begin(), pods.end(), [&](const json::Value& pod) {
    return json::string_at(pod, "/metadata/labels/kubevirt.io~1created-by") == uid &&
           json::string_at(pod, "/spec/nodeName") == node;
  });
}

/// Does the VMI concern this node: as its owner, as either side of its migration, or because it is to run there?
bool vmi_concerns(const std::optional<json::Value>& vmi, const std::string& node, const RequestInfo& r,
                  const Lookup& lookup) {
  if (!vmi) return false;
  return json::string_at(*vmi, "/status/nodeName") == node ||
         json::string_at(*vmi, "/status/migrationState/targetNode") == node ||
         json::string_at(*vmi, "/status/migrationState/sourceNode") == node ||
         launcher_is_bound_to(*vmi, node, r, lookup);
}

bool volume_is_of(const std::optional<json::Value>& volume, const std::string& node) {
  return volume && json::string_at(*volume, selected_node) == node;
}

bool node_may_write_vm_objects(const std::string& node, const RequestInfo& r, const Lookup& lookup) {
  std::string vmi = r.name;
  if (r.resource == "virtualmachineinstancemigrations") {
    const auto migration = lookup.get("kubevirt.io", r.resource, r.ns, r.name);
    if (!migration || r.subresource != "status") return false;
    vmi = json::string_at(*migration, "/spec/vmiName");
  } else if (r.resource != "virtualmachineinstances" || !r.subresource.empty()) {
    return false;
  }
  return is_change(r.verb) &&
         vmi_concerns(lookup.get("kubevirt.io", "virtualmachineinstances", r.ns, vmi), node, r, lookup);
}

/// Names of what is being created aren't known here: node_restriction.cpp sees to them.
bool node_may_write(const std::string& node, const RequestInfo& r, const Lookup& lookup) {
  const bool creates = r.verb == "create" && r.name.empty();
  if (r.group == "kubevirt.io") return node_may_write_vm_objects(node, r, lookup);
  if (r.resource == "nodes") return creates || (r.name == node && is_change(r.verb));
  if (r.resource == "leases") return r.ns == "kube-node-lease" && (creates || (r.name == node && is_change(r.verb)));
  if (r.resource == "events") return creates || is_change(r.verb);
  if (r.resource == "pods") {
    const bool status = r.subresource == "status" && is_change(r.verb);
    const bool removal = r.subresource.empty() && r.verb == "delete";
    return (status || removal) && pod_is_bound_to(lookup.get("", "pods", r.ns, r.name), node);
  }
  if (r.resource == "persistentvolumes") {
    return creates || ((is_change(r.verb) || r.verb == "delete") &&
                       volume_is_of(lookup.get("", "persistentvolumes", "", r.name), node));
  }
  if (r.resource == "persistentvolumeclaims") {
    return is_change(r.verb) && r.subresource.empty() &&
           volume_is_of(lookup.get("", "persistentvolumeclaims", r.ns, r.name), node);
  }
  return false;
}

bool node_may(const std::string& node, const RequestInfo& r, const Lookup& lookup) {
  if (!r.is_resource) return r.verb == "get" || r.verb == "list";
  if (r.verb == "get" || r.verb == "list" || r.verb == "watch") {
    return r.subresource.empty() && std::find(std::begin(readable_by_nodes), std::end(readable_by_nodes), r.resource) !=
                                        std::end(readable_by_nodes);
  }
  return node_may_write(node, r, lookup);
}

}  // namespace

std::optional<std::string> node_of(const User& user) {
  constexpr std::string_view prefix = "system:node:";
  if (!user.in_group("system:nodes") || !user.name.starts_with(prefix) || user.name.size() == prefix.size()) {
    return std::nullopt;
  }
  return user.name.substr(prefix.size());
}

Result<> authorize(const User& user, const RequestInfo& request, const Lookup& lookup) {
  if (user.in_group("system:masters")) return {};
  const auto node = node_of(user);
  if (node && node_may(*node, request, lookup)) return {};
  if (!request.is_resource) {
    return fail(Code::forbidden,
                fmt::format("forbidden: User \"{}\" cannot {} path \"{}\"", user.name, request.verb, request.path));
  }
  const std::string resource = request.resource + (request.subresource.empty() ? "" : "/" + request.subresource);
  const std::string where =
      request.ns.empty() ? "at the cluster scope" : fmt::format("in the namespace \"{}\"", request.ns);
  const std::string what = request.group.empty() ? request.resource : request.resource + "." + request.group;
  return fail(Code::forbidden,
              fmt::format("{}{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", what,
                          request.name.empty() ? "" : fmt::format(" \"{}\"", request.name), user.name, request.verb,
                          resource, request.group, where));
}

}  // namespace godwit::apiserver
