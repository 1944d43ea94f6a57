#include "rules/placement_spread.hpp"

#include <algorithm>
#include <cmath>

#include "rules/objects.hpp"
#include "rules/placement_nodes.hpp"

namespace godwit::rules {
namespace {

/// VMs of a namespace keep apart when nothing else matters.
json::Value default_constraint() {
  json::Value constraint = json::Object{{"maxSkew", 1}, {"topologyKey", "kubernetes.io/hostname"}};
  json::set(constraint, "/labelSelector/matchLabels", json::Object{{"kubevirt.io", "virt-launcher"}});
  return constraint;
}

std::optional<std::string> domain_text(const json::Value& node, const std::string& key) {
  const auto* value = domain_of(node, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string{value->as_string()};
}

}  // namespace

Spreading::Spreading(const json::Value& pod, const std::vector<Candidate>& all) : pod_{pod} {
  const auto& stated = json::array_at(pod, "/spec/topologySpreadConstraints");
  for (const auto& each : stated) {
    auto& list = json::string_at(each, "/whenUnsatisfiable") == "ScheduleAnyway" ? soft_ : hard_;
    list.push_back(read(each));
  }
  if (stated.empty() && label_of(pod, "kubevirt.io") == "virt-launcher") soft_.push_back(read(default_constraint()));
  count(hard_, all, true);
  count(soft_, all, !stated.empty());
}

Spreading::Constraint Spreading::read(const json::Value& constraint) const {
  Constraint made{.key = json::string_at(constraint, "/topologyKey"),
                  .max_skew = json::int_at(constraint, "/maxSkew", 1),
                  .min_domains = json::int_at(constraint, "/minDomains", 1),
                  .selector = nullptr,
                  .honour_affinity = json::string_at(constraint, "/nodeAffinityPolicy") != "Ignore",
                  .honour_taints = json::string_at(constraint, "/nodeTaintsPolicy") == "Honor"};
  if (const auto* selector = json::find(constraint, "/labelSelector")) made.selector = *selector;
  for (const auto& key : json::array_at(constraint, "/matchLabelKeys")) {
    const auto* own =
        key.is_string() ? json::object_at(pod_, "/metadata/labels").if_contains(key.as_string()) : nullptr;
    if (own == nullptr) continue;
    json::Array expressions = json::array_at(made.selector, "/matchExpressions");
    expressions.push_back(json::Object{{"key", key}, {"operator", "In"}, {"values", json::Array({*own})}});
    json::set(made.selector, "/matchExpressions", std::move(expressions));
  }
  return made;
}

/// Which domains there are, and how many pods in each. A node without all the keys isn't part of anything.
void Spreading::count(std::vector<Constraint>& constraints, const std::vector<Candidate>& all, bool all_keys) const {
  for (const auto& there : all) {
    const bool whole = std::all_of(constraints.begin(), constraints.end(), [&](const Constraint& each) {
      return domain_text(*there.node, each.key).has_value();
    });
    if (all_keys && !whole) continue;
    for (auto& constraint : constraints) {
      const auto domain = domain_text(*there.node, constraint.key);
      if (!domain) continue;
      if (constraint.honour_affinity && !selects_node(pod_, *there.node)) continue;
      if (constraint.honour_taints && untolerated_taint(pod_, there.taints) != nullptr) continue;
      constraint.counts[*domain] += matching(constraint, there);
    }
  }
}

std::int64_t Spreading::matching(const Constraint& constraint, const Candidate& there) const {
  const auto ns = json::string_at(pod_, "/metadata/namespace");
  return std::count_if(there.pods.begin(), there.pods.end(), [&](const json::Value* other) {
    return json::string_at(*other, "/metadata/namespace") == ns && !is_deleting(*other) &&
           selects(&constraint.selector, json::object_at(*other, "/metadata/labels"));
  });
}

std::optional<Misfit> Spreading::misfit(const json::Value& node) const {
  const BlockedBy blocked{.nodes = true, .pods = true};
  for (const auto& constraint : hard_) {
    const auto domain = domain_text(node, constraint.key);
    if (!domain) {
      return Misfit{
          {"node(s) didn't match pod topology spread constraints (missing required label)"}, {}, false, blocked};
    }
    std::int64_t least = constraint.counts.empty() ? 0 : constraint.counts.begin()->second;
    for (const auto& [name, pods] : constraint.counts) least = std::min(least, pods);
    if (static_cast<std::int64_t>(constraint.counts.size()) < constraint.min_domains) least = 0;
    const auto here = constraint.counts.find(*domain);
    const auto pods = here == constraint.counts.end() ? 0 : here->second;
    const auto own = selects(&constraint.selector, json::object_at(pod_, "/metadata/labels")) ? 1 : 0;
    if (pods + own - least > constraint.max_skew) {
      return Misfit{{"node(s) didn't match pod topology spread constraints"}, {}, true, blocked};
    }
  }
  return std::nullopt;
}

std::optional<double> Spreading::crowding(const json::Value& node) const {
  double sum = 0;
  for (const auto& constraint : soft_) {
    const auto domain = domain_text(node, constraint.key);
    if (!domain) return std::nullopt;
    const auto here = constraint.counts.find(*domain);
    const auto pods = here == constraint.counts.end() ? 0 : here->second;
    // The more domains, the more one pod in one of them says.
    sum += static_cast<double>(pods) * std::log(static_cast<double>(constraint.counts.size()) + 2.0) +
           static_cast<double>(constraint.max_skew - 1);
  }
  return sum;
}

}  // namespace godwit::rules
