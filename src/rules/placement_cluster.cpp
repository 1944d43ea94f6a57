#include "rules/placement_cluster.hpp"

#include <algorithm>

#include "base/quantity.hpp"
#include "rules/objects.hpp"
#include "rules/taints.hpp"

namespace godwit::rules {
namespace {

Quantity quantity_of(const json::Value& value) {
  if (value.is_int64()) return Quantity::of(value.as_int64());
  if (!value.is_string()) return Quantity::of(0);
  return Quantity::parse(value.as_string()).value_or(Quantity::of(0));
}

Amounts amounts_of(const json::Object& named) {
  Amounts all;
  for (const auto& [name, value] : named) {
    const auto quantity = quantity_of(value);
    if (name == "cpu") {
      all.milli_cpu = quantity.milli_value();
    } else if (name == "memory") {
      all.memory = quantity.value();
    } else if (name == "pods") {
      all.pods = quantity.value();
    } else {
      all.others[std::string{name}] = quantity.value();
    }
  }
  return all;
}

void raise_to(Amounts& sum, const Amounts& least) {
  sum.milli_cpu = std::max(sum.milli_cpu, least.milli_cpu);
  sum.memory = std::max(sum.memory, least.memory);
  for (const auto& [name, amount] : least.others) sum.others[name] = std::max(sum.others[name], amount);
}

std::string node_of_pod(const json::Value& pod, const ClusterView& cluster) {
  auto node = json::string_at(pod, "/spec/nodeName");
  if (!node.empty()) return node;
  const auto assumed = cluster.assumed.find(uid_of(pod));
  return assumed == cluster.assumed.end() ? std::string{} : assumed->second;
}

}  // namespace

Amounts& Amounts::operator+=(const Amounts& more) {
  milli_cpu += more.milli_cpu;
  memory += more.memory;
  pods += more.pods;
  for (const auto& [name, amount] : more.others) others[name] += amount;
  return *this;
}

Amounts requests_of_pod(const json::Value& pod) {
  Amounts sum;
  for (const auto& container : json::array_at(pod, "/spec/containers")) {
    sum += amounts_of(json::object_at(container, "/resources/requests"));
  }
  for (const auto& container : json::array_at(pod, "/spec/initContainers")) {
    raise_to(sum, amounts_of(json::object_at(container, "/resources/requests")));
  }
  sum += amounts_of(json::object_at(pod, "/spec/overhead"));
  sum.pods = 1;
  return sum;
}

Amounts allocatable_of(const json::Value& node) { return amounts_of(json::object_at(node, "/status/allocatable")); }

std::vector<Candidate> candidates_of(const ClusterView& cluster) {
  std::vector<Candidate> all;
  for (const auto* node : cluster.nodes) {
    all.push_back({node, {}, {}, allocatable_of(*node), taints_by_conditions(*node, "")});
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return name_of_object(*a.node) < name_of_object(*b.node); });
  std::map<std::string, Candidate*> by_name;
  for (auto& candidate : all) by_name[name_of_object(*candidate.node)] = &candidate;
  for (const auto* pod : cluster.pods) {
    if (is_final(*pod)) continue;
    const auto found = by_name.find(node_of_pod(*pod, cluster));
    if (found == by_name.end()) continue;
    found->second->pods.push_back(pod);
    found->second->used += requests_of_pod(*pod);
  }
  return all;
}

const json::Value* domain_of(const json::Value& node, const std::string& topology_key) {
  return json::object_at(node, "/metadata/labels").if_contains(topology_key);
}

}  // namespace godwit::rules
