#include "controllers/node_lifecycle.hpp"

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/taints.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

constexpr std::int64_t usual_lease_seconds = 10;

}  // namespace

NodeLifecycle::NodeLifecycle(Context& context)
    : context_{context},
      controller_{"node-lifecycle", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); },
                  1} {
  context.informers.nodes.on_change([this](const auto&, const auto& after) {
    if (after) controller_.queue().add(kube::key_of(*after));
  });
  context.informers.leases.on_change([this](const auto& before, const auto& after) {
    controller_.queue().add({"", rules::name_of_object(after ? *after : *before)});
  });
}

Result<kube::Again> NodeLifecycle::reconcile(const kube::Key& key) {
  const auto node = context_.informers.nodes.cache().get(key);
  if (!node) {
    seen_.erase(key.name);
    return kube::Again{};
  }
  const auto ready = rules::condition_status(*node, "Ready");
  const auto left = silence_left(key.name, ready);
  if (left <= Duration::zero() && ready != "Unknown") {
    if (auto done = mark_unknown(*node); !done) return fail(done.error());
    return kube::Again{};  // the change brings it back, for the taints
  }
  if (auto done = write_taints(*node); !done) return fail(done.error());
  if (left <= Duration::zero()) return kube::Again{};  // a renewal brings it back
  return kube::Again{left + std::chrono::milliseconds{10}};
}

/// How much longer the node may be silent. A renewal is a sign of life; so is its agent's word that it is ready again,
/// which may arrive before the renewal does.
Duration NodeLifecycle::silence_left(const std::string& node, const std::string& ready) {
  const auto lease = context_.informers.leases.cache().get({"kube-node-lease", node});
  const auto renewed = lease ? json::string_at(*lease, "/spec/renewTime") : std::string{};
  const auto allowed = std::chrono::seconds{
      lease ? json::int_at(*lease, "/spec/leaseDurationSeconds", usual_lease_seconds) : usual_lease_seconds};
  const auto now = context_.clock.now();
  auto [entry, first] = seen_.try_emplace(node, Seen{renewed, ready, now});
  auto& last = entry->second;
  const bool sign = last.renewed != renewed || (ready == "True" && last.ready != "True");
  last = {renewed, ready, first || sign ? now : last.at};
  return last.at + allowed - now;
}

Result<> NodeLifecycle::mark_unknown(const json::Value& node) {
  const auto now = format_time(context_.clock.wall());
  json::Value patch = json::Object{};
  json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(node, "/metadata/resourceVersion")));
  json::set(patch, "/status/conditions",
            rules::with_condition(json::array_at(node, "/status/conditions"),
                                  json::Object{{"type", "Ready"},
                                               {"status", "Unknown"},
                                               {"reason", "NodeStatusUnknown"},
                                               {"message", "The node's agent stopped renewing its lease."}},
                                  now));
  const auto written = context_.client.patch(nodes, kube::key_of(node), kube::PatchType::merge, patch, "status");
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  context_.events.record(node, kube::EventType::normal, "NodeNotReady",
                         fmt::format("Node {} status is now: NodeNotReady", rules::name_of_object(node)));
  return {};
}

/// What its conditions and its cordon ask for; other taints stay.
Result<> NodeLifecycle::write_taints(const json::Value& node) {
  const auto& before = json::array_at(node, "/spec/taints");
  auto taints = rules::taints_by_conditions(node, format_time(context_.clock.wall()));
  if (json::equal(json::Value(before), json::Value(taints))) return {};
  json::Value patch = json::Object{};
  json::set(patch, "/metadata/resourceVersion", json::Value(json::string_at(node, "/metadata/resourceVersion")));
  json::set(patch, "/spec/taints", taints.empty() ? json::Value(nullptr) : json::Value(std::move(taints)));
  const auto written = context_.client.patch(nodes, kube::key_of(node), kube::PatchType::merge, patch);
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

}  // namespace godwit::controllers
