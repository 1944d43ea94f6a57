#include <fmt/format.h>

#include "http/message.hpp"
#include "kube/client.hpp"

namespace godwit::kube {

namespace resources {
const Resource namespaces{"", "v1", "namespaces", "Namespace", false};
const Resource nodes{"", "v1", "nodes", "Node", false};
const Resource pods{"", "v1", "pods", "Pod", true};
const Resource persistent_volumes{"", "v1", "persistentvolumes", "PersistentVolume", false};
const Resource persistent_volume_claims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true};
const Resource storage_classes{"storage.k8s.io", "v1", "storageclasses", "StorageClass", false};
const Resource priority_classes{"scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false};
const Resource secrets{"", "v1", "secrets", "Secret", true};
const Resource config_maps{"", "v1", "configmaps", "ConfigMap", true};
const Resource service_accounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
const Resource events{"", "v1", "events", "Event", true};
const Resource leases{"coordination.k8s.io", "v1", "leases", "Lease", true};
const Resource virtual_machines{"kubevirt.io", "v1", "virtualmachines", "VirtualMachine", true};
const Resource virtual_machine_instances{"kubevirt.io", "v1", "virtualmachineinstances", "VirtualMachineInstance",
                                         true};
const Resource virtual_machine_instance_migrations{"kubevirt.io", "v1", "virtualmachineinstancemigrations",
                                                   "VirtualMachineInstanceMigration", true};
const Resource kubevirts{"kubevirt.io", "v1", "kubevirts", "KubeVirt", true};
}  // namespace resources

Key key_of(const json::Value& object) {
  return Key{json::string_at(object, "/metadata/namespace"), json::string_at(object, "/metadata/name")};
}

std::string path_of(const Resource& resource, std::string_view ns, std::string_view name,
                    std::string_view subresource) {
  std::string path = resource.group.empty() ? fmt::format("/api/{}", resource.version)
                                            : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (resource.namespaced && !ns.empty()) path += fmt::format("/namespaces/{}", ns);
  path += fmt::format("/{}", resource.plural);
  if (!name.empty()) path += fmt::format("/{}", name);
  if (!subresource.empty()) path += fmt::format("/{}", subresource);
  return path;
}

}  // namespace godwit::kube
