#include "controllers/scheduler.hpp"

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/placement.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

bool is_ours(const json::Value& pod) {
  const auto name = json::string_at(pod, "/spec/schedulerName");
  return name.empty() || name == "default-scheduler";
}

bool needs_node(const json::Value& pod) {
  return is_ours(pod) && json::string_at(pod, "/spec/nodeName").empty() && !rules::is_deleting(pod) &&
         !rules::is_final(pod);
}

/// Heartbeats aside: does this change what fits?
bool matters(const json::Value& before, const json::Value& after) {
  for (const auto* part : {"/spec", "/metadata/labels", "/status/allocatable"}) {
    const auto* a = json::find(before, part);
    const auto* b = json::find(after, part);
    if ((a == nullptr) != (b == nullptr) || (a != nullptr && !json::equal(*a, *b))) return true;
  }
  return rules::condition_status(before, "Ready") != rules::condition_status(after, "Ready");
}

}  // namespace

Scheduler::Scheduler(Context& context)
    : context_{context},
      controller_{"scheduler", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); }, 1} {
  context.informers.pods.on_change([this](const auto& before, const auto& after) {
    const bool news = after && (!before || matters(*before, *after));  // not our own words about it
    if (news && needs_node(*after)) controller_.queue().add(kube::key_of(*after));
    const bool frees = before && !json::string_at(*before, "/spec/nodeName").empty() && !rules::is_final(*before) &&
                       (!after || rules::is_final(*after));
    if (frees) retry_waiting();
  });
  context.informers.nodes.on_change([this](const auto& before, const auto& after) {
    if (after && (!before || matters(*before, *after))) retry_waiting();
  });
}

void Scheduler::retry_waiting() {
  const std::lock_guard lock{mutex_};
  for (const auto& key : waiting_) controller_.queue().add(key);
  waiting_.clear();
}

Result<kube::Again> Scheduler::reconcile(const kube::Key& key) {
  const auto pod = context_.informers.pods.cache().get(key);
  if (!pod || !needs_node(*pod) || assumed_.contains(rules::uid_of(*pod))) return kube::Again{};
  const auto nodes = context_.informers.nodes.cache().list();
  const auto all_pods = context_.informers.pods.cache().list();
  rules::ClusterView cluster;
  std::map<std::string, std::string> still_assumed;
  for (const auto& node : nodes) cluster.nodes.push_back(node.get());
  for (const auto& other : all_pods) {
    cluster.pods.push_back(other.get());
    const auto found = assumed_.find(rules::uid_of(*other));
    if (found != assumed_.end() && json::string_at(*other, "/spec/nodeName").empty()) still_assumed.insert(*found);
  }
  assumed_ = still_assumed;
  cluster.assumed = assumed_;
  const auto placement = rules::place(*pod, cluster);
  if (placement.node.empty()) {
    {
      const std::lock_guard lock{mutex_};
      waiting_.insert(key);
    }
    if (auto done = report(*pod, placement.message); !done) return fail(done.error());
    return kube::Again{};
  }
  json::Value binding = json::Object{{"apiVersion", "v1"}, {"kind", "Binding"}};
  json::set(binding, "/metadata/name", json::Value(key.name));
  json::set(binding, "/metadata/namespace", json::Value(key.ns));
  json::set(binding, "/metadata/uid", json::Value(rules::uid_of(*pod)));
  json::set(binding, "/target", json::Object{{"apiVersion", "v1"}, {"kind", "Node"}, {"name", placement.node}});
  const auto bound =
      context_.client.call("POST", kube::path_of(pods, key.ns, key.name, "binding"), json::write(binding));
  if (!bound) {
    if (bound.error().code == Code::not_found || bound.error().code == Code::conflict) return kube::Again{};
    return fail(bound.error().within("binding"));
  }
  assumed_[rules::uid_of(*pod)] = placement.node;
  context_.events.record(*pod, kube::EventType::normal, "Scheduled",
                         fmt::format("Successfully assigned {} to {}", key.text(), placement.node));
  return kube::Again{};
}

Result<> Scheduler::report(const json::Value& pod, const std::string& message) {
  context_.events.record(pod, kube::EventType::warning, "FailedScheduling", message);
  const auto* known = rules::condition_of(pod, "PodScheduled");
  if (known != nullptr && json::string_at(*known, "/message") == message) return {};
  const auto now = format_time(context_.clock.wall());
  auto conditions = rules::with_condition(
      json::array_at(pod, "/status/conditions"),
      json::Object{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}, {"message", message}},
      now);
  json::Value patch = json::Object{};
  json::set(patch, "/metadata/uid", json::Value(rules::uid_of(pod)));
  json::set(patch, "/status/conditions", std::move(conditions));
  if (rules::phase_of(pod).empty()) json::set(patch, "/status/phase", "Pending");
  const auto written = context_.client.patch(pods, kube::key_of(pod), kube::PatchType::merge, patch, "status");
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

}  // namespace godwit::controllers
