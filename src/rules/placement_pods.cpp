#include "rules/placement_pods.hpp"

#include <algorithm>
#include <string_view>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr auto required_near = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution";
constexpr auto required_apart = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
constexpr auto preferred_near = "/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution";
constexpr auto preferred_apart = "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution";
constexpr std::int64_t weight_of_required = 1;  // of a running pod's required affinity, when it comes to preferences

bool lists(const json::Array& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const json::Value& each) { return each.is_string() && each.as_string() == name; });
}

/// matchLabelKeys and mismatchLabelKeys: the other pod must have (must not have) the pod's own value.
bool label_keys_hold(const json::Value& term, const json::Object& own, const json::Object& theirs) {
  const auto holds = [&](std::string_view list, bool equal) {
    const auto& keys = json::array_at(term, list);
    return std::all_of(keys.begin(), keys.end(), [&](const json::Value& key) {
      const auto* mine = key.is_string() ? own.if_contains(key.as_string()) : nullptr;
      if (mine == nullptr) return true;
      const auto* other = theirs.if_contains(key.as_string());
      return (other != nullptr && *other == *mine) == equal;
    });
  };
  return holds("/matchLabelKeys", true) && holds("/mismatchLabelKeys", false);
}

Misfit of_pods(const char* reason, bool pods_in_the_way) {
  return {{reason}, {}, pods_in_the_way, {.nodes = true, .pods = true}};
}

}  // namespace

PodAffinity::PodAffinity(const json::Value& pod, const ClusterView& cluster, const std::vector<Candidate>& all)
    : pod_{pod},
      cluster_{cluster},
      near_{json::array_at(pod, required_near)},
      apart_{json::array_at(pod, required_apart)} {
  for (const auto& there : all) {
    for (const auto* other : there.pods) {
      look_at(*other, *there.node);
      weigh(*other, *there.node);
    }
  }
}

void PodAffinity::look_at(const json::Value& other, const json::Value& there) {
  if (!near_.empty() && all_mean(near_, other)) {
    for (const auto& term : near_) {
      if (const auto where = domain(term, there)) wanted_.insert(*where);
    }
  }
  for (const auto& term : apart_) {
    const auto where = domain(term, there);
    if (where && means(term, pod_, other)) unwanted_.insert(*where);
  }
  for (const auto& term : json::array_at(other, required_apart)) {
    const auto where = domain(term, there);
    if (where && means(term, other, pod_)) forbidden_.insert(*where);
  }
}

void PodAffinity::weigh(const json::Value& other, const json::Value& there) {
  const auto preferences = [&](const char* list, const json::Value& from, const json::Value& about, int sign) {
    for (const auto& preference : json::array_at(from, list)) {
      const auto* term = json::find(preference, "/podAffinityTerm");
      const auto where = term == nullptr ? std::nullopt : domain(*term, there);
      if (where && means(*term, from, about)) weights_[*where] += sign * json::int_at(preference, "/weight");
    }
  };
  preferences(preferred_near, pod_, other, 1);
  preferences(preferred_apart, pod_, other, -1);
  preferences(preferred_near, other, pod_, 1);
  preferences(preferred_apart, other, pod_, -1);
  for (const auto& term : json::array_at(other, required_near)) {
    const auto where = domain(term, there);
    if (where && means(term, other, pod_)) weights_[*where] += weight_of_required;
  }
}

/// Does the term of `from` mean `other`?
bool PodAffinity::means(const json::Value& term, const json::Value& from, const json::Value& other) const {
  const auto& labels = json::object_at(other, "/metadata/labels");
  if (!selects(json::find(term, "/labelSelector"), labels)) return false;
  if (!label_keys_hold(term, json::object_at(from, "/metadata/labels"), labels)) return false;
  const auto ns = json::string_at(other, "/metadata/namespace");
  const auto& names = json::array_at(term, "/namespaces");
  const auto* selector = json::find(term, "/namespaceSelector");
  const bool selecting = selector != nullptr && selector->is_object();
  if (names.empty() && !selecting) return ns == json::string_at(from, "/metadata/namespace");
  if (lists(names, ns)) return true;
  if (!selecting) return false;
  if (selector->as_object().empty()) return true;
  return std::any_of(cluster_.namespaces.begin(), cluster_.namespaces.end(), [&](const json::Value* each) {
    return name_of_object(*each) == ns && selects(selector, json::object_at(*each, "/metadata/labels"));
  });
}

bool PodAffinity::all_mean(const json::Array& terms, const json::Value& other) const {
  return std::all_of(terms.begin(), terms.end(), [&](const auto& term) { return means(term, pod_, other); });
}

std::optional<PodAffinity::Domain> PodAffinity::domain(const json::Value& term, const json::Value& node) {
  auto key = json::string_at(term, "/topologyKey");
  const auto* value = domain_of(node, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return Domain{std::move(key), std::string{value->as_string()}};
}

bool PodAffinity::near_enough(const json::Value& node) const {
  bool all_present = true;
  for (const auto& term : near_) {
    const auto where = domain(term, node);
    if (!where) return false;  // without the label there is no such neighbourhood
    all_present = all_present && wanted_.contains(*where);
  }
  // The first of a group that wants to be together has nobody to go to yet.
  return all_present || (wanted_.empty() && all_mean(near_, pod_));
}

std::optional<Misfit> PodAffinity::misfit(const json::Value& node) const {
  if (!near_.empty() && !near_enough(node)) return of_pods("node(s) didn't match pod affinity rules", false);
  for (const auto& term : apart_) {
    const auto where = domain(term, node);
    if (where && unwanted_.contains(*where)) return of_pods("node(s) didn't match pod anti-affinity rules", true);
  }
  for (const auto& [key, value] : forbidden_) {
    const auto* here = domain_of(node, key);
    if (here != nullptr && here->is_string() && here->as_string() == value) {
      return of_pods("node(s) didn't satisfy existing pods anti-affinity rules", true);
    }
  }
  return std::nullopt;
}

std::int64_t PodAffinity::score(const json::Value& node) const {
  std::int64_t sum = 0;
  for (const auto& [where, weight] : weights_) {
    const auto* here = domain_of(node, where.first);
    if (here != nullptr && here->is_string() && here->as_string() == where.second) sum += weight;
  }
  return sum;
}

}  // namespace godwit::rules
