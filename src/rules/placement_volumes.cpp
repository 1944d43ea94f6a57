#include "rules/placement_volumes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/placement_nodes.hpp"

namespace godwit::rules {
namespace {

std::vector<std::string> claims_of(const json::Value& pod) {
  std::vector<std::string> names;
  for (const auto& volume : json::array_at(pod, "/spec/volumes")) {
    auto name = json::string_at(volume, "/persistentVolumeClaim/claimName");
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

const json::Value* find_named(const std::vector<const json::Value*>& all, const std::string& ns,
                              const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const json::Value* each) {
    return name_of_object(*each) == name && json::string_at(*each, "/metadata/namespace") == ns;
  });
  return found == all.end() ? nullptr : *found;
}

}  // namespace

std::optional<std::string> unready_claim(const json::Value& pod, const ClusterView& cluster) {
  bool unbound = false;
  for (const auto& name : claims_of(pod)) {
    const auto* claim = find_named(cluster.claims, json::string_at(pod, "/metadata/namespace"), name);
    if (claim == nullptr) return fmt::format("persistentvolumeclaim \"{}\" not found", name);
    if (is_deleting(*claim)) return fmt::format("persistentvolumeclaim \"{}\" is being deleted", name);
    if (phase_of(*claim) == "Lost") {
      return fmt::format("persistentvolumeclaim \"{}\" bound to non-existent persistentvolume \"{}\"", name,
                         json::string_at(*claim, "/spec/volumeName"));
    }
    unbound = unbound || phase_of(*claim) != "Bound";
  }
  if (unbound) return "pod has unbound immediate PersistentVolumeClaims";
  return std::nullopt;
}

bool volumes_reach(const json::Value& pod, const ClusterView& cluster, const json::Value& node) {
  for (const auto& name : claims_of(pod)) {
    const auto* claim = find_named(cluster.claims, json::string_at(pod, "/metadata/namespace"), name);
    const auto* volume =
        claim == nullptr ? nullptr : find_named(cluster.volumes, "", json::string_at(*claim, "/spec/volumeName"));
    if (volume == nullptr) continue;
    const auto* terms = json::find(*volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
    if (terms == nullptr || !terms->is_array()) continue;
    const bool here = std::any_of(terms->as_array().begin(), terms->as_array().end(),
                                  [&](const auto& term) { return term_holds(term, node); });
    if (!here) return false;
  }
  return true;
}

}  // namespace godwit::rules
