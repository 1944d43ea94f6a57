#include "node/node_object.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace godwit::node {
namespace {

json::Object labels_of(const HostFacts& host) {
  json::Object labels{
      {"kubernetes.io/hostname", host.name},  {"kubernetes.io/arch", "amd64"},
      {"kubernetes.io/os", "linux"},          {"kubevirt.io/schedulable", "true"},
      {"node-role.kubernetes.io/worker", ""}, {"godwit.io/accelerator", host.accelerator},
  };
  for (const std::string& type : host.machine_types) labels["machine-type.node.kubevirt.io/" + type] = "true";
  for (const std::string& model : host.cpu_models) {
    labels["cpu-model.node.kubevirt.io/" + model] = "true";
    // A guest with host-model brings its model along, which must be usable here as a whole.
    labels["cpu-model-migration.node.kubevirt.io/" + model] = "true";
  }
  for (const std::string& feature : host.cpu_features) labels["cpu-feature.node.kubevirt.io/" + feature] = "true";
  if (!host.host_model.empty()) labels["host-model-cpu.node.kubevirt.io/" + host.host_model] = "true";
  if (!host.cpu_vendor.empty()) labels["cpu-vendor.node.kubevirt.io/" + host.cpu_vendor] = "true";
  return labels;
}

/// A label that says what this host can do; others are the administrator's.
bool is_ability(std::string_view label) {
  static constexpr std::array<std::string_view, 6> groups{
      "machine-type.node.kubevirt.io/", "cpu-model.node.kubevirt.io/",      "cpu-model-migration.node.kubevirt.io/",
      "cpu-feature.node.kubevirt.io/",  "host-model-cpu.node.kubevirt.io/", "cpu-vendor.node.kubevirt.io/"};
  return std::any_of(groups.begin(), groups.end(), [&](std::string_view group) { return label.starts_with(group); });
}

json::Object amounts_of(const HostFacts& host) {
  return {
      {"cpu", std::to_string(host.cpus)},
      {"memory", fmt::format("{}Ki", host.memory_bytes / 1024)},
      {"pods", "250"},
  };
}

}  // namespace

json::Value node_object(const HostFacts& host) {
  return json::Object{
      {"apiVersion", "v1"},
      {"kind", "Node"},
      {"metadata", json::Object{{"name", host.name}, {"labels", labels_of(host)}}},
      {"spec", json::Object{}},
  };
}

json::Value node_labels_patch(const HostFacts& host, const json::Value& existing) {
  json::Object labels = labels_of(host);
  for (const auto& [key, value] : json::object_at(existing, "/metadata/labels")) {
    if (is_ability(key) && !labels.contains(key)) labels[key] = nullptr;
  }
  return json::Object{{"metadata", json::Object{{"labels", std::move(labels)}}}};
}

json::Value node_status_patch(const HostFacts& host, WallTime now) {
  const std::string time = format_time(now);
  const json::Object ready{
      {"type", "Ready"},
      {"status", "True"},
      {"reason", "GodwitNodeReady"},
      {"message", "godwit node is posting ready status"},
      {"lastHeartbeatTime", time},
      {"lastTransitionTime", time},
  };
  return json::Object{
      {"status",
       json::Object{
           {"addresses", json::Array{json::Object{{"type", "InternalIP"}, {"address", host.address}},
                                     json::Object{{"type", "Hostname"}, {"address", host.name}}}},
           {"capacity", amounts_of(host)},
           {"allocatable", amounts_of(host)},
           {"conditions", json::Array{ready}},
           {"daemonEndpoints", json::Object{{"kubeletEndpoint", json::Object{{"Port", host.stream_port}}}}},
           {"nodeInfo", json::Object{{"architecture", "amd64"},
                                     {"operatingSystem", "linux"},
                                     {"kernelVersion", host.kernel_version},
                                     {"osImage", host.os_image},
                                     {"containerRuntimeVersion", "qemu://" + host.qemu_version},
                                     {"kubeletVersion", "godwit-0.1.0"},
                                     {"kubeProxyVersion", ""},
                                     {"machineID", host.machine_id},
                                     {"systemUUID", host.system_uuid},
                                     {"bootID", host.boot_id}}},
       }},
  };
}

bool says_ready(const json::Value& node) {
  for (const json::Value& condition : json::array_at(node, "/status/conditions")) {
    if (json::string_at(condition, "/type") == "Ready") return json::string_at(condition, "/status") == "True";
  }
  return false;
}

}  // namespace godwit::node
