#include "apiserver/discovery.hpp"

#include <map>
#include <set>

#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view subresource_group = "subresources.kubevirt.io";

json::Array to_array(const std::vector<std::string>& list) {
  json::Array array;
  for (const std::string& item : list) array.emplace_back(item);
  return array;
}

json::Object subresource(const Kind& kind, std::string_view name, json::Array verbs, std::string_view as_kind = {}) {
  return {{"name", kind.plural + "/" + std::string{name}},
          {"singularName", ""},
          {"namespaced", kind.namespaced},
          {"kind", as_kind.empty() ? std::string_view{kind.kind} : as_kind},
          {"verbs", std::move(verbs)}};
}

json::Value resource_list(const Kinds& kinds, std::string_view group, std::string_view version) {
  json::Array resources;
  for (const Kind& kind : kinds.all()) {
    if (kind.group != group || kind.version != version) continue;
    json::Object resource{
        {"name", kind.plural},
        {"singularName", kind.singular},
        {"namespaced", kind.namespaced},
        {"kind", kind.kind},
        {"verbs", json::Array{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}}};
    if (!kind.short_names.empty()) resource["shortNames"] = to_array(kind.short_names);
    if (!kind.categories.empty()) resource["categories"] = to_array(kind.categories);
    resources.push_back(std::move(resource));
    if (kind.has_status) resources.push_back(subresource(kind, "status", {"get", "patch", "update"}));
    if (kind.built_in && kind.plural == "pods") {
      resources.push_back(subresource(kind, "binding", {"create"}, "Binding"));
      resources.push_back(subresource(kind, "log", {"get"}));
      json::Object eviction = subresource(kind, "eviction", {"create"}, "Eviction");
      eviction["group"] = "policy";
      eviction["version"] = "v1";
      resources.push_back(std::move(eviction));
    }
  }
  if (group.empty()) {
    resources.push_back(json::Object{{"name", "services"},
                                     {"singularName", "service"},
                                     {"namespaced", true},
                                     {"kind", "Service"},
                                     {"verbs", json::Array{"list"}}});
  }
  std::string group_version = group.empty() ? std::string{version} : std::string{group} + "/" + std::string{version};
  return json::Object{{"kind", "APIResourceList"},
                      {"apiVersion", "v1"},
                      {"groupVersion", std::move(group_version)},
                      {"resources", std::move(resources)}};
}

/// Group → versions, in the order of the kinds.
std::map<std::string, std::set<std::string>> groups_of(const Kinds& kinds) {
  std::map<std::string, std::set<std::string>> groups;
  for (const Kind& kind : kinds.all()) {
    if (!kind.group.empty()) groups[kind.group].insert(kind.version);
  }
  groups[std::string{subresource_group}] = {"v1"};
  return groups;
}

json::Object api_group(const std::string& group, const std::set<std::string>& versions) {
  json::Array list;
  for (const std::string& version : versions) {
    list.push_back(json::Object{{"groupVersion", group + "/" + version}, {"version", version}});
  }
  json::Value preferred = list.front();
  return {{"name", group}, {"versions", std::move(list)}, {"preferredVersion", std::move(preferred)}};
}

json::Value group_list(const Kinds& kinds) {
  json::Array groups;
  for (const auto& [group, versions] : groups_of(kinds)) groups.push_back(api_group(group, versions));
  return json::Object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

json::Value version_document() {
  return json::Object{
      {"major", "1"},        {"minor", "32"},       {"gitVersion", "v1.32.0+godwit-0.1.0"},
      {"gitCommit", ""},     {"gitTreeState", ""},  {"buildDate", "2026-01-01T00:00:00Z"},
      {"goVersion", "none"}, {"compiler", "clang"}, {"platform", "linux/amd64"},
  };
}

/// virtctl asks for these.
json::Value kubevirt_subresource_list() {
  json::Array resources;
  for (const char* name :
       {"virtualmachines/start", "virtualmachines/stop", "virtualmachines/restart", "virtualmachines/migrate",
        "virtualmachineinstances/pause", "virtualmachineinstances/unpause", "virtualmachineinstances/softreboot",
        "virtualmachineinstances/reset", "virtualmachineinstances/console", "virtualmachineinstances/vnc",
        "virtualmachineinstances/guestosinfo", "virtualmachineinstances/userlist",
        "virtualmachineinstances/filesystemlist"}) {
    resources.push_back(json::Object{{"name", name},
                                     {"singularName", ""},
                                     {"namespaced", true},
                                     {"kind", ""},
                                     {"verbs", json::Array{"get", "update"}}});
  }
  return json::Object{{"kind", "APIResourceList"},
                      {"apiVersion", "v1"},
                      {"groupVersion", "subresources.kubevirt.io/v1"},
                      {"resources", std::move(resources)}};
}

}  // namespace

std::optional<json::Value> discovery_document(const Kinds& kinds, std::string_view path) {
  const std::vector<std::string> parts = split(path, '/');
  if (path == "/version") return version_document();
  if (path == "/api") {
    return json::Object{
        {"kind", "APIVersions"}, {"versions", json::Array{"v1"}}, {"serverAddressByClientCIDRs", json::Array{}}};
  }
  if (path == "/apis") return group_list(kinds);
  if (path == "/api/v1") return resource_list(kinds, "", "v1");
  if (parts.size() < 3 || parts[1] != "apis") return std::nullopt;
  const auto groups = groups_of(kinds);
  const auto found = groups.find(parts[2]);
  if (found == groups.end()) return std::nullopt;
  if (parts.size() == 3) {
    json::Object group = api_group(found->first, found->second);
    group["kind"] = "APIGroup";
    group["apiVersion"] = "v1";
    return group;
  }
  if (parts.size() != 4 || !found->second.contains(parts[3])) return std::nullopt;
  if (found->first == subresource_group) return kubevirt_subresource_list();
  return resource_list(kinds, found->first, parts[3]);
}

}  // namespace godwit::apiserver
