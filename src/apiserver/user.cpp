#include "apiserver/user.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"

namespace godwit::apiserver {

bool User::in_group(std::string_view group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<Authenticator> Authenticator::load(const std::filesystem::path& token_file) {
  Authenticator authenticator;
  const auto text = read_file(token_file);
  if (!text && text.error().code == Code::not_found) return authenticator;
  if (!text) return fail(text.error());
  int number = 0;
  for (const std::string& raw : split(*text, '\n')) {
    ++number;
    const std::string line{trim(raw)};
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> fields = split(line.substr(0, line.find('"')), ',');
    if (fields.size() < 3 || fields[0].empty() || fields[1].empty()) {
      return fail(Code::invalid,
                  fmt::format("{}:{}: write token,user,uid,\"group1,group2\"", token_file.string(), number));
    }
    User user{.name = std::string{trim(fields[1])}, .groups = {}};
    if (const std::size_t quote = line.find('"'); quote != std::string::npos) {
      for (const std::string& group : split(line.substr(quote + 1, line.rfind('"') - quote - 1), ',')) {
        user.groups.emplace_back(trim(group));
      }
    }
    authenticator.tokens_.emplace(fields[0], std::move(user));
  }
  return authenticator;
}

Result<User> Authenticator::authenticate(const http::Request& request) const {
  const std::string_view header = request.headers.get("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (header.starts_with(scheme)) {
    const auto found = tokens_.find(std::string{trim(header.substr(scheme.size()))});
    if (found != tokens_.end()) return found->second;
    return fail(Code::unauthorized, "Unauthorized");
  }
  if (request.peer) return User{.name = request.peer->common_name, .groups = request.peer->organizations};
  return fail(Code::unauthorized, "Unauthorized");
}

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

bool pod_is_bound_to(const std::optional<json::Value>& pod, const std::string& node) {
  return pod && json::string_at(*pod, "/spec/nodeName") == node;
}

/// Does the VMI concern this node: as its owner, or as either side of its migration, or because it runs nowhere yet?
bool vmi_concerns(const json::Value& vmi, const std::string& node) {
  const std::string owner = json::string_at(vmi, "/status/nodeName");
  return owner == node || owner.empty() || json::string_at(vmi, "/status/migrationState/targetNode") == node ||
         json::string_at(vmi, "/status/migrationState/sourceNode") == node;
}

bool node_may_write(const std::string& node, const RequestInfo& r, const ReadObject& read) {
  if (r.resource == "nodes") return r.name == node || (r.verb == "create" && r.name.empty());
  if (r.resource == "leases")
    return r.ns == "kube-node-lease" && (r.name == node || (r.verb == "create" && r.name.empty()));
  if (r.resource == "events") return r.verb == "create" || r.verb == "patch" || r.verb == "update";
  if (r.resource == "pods" && (r.subresource == "status" || r.verb == "delete")) {
    return pod_is_bound_to(read("", "pods", r.ns, r.name), node);
  }
  if (r.resource == "virtualmachineinstances" && (r.verb == "patch" || r.verb == "update")) {
    const auto vmi = read("kubevirt.io", "virtualmachineinstances", r.ns, r.name);
    return vmi && vmi_concerns(*vmi, node);
  }
  if (r.resource == "virtualmachineinstancemigrations" && r.subresource == "status") {
    const auto migration = read("kubevirt.io", "virtualmachineinstancemigrations", r.ns, r.name);
    if (!migration) return false;
    const auto vmi = read("kubevirt.io", "virtualmachineinstances", r.ns, json::string_at(*migration, "/spec/vmiName"));
    return vmi && vmi_concerns(*vmi, node);
  }
  if (r.resource == "persistentvolumes") {
    if (r.verb == "create") return true;
    const auto volume = read("", "persistentvolumes", "", r.name);
    return volume && json::string_at(*volume, "/metadata/annotations/volume.kubernetes.io~1selected-node") == node;
  }
  if (r.resource == "persistentvolumeclaims" && r.verb == "patch") {
    const auto claim = read("", "persistentvolumeclaims", r.ns, r.name);
    return claim && json::string_at(*claim, "/metadata/annotations/volume.kubernetes.io~1selected-node") == node;
  }
  return false;
}

bool node_may(const std::string& node, const RequestInfo& r, const ReadObject& read) {
  if (!r.is_resource) return r.verb == "get" || r.verb == "list";
  if (r.verb == "get" || r.verb == "list" || r.verb == "watch") {
    return r.subresource.empty() && std::find(std::begin(readable_by_nodes), std::end(readable_by_nodes), r.resource) !=
                                        std::end(readable_by_nodes);
  }
  return node_may_write(node, r, read);
}

}  // namespace

Result<> authorize(const User& user, const RequestInfo& request, const ReadObject& read) {
  if (user.in_group("system:masters")) return {};
  constexpr std::string_view node_prefix = "system:node:";
  if (user.in_group("system:nodes") && user.name.starts_with(node_prefix) &&
      node_may(user.name.substr(node_prefix.size()), request, read)) {
    return {};
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
