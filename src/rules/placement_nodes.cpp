#include "rules/placement_nodes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/text.hpp"
#include "rules/objects.hpp"
#include "rules/taints.hpp"

namespace godwit::rules {
namespace {

constexpr auto terms_pointer =
    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";

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

/// Collects what is short on one node.
class Shortage {
 public:
  void check(std::string_view what, std::int64_t wanted, std::int64_t used, std::int64_t all,
             std::string (*text)(std::int64_t)) {
    if (wanted <= 0 || wanted <= all - used) return;
    misfit_.reasons.push_back(fmt::format("Insufficient {}", what));
    const auto left = std::max<std::int64_t>(0, all - used);
    details_.push_back(fmt::format("{}: {} wanted, {} of {} free", what, text(wanted), text(left), text(all)));
    hopeless_ = hopeless_ || wanted > all;
  }
  void too_many_pods(std::int64_t allowed) {
    misfit_.reasons.emplace_back("Too many pods");
    details_.push_back(fmt::format("{} are allowed", allowed));
  }
  [[nodiscard]] std::optional<Misfit> result() && {
    if (misfit_.reasons.empty()) return std::nullopt;
    misfit_.detail = join(details_, "; ");
    misfit_.pods_in_the_way = !hopeless_;
    misfit_.blocked.capacity = true;
    return std::move(misfit_);
  }

 private:
  Misfit misfit_;
  std::vector<std::string> details_;
  bool hopeless_ = false;
};

std::optional<Misfit> capacity_misfit(const json::Value& pod, const Candidate& candidate) {
  const auto& all = candidate.allocatable;
  const auto wanted = requests_of_pod(pod);
  const auto plain = [](std::int64_t amount) { return std::to_string(amount); };
  Shortage shortage;
  if (candidate.used.pods + 1 > all.pods) shortage.too_many_pods(all.pods);
  shortage.check("cpu", wanted.milli_cpu, candidate.used.milli_cpu, all.milli_cpu,
                 [](std::int64_t milli) { return fmt::format("{}m", milli); });
  shortage.check("memory", wanted.memory, candidate.used.memory, all.memory, format_bytes);
  for (const auto& [name, amount] : wanted.others) {
    const auto used = candidate.used.others.find(name);
    const auto there = all.others.find(name);
    shortage.check(name, amount, used == candidate.used.others.end() ? 0 : used->second,
                   there == all.others.end() ? 0 : there->second, plain);
  }
  return std::move(shortage).result();
}

Misfit of_node(std::string reason) { return {{std::move(reason)}, {}, false, {.nodes = true}}; }

/// The names in one term; nothing: it names none.
std::optional<std::set<std::string>> names_in(const json::Value& term) {
  std::optional<std::set<std::string>> names;
  for (const auto& field : json::array_at(term, "/matchFields")) {
    if (json::string_at(field, "/key") != "metadata.name" || json::string_at(field, "/operator") != "In") continue;
    std::set<std::string> listed;
    for (const auto& value : json::array_at(field, "/values")) {
      if (value.is_string() && (!names || names->contains(std::string{value.as_string()}))) {
        listed.insert(std::string{value.as_string()});
      }
    }
    names = std::move(listed);
  }
  return names;
}

}  // namespace

bool term_holds(const json::Value& term, const json::Value& node) {
  const auto& expressions = json::array_at(term, "/matchExpressions");
  const auto& fields = json::array_at(term, "/matchFields");
  if (expressions.empty() && fields.empty()) return false;
  const json::Object own_fields{{"metadata.name", name_of_object(node)}};
  return std::all_of(expressions.begin(), expressions.end(),
                     [&](const auto& e) { return expression_holds(e, json::object_at(node, "/metadata/labels")); }) &&
         std::all_of(fields.begin(), fields.end(), [&](const auto& e) { return expression_holds(e, own_fields); });
}

bool selects_node(const json::Value& pod, const json::Value& node) {
  const auto& labels = json::object_at(node, "/metadata/labels");
  for (const auto& [key, value] : json::object_at(pod, "/spec/nodeSelector")) {
    const auto* have = labels.if_contains(key);
    if (have == nullptr || *have != value) return false;
  }
  const auto* terms = json::find(pod, terms_pointer);
  if (terms == nullptr || !terms->is_array()) return true;
  return std::any_of(terms->as_array().begin(), terms->as_array().end(),
                     [&](const auto& term) { return term_holds(term, node); });
}

const json::Value* untolerated_taint(const json::Value& pod, const json::Array& taints) {
  for (const auto& taint : taints) {
    const auto effect = json::string_at(taint, "/effect");
    if ((effect == "NoSchedule" || effect == "NoExecute") && !tolerates(pod, taint)) return &taint;
  }
  return nullptr;
}

std::optional<std::set<std::string>> named_nodes(const json::Value& pod) {
  const auto& terms = json::array_at(pod, terms_pointer);
  std::set<std::string> all;
  for (const auto& term : terms) {
    const auto names = names_in(term);
    if (!names) return std::nullopt;
    all.insert(names->begin(), names->end());
  }
  if (terms.empty()) return std::nullopt;
  return all;
}

std::optional<Misfit> node_misfit(const json::Value& pod, const Candidate& candidate) {
  const auto& node = *candidate.node;
  const json::Value cordon = json::Object{{"key", "node.kubernetes.io/unschedulable"}, {"effect", "NoSchedule"}};
  if (json::bool_at(node, "/spec/unschedulable") && !tolerates(pod, cordon)) {
    return of_node("node(s) were unschedulable");
  }
  if (const auto* taint = untolerated_taint(pod, candidate.taints)) {
    return of_node(fmt::format("node(s) had untolerated taint {{{}: {}}}", json::string_at(*taint, "/key"),
                               json::string_at(*taint, "/value")));
  }
  if (!selects_node(pod, node)) return of_node("node(s) didn't match Pod's node affinity/selector");
  return capacity_misfit(pod, candidate);
}

}  // namespace godwit::rules
