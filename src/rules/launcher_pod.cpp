#include "rules/launcher_pod.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/objects.hpp"
#include "rules/vm_state.hpp"
#include "rules/volumes.hpp"

namespace godwit::rules {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;
constexpr std::int64_t process_overhead = 220 * mebibyte;
constexpr std::int64_t translation_cache = 128 * mebibyte;  // as the node agent sets tb-size
constexpr std::int64_t milli_cpu_per_vcpu = 100;  // a tenth of a core each: KubeVirt's cpuAllocationRatio of 10
const std::string feature_label = "cpu-feature.node.kubevirt.io/";
constexpr std::string_view suffix_letters = "bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a: a stable, even spread of names; nothing here must be unguessable.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

json::Object requests_of(const json::Value& vmi, std::string_view accelerator) {
  json::Object requests;
  // A request below the guest's memory overcommits the node.
  const auto asked = bytes_at(vmi, "/spec/domain/resources/requests/memory");
  const bool counts = !json::bool_at(vmi, "/spec/domain/resources/overcommitGuestOverhead");
  const auto memory = (asked > 0 ? asked : guest_memory_bytes(vmi)) + (counts ? memory_overhead_bytes(accelerator) : 0);
  requests["memory"] = fmt::format("{}Ki", (memory + 1023) / 1024);
  const auto* cpu = json::find(vmi, "/spec/domain/resources/requests/cpu");
  requests["cpu"] =
      cpu != nullptr && !cpu->is_null() ? *cpu : json::Value(fmt::format("{}m", vcpus_of(vmi) * milli_cpu_per_vcpu));
  return requests;
}

/// The guest's own limits; that of memory with the overhead, as it holds for all of its QEMU.
json::Object limits_of(const json::Value& vmi, std::string_view accelerator) {
  json::Object limits;
  if (const auto memory = bytes_at(vmi, "/spec/domain/resources/limits/memory"); memory > 0) {
    const auto bytes = std::max(memory, guest_memory_bytes(vmi)) + memory_overhead_bytes(accelerator);
    limits["memory"] = fmt::format("{}Ki", (bytes + 1023) / 1024);
  }
  if (const auto* cpu = json::find(vmi, "/spec/domain/resources/limits/cpu")) limits["cpu"] = *cpu;
  return limits;
}

json::Object node_selector_of(const json::Value& vmi) {
  json::Object selector{{"kubevirt.io/schedulable", "true"}, {"kubernetes.io/arch", "amd64"}};
  if (const auto type = json::string_at(vmi, "/spec/domain/machine/type"); !type.empty()) {
    selector["machine-type.node.kubevirt.io/" + type] = "true";
  }
  const auto model = json::string_at(vmi, "/spec/domain/cpu/model");
  if (!model.empty() && model != "host-model" && model != "host-passthrough") {
    selector["cpu-model.node.kubevirt.io/" + model] = "true";
  }
  for (const auto& feature : json::array_at(vmi, "/spec/domain/cpu/features")) {
    const auto policy = json::string_at(feature, "/policy", "require");
    if (policy == "require") selector[feature_label + json::string_at(feature, "/name")] = "true";
  }
  for (const auto& [key, value] : json::object_at(vmi, "/spec/nodeSelector")) selector[key] = value;
  return selector;
}

/// Features of policy `forbid`: no node that has them.
json::Array forbidden_features(const json::Value& vmi) {
  json::Array expressions;
  for (const auto& feature : json::array_at(vmi, "/spec/domain/cpu/features")) {
    if (json::string_at(feature, "/policy") != "forbid") continue;
    expressions.push_back(
        json::Object{{"key", feature_label + json::string_at(feature, "/name")}, {"operator", "DoesNotExist"}});
  }
  return expressions;
}

/// Every term of the node affinity gets the expressions: terms are alternatives.
void require_everywhere(json::Value& pod, const json::Array& expressions) {
  if (expressions.empty()) return;
  const auto* pointer = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
  json::Array terms = json::array_at(pod, pointer);
  if (terms.empty()) return json::set(pod, pointer, json::Array{json::Object{{"matchExpressions", expressions}}});
  for (auto& term : terms) {
    // A term without conditions matches no node, and must go on to match none.
    if (json::array_at(term, "/matchExpressions").empty() && json::array_at(term, "/matchFields").empty()) continue;
    json::Array all = json::array_at(term, "/matchExpressions");
    all.insert(all.end(), expressions.begin(), expressions.end());
    json::set(term, "/matchExpressions", std::move(all));
  }
  json::set(pod, pointer, std::move(terms));
}

/// What the guest's CPU became where it was started: "Westmere,+avx2,enforce". The model moves along with a guest of
/// `host-model`, and the features that it was given.
void select_same_cpu(json::Object& selector, const json::Value& vmi) {
  if (json::string_at(vmi, "/spec/domain/cpu/model", "host-model") != "host-model") return;
  const auto words = split(annotation_of(vmi, "godwit.io/cpu"), ',');
  if (words.empty() || words.front().empty()) return;
  selector["cpu-model-migration.node.kubevirt.io/" + words.front()] = "true";
  for (const auto& word : words) {
    if (word.starts_with('+')) selector[feature_label + word.substr(1)] = "true";
  }
}

/// The owner's agent alone may end a guest: a silent node must not lose its pods to an eviction.
json::Array tolerations_of(const json::Value& vmi) {
  json::Array tolerations = json::array_at(vmi, "/spec/tolerations");
  for (const auto* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    tolerations.push_back(json::Object{{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}});
  }
  return tolerations;
}

json::Array claims_of(const json::Value& vmi) {
  json::Array volumes;
  for (const auto& volume : json::array_at(vmi, "/spec/volumes")) {
    const auto claim = claim_of(volume);
    if (claim.empty()) continue;
    json::Object entry{{"name", json::string_at(volume, "/name")}};
    entry["persistentVolumeClaim"] = json::Object{{"claimName", claim}};
    volumes.push_back(std::move(entry));
  }
  if (needs_vm_state(vmi)) {
    json::Object entry{{"name", "vm-state"}};
    entry["persistentVolumeClaim"] = json::Object{{"claimName", vm_state_claim_name(vmi)}};
    volumes.push_back(std::move(entry));
  }
  return volumes;
}

json::Value base_pod(const json::Value& vmi, std::string_view seed, std::string_view accelerator) {
  json::Value pod = json::Object{{"apiVersion", "v1"}, {"kind", "Pod"}};
  const auto name = name_of_object(vmi);
  json::set(pod, "/metadata/name", json::Value(launcher_pod_name(vmi, seed)));
  json::set(pod, "/metadata/namespace", json::Value(json::string_at(vmi, "/metadata/namespace")));
  json::Object labels = json::object_at(vmi, "/metadata/labels");
  labels.erase("kubevirt.io/migrationTargetNodeName");
  labels["kubevirt.io"] = "virt-launcher";
  labels["kubevirt.io/created-by"] = uid_of(vmi);
  labels["vm.kubevirt.io/name"] = name;
  json::set(pod, "/metadata/labels", std::move(labels));
  json::set(pod, "/metadata/annotations",
            json::Object{{"kubevirt.io/domain", name}, {"descheduler.alpha.kubernetes.io/request-evict-only", ""}});
  json::set(pod, "/metadata/ownerReferences",
            json::Array({controller_reference(vmi, "kubevirt.io/v1", "VirtualMachineInstance")}));
  json::Object container{{"name", "compute"}, {"image", "godwit/launcher"}};
  json::Object resources{{"requests", requests_of(vmi, accelerator)}};
  if (auto limits = limits_of(vmi, accelerator); !limits.empty()) resources["limits"] = std::move(limits);
  container["resources"] = std::move(resources);
  json::set(pod, "/spec/containers", json::Array({json::Value(std::move(container))}));
  json::set(pod, "/spec/restartPolicy", "Never");
  json::set(pod, "/spec/terminationGracePeriodSeconds",
            json::int_at(vmi, "/spec/terminationGracePeriodSeconds", 30) + 30);
  json::set(pod, "/spec/nodeSelector", node_selector_of(vmi));
  json::set(pod, "/spec/tolerations", tolerations_of(vmi));
  json::set(pod, "/spec/volumes", claims_of(vmi));
  if (const auto* affinity = json::find(vmi, "/spec/affinity")) json::set(pod, "/spec/affinity", *affinity);
  require_everywhere(pod, forbidden_features(vmi));
  if (const auto* spread = json::find(vmi, "/spec/topologySpreadConstraints")) {
    json::set(pod, "/spec/topologySpreadConstraints", *spread);
  }
  for (const auto* field : {"schedulerName", "priorityClassName"}) {
    const auto pointer = fmt::format("/spec/{}", field);
    if (const auto text = json::string_at(vmi, pointer); !text.empty()) json::set(pod, pointer, text);
  }
  return pod;
}

}  // namespace

std::int64_t guest_memory_bytes(const json::Value& vmi) {
  for (const auto* pointer : {"/spec/domain/memory/guest", "/spec/domain/resources/requests/memory",
                              "/spec/domain/resources/limits/memory"}) {
    if (const auto bytes = bytes_at(vmi, pointer); bytes > 0) return bytes;
  }
  return 0;
}

std::int64_t memory_overhead_bytes(std::string_view accelerator) {
  return process_overhead + (accelerator == "kvm" ? 0 : translation_cache);
}

std::int64_t vcpus_of(const json::Value& vmi) {
  const auto factor = [&](std::string_view field) {
    return std::max<std::int64_t>(1, json::int_at(vmi, fmt::format("/spec/domain/cpu/{}", field), 1));
  };
  return factor("cores") * factor("sockets") * factor("threads");
}

std::string launcher_pod_name(const json::Value& vmi, std::string_view seed) {
  auto hash = hash_of(seed);
  std::string suffix;
  for (int i = 0; i < 5; ++i) {
    suffix += suffix_letters[hash % suffix_letters.size()];
    hash /= suffix_letters.size();
  }
  return fmt::format("virt-launcher-{}-{}", name_of_object(vmi), suffix);
}

json::Value launcher_pod(const json::Value& vmi) {
  // Where it will run isn't known yet: the larger overhead is counted.
  return base_pod(vmi, uid_of(vmi), "tcg");
}

json::Value target_pod(const json::Value& vmi, const json::Value& vmim, const json::Value& source_node) {
  const auto accelerator = label_of(source_node, "godwit.io/accelerator");
  auto pod = base_pod(vmi, uid_of(vmim), accelerator);
  json::set(pod, "/metadata/labels/" + json::escape("kubevirt.io/migrationJobUID"), json::Value(uid_of(vmim)));
  json::set(pod, "/metadata/annotations/" + json::escape("kubevirt.io/migrationJobName"),
            json::Value(name_of_object(vmim)));
  json::Object selector = json::object_at(vmim, "/spec/addedNodeSelector");
  for (const auto& [key, value] : json::object_at(pod, "/spec/nodeSelector")) selector[key] = value;
  if (!accelerator.empty()) selector["godwit.io/accelerator"] = accelerator;
  select_same_cpu(selector, vmi);
  for (const auto& [key, value] : json::object_at(source_node, "/metadata/labels")) {
    if (key.starts_with("cpu-vendor.node.kubevirt.io/")) selector[key] = value;
  }
  json::set(pod, "/spec/nodeSelector", std::move(selector));

  constexpr auto required = "requiredDuringSchedulingIgnoredDuringExecution";
  const auto pointer = fmt::format("/spec/affinity/podAntiAffinity/{}", required);
  json::Array terms = json::array_at(pod, pointer);
  json::Value term = json::Object{{"topologyKey", "kubernetes.io/hostname"}};
  json::set(term, "/labelSelector/matchLabels", json::Object{{"kubevirt.io/created-by", uid_of(vmi)}});
  terms.push_back(std::move(term));
  json::set(pod, pointer, std::move(terms));
  return pod;
}

json::Value controller_reference(const json::Value& object, std::string_view api_version, std::string_view kind) {
  json::Object reference;
  reference["apiVersion"] = api_version;
  reference["kind"] = kind;
  reference["name"] = name_of_object(object);
  reference["uid"] = uid_of(object);
  reference["controller"] = true;
  reference["blockOwnerDeletion"] = true;
  return reference;
}

}  // namespace godwit::rules
