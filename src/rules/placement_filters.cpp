#include "rules/placement_filters.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/text.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr auto required_pointer = "requiredDuringSchedulingIgnoredDuringExecution";

Quantity quantity_at(const json::Object& amounts, std::string_view name) {
  const auto* value = amounts.if_contains(name);
  if (value == nullptr) return Quantity::of(0);
  if (value->is_int64()) return Quantity::of(value->as_int64());
  if (!value->is_string()) return Quantity::of(0);
  return Quantity::parse(value->as_string()).value_or(Quantity::of(0));
}

bool tolerates(const json::Value& pod, const json::Value& taint) {
  const auto key = json::string_at(taint, "/key");
  const auto effect = json::string_at(taint, "/effect");
  for (const auto& toleration : json::array_at(pod, "/spec/tolerations")) {
    const auto wanted_effect = json::string_at(toleration, "/effect");
    if (!wanted_effect.empty() && wanted_effect != effect) continue;
    const auto wanted_key = json::string_at(toleration, "/key");
    const auto op = json::string_at(toleration, "/operator", "Equal");
    if (op == "Exists" && (wanted_key.empty() || wanted_key == key)) return true;
    if (op != "Exists" && wanted_key == key &&
        json::string_at(toleration, "/value") == json::string_at(taint, "/value")) {
      return true;
    }
  }
  return false;
}

bool expression_holds(const json::Value& expression, const json::Object& values) {
  const auto* value = values.if_contains(json::string_at(expression, "/key"));
  const auto op = json::string_at(expression, "/operator");
  if (op != "Gt" && op != "Lt") {
    const json::Value selector = json::Object{{"matchExpressions", json::Array({expression})}};
    return selects(&selector, values);
  }
  const auto& bounds = json::array_at(expression, "/values");
  if (value == nullptr || !value->is_string() || bounds.size() != 1 || !bounds[0].is_string()) return false;
  const auto have = parse_number<std::int64_t>(value->as_string());
  const auto bound = parse_number<std::int64_t>(bounds[0].as_string());
  return have && bound && (op == "Gt" ? *have > *bound : *have < *bound);
}

/// One nodeSelectorTerm: all its expressions must hold; an empty one matches nothing.
bool term_holds(const json::Value& term, const json::Value& node) {
  const auto& expressions = json::array_at(term, "/matchExpressions");
  const auto& fields = json::array_at(term, "/matchFields");
  if (expressions.empty() && fields.empty()) return false;
  const json::Object own_fields{{"metadata.name", name_of_object(node)}};
  return std::all_of(expressions.begin(), expressions.end(),
                     [&](const auto& e) { return expression_holds(e, json::object_at(node, "/metadata/labels")); }) &&
         std::all_of(fields.begin(), fields.end(), [&](const auto& e) { return expression_holds(e, own_fields); });
}

bool selector_and_affinity_hold(const json::Value& pod, const json::Value& node) {
  const auto& labels = json::object_at(node, "/metadata/labels");
  for (const auto& [key, value] : json::object_at(pod, "/spec/nodeSelector")) {
    const auto* have = labels.if_contains(key);
    if (have == nullptr || *have != value) return false;
  }
  const auto* terms =
      json::find(pod, fmt::format("/spec/affinity/nodeAffinity/{}/nodeSelectorTerms", required_pointer));
  if (terms == nullptr || !terms->is_array()) return true;
  return std::any_of(terms->as_array().begin(), terms->as_array().end(),
                     [&](const auto& term) { return term_holds(term, node); });
}

std::vector<Misfit> capacity_misfits(const json::Value& pod, const Candidate& candidate) {
  const auto all = allocatable_of(*candidate.node);
  const auto wanted = requests_of_pod(pod);
  std::vector<Misfit> found;
  if (candidate.used.pods + 1 > all.pods) found.push_back({"Too many pods", fmt::format("{} are allowed", all.pods)});
  if (wanted.milli_cpu > all.milli_cpu - candidate.used.milli_cpu) {
    found.push_back({"Insufficient cpu",
                     fmt::format("{}m wanted, {}m of {}m free", wanted.milli_cpu,
                                 std::max<std::int64_t>(0, all.milli_cpu - candidate.used.milli_cpu), all.milli_cpu)});
  }
  if (wanted.memory > all.memory - candidate.used.memory) {
    const auto left = std::max<std::int64_t>(0, all.memory - candidate.used.memory);
    found.push_back({"Insufficient memory", fmt::format("{} wanted, {} of {} free", format_bytes(wanted.memory),
                                                        format_bytes(left), format_bytes(all.memory))});
  }
  return found;
}

/// Does the term of `from` mean `other`?
bool means(const json::Value& term, const json::Value& from, const json::Value& other) {
  const auto ns = json::string_at(other, "/metadata/namespace");
  const auto& namespaces = json::array_at(term, "/namespaces");
  const bool any_listed = std::any_of(namespaces.begin(), namespaces.end(),
                                      [&](const auto& n) { return n.is_string() && n.as_string() == ns; });
  if (namespaces.empty() ? ns != json::string_at(from, "/metadata/namespace") : !any_listed) return false;
  return selects(json::find(term, "/labelSelector"), json::object_at(other, "/metadata/labels"));
}

/// Is there, in the domain that `here` belongs to by the topology key, a pod that the predicate accepts?
template <class Predicate>
bool in_domain(const std::string& key, const Candidate& here, const std::vector<Candidate>& all, Predicate accepts) {
  const auto domain = label_of(*here.node, key);
  if (domain.empty()) return false;
  return std::any_of(all.begin(), all.end(), [&](const Candidate& there) {
    return label_of(*there.node, key) == domain &&
           std::any_of(there.pods.begin(), there.pods.end(), [&](const json::Value* p) { return accepts(*p); });
  });
}

bool is_ready(const json::Value& node) { return condition_status(node, "Ready") == "True"; }

}  // namespace

Amounts& Amounts::operator+=(const Amounts& more) {
  milli_cpu += more.milli_cpu;
  memory += more.memory;
  pods += more.pods;
  return *this;
}

Amounts requests_of_pod(const json::Value& pod) {
  Amounts sum{0, 0, 1};
  for (const auto& container : json::array_at(pod, "/spec/containers")) {
    const auto& requests = json::object_at(container, "/resources/requests");
    sum += {quantity_at(requests, "cpu").milli_value(), quantity_at(requests, "memory").value(), 0};
  }
  return sum;
}

Amounts allocatable_of(const json::Value& node) {
  const auto& amounts = json::object_at(node, "/status/allocatable");
  return {quantity_at(amounts, "cpu").milli_value(), quantity_at(amounts, "memory").value(),
          quantity_at(amounts, "pods").value()};
}

std::vector<Misfit> misfits(const json::Value& pod, const Candidate& candidate) {
  const auto& node = *candidate.node;
  if (json::bool_at(node, "/spec/unschedulable")) return {{"node(s) were unschedulable", ""}};
  if (!is_ready(node)) return {{"node(s) were not ready", ""}};
  for (const auto& taint : json::array_at(node, "/spec/taints")) {
    const auto effect = json::string_at(taint, "/effect");
    if ((effect != "NoSchedule" && effect != "NoExecute") || tolerates(pod, taint)) continue;
    return {{fmt::format("node(s) had untolerated taint {{{}: {}}}", json::string_at(taint, "/key"),
                         json::string_at(taint, "/value")),
             ""}};
  }
  if (!selector_and_affinity_hold(pod, node)) return {{"node(s) didn't match Pod's node affinity/selector", ""}};
  return capacity_misfits(pod, candidate);
}

std::vector<Misfit> pod_misfits(const json::Value& pod, const Candidate& candidate, const std::vector<Candidate>& all) {
  for (const auto& there : all) {
    for (const auto* other : there.pods) {
      for (const auto& term :
           json::array_at(*other, fmt::format("/spec/affinity/podAntiAffinity/{}", required_pointer))) {
        const auto key = json::string_at(term, "/topologyKey");
        const auto domain = label_of(*there.node, key);
        if (!domain.empty() && domain == label_of(*candidate.node, key) && means(term, *other, pod)) {
          return {{"node(s) didn't satisfy existing pods anti-affinity rules", name_of_object(*other)}};
        }
      }
    }
  }
  const auto anti = fmt::format("/spec/affinity/podAntiAffinity/{}", required_pointer);
  for (const auto& term : json::array_at(pod, anti)) {
    if (in_domain(json::string_at(term, "/topologyKey"), candidate, all,
                  [&](const json::Value& other) { return means(term, pod, other); })) {
      return {{"node(s) didn't match pod anti-affinity rules", ""}};
    }
  }
  const auto together = fmt::format("/spec/affinity/podAffinity/{}", required_pointer);
  for (const auto& term : json::array_at(pod, together)) {
    const bool near = in_domain(json::string_at(term, "/topologyKey"), candidate, all,
                                [&](const json::Value& other) { return means(term, pod, other); });
    if (!near) return {{"node(s) didn't match pod affinity rules", ""}};
  }
  return {};
}

}  // namespace godwit::rules
