#include "controllers/scheduler.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/objects.hpp"
#include "rules/placement.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

const kube::Key the_queue{"", "queue"};
constexpr std::size_t most_nodes_told = 10;

std::vector<const json::Value*> pointers(const std::vector<kube::ObjectPtr>& objects) {
  std::vector<const json::Value*> all;
  all.reserve(objects.size());
  for (const auto& object : objects) all.push_back(object.get());
  return all;
}

/// What the events of a launcher pod are about, for people: the VMI that owns it.
json::Value owner_reference_object(const json::Value& pod) {
  for (const auto& owner : json::array_at(pod, "/metadata/ownerReferences")) {
    if (!json::bool_at(owner, "/controller")) continue;
    json::Value object =
        json::Object{{"apiVersion", json::string_at(owner, "/apiVersion")}, {"kind", json::string_at(owner, "/kind")}};
    json::set(object, "/metadata",
              json::Object{{"name", json::string_at(owner, "/name")},
                           {"namespace", json::string_at(pod, "/metadata/namespace")},
                           {"uid", json::string_at(owner, "/uid")}});
    return object;
  }
  return nullptr;
}

}  // namespace

Scheduler::Scheduler(Context& context)
    : context_{context},
      events_{context.client, "default-scheduler"},
      controller_{"scheduler", [this](const kube::Key&, const std::stop_token& stop) { return work_off(stop); }, 1} {
  listen(context.informers);
}

void Scheduler::listen(Informers& informers) {
  informers.pods.on_change([this](const auto& before, const auto& after) {
    const bool news = after && (!before || rules::asks_differently(*before, *after));  // not our own words about it
    if (news && rules::needs_node(*after)) enqueue(kube::key_of(*after));
    if (!after && before) {
      const std::lock_guard lock{mutex_};
      waiting_.erase(kube::key_of(*before));
    }
    retry_waiting(rules::pod_change(before.get(), after.get()));
  });
  informers.nodes.on_change(
      [this](const auto& before, const auto& after) { retry_waiting(rules::node_change(before.get(), after.get())); });
  informers.namespaces.on_change([this](const auto& before, const auto& after) {
    const bool same =
        before && after && json::object_at(*before, "/metadata/labels") == json::object_at(*after, "/metadata/labels");
    if (!same) retry_waiting(rules::ClusterChange::labels);
  });
  for (auto* storage : {&informers.claims, &informers.volumes}) {
    storage->on_change([this](const auto& before, const auto& after) {
      retry_waiting(rules::claim_change(before.get(), after.get()));
    });
  }
}

void Scheduler::enqueue(const kube::Key& key) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.erase(key);
    active_.insert(key);
  }
  controller_.queue().add(the_queue);
}

void Scheduler::retry_waiting(rules::ClusterChange change) {
  if (change == rules::ClusterChange::none) return;
  {
    const std::lock_guard lock{mutex_};
    ++changes_;
    const auto before = active_.size();
    for (auto each = waiting_.begin(); each != waiting_.end();) {
      if (rules::may_help(change, each->second)) {
        active_.insert(each->first);
        each = waiting_.erase(each);
      } else {
        ++each;
      }
    }
    if (active_.size() == before) return;
  }
  controller_.queue().add(the_queue);
}

Result<kube::Again> Scheduler::work_off(const std::stop_token& stop) {
  Result<> first_trouble;
  std::vector<kube::Key> troubled;
  while (!stop.stop_requested()) {
    const auto pod = take_next();
    if (!pod) break;
    auto done = schedule(*pod);
    if (done) continue;
    troubled.push_back(kube::key_of(*pod));
    if (first_trouble) first_trouble = fail(done.error().within(troubled.back().text()));
  }
  if (first_trouble) return kube::Again{};
  const std::lock_guard lock{mutex_};
  active_.insert(troubled.begin(), troubled.end());
  return fail(first_trouble.error());  // with a growing pause
}

/// The most important of those to be looked at; null when there is none.
kube::ObjectPtr Scheduler::take_next() {
  const std::lock_guard lock{mutex_};
  kube::ObjectPtr best;
  for (auto each = active_.begin(); each != active_.end();) {
    const auto pod = context_.informers.pods.cache().get(*each);
    if (!pod || !rules::needs_node(*pod)) {
      each = active_.erase(each);
      continue;
    }
    if (!best || rules::goes_first(*pod, *best)) best = pod;
    ++each;
  }
  if (best) active_.erase(kube::key_of(*best));
  return best;
}

Result<> Scheduler::schedule(const json::Value& pod) {
  if (assumed_.contains(rules::uid_of(pod))) return {};
  std::uint64_t seen = 0;
  {
    const std::lock_guard lock{mutex_};
    seen = changes_;
  }
  const auto placement = decide(pod);
  if (!placement.node.empty()) return bind(pod, placement.node);
  {
    const std::lock_guard lock{mutex_};
    // What happened while it was decided may have come too late for it: then it is looked at again.
    if (changes_ == seen) {
      waiting_[kube::key_of(pod)] = placement.blocked;
    } else {
      active_.insert(kube::key_of(pod));
    }
  }
  return report(pod, placement);
}

rules::Placement Scheduler::decide(const json::Value& pod) {
  const auto& informers = context_.informers;
  const auto all_nodes = informers.nodes.cache().list();
  const auto all_pods = informers.pods.cache().list();
  const auto all_namespaces = informers.namespaces.cache().list();
  const auto claims = informers.claims.cache().list();
  const auto volumes = informers.volumes.cache().list();
  std::map<std::string, std::string> still_assumed;
  for (const auto& other : all_pods) {
    const auto found = assumed_.find(rules::uid_of(*other));
    if (found != assumed_.end() && json::string_at(*other, "/spec/nodeName").empty()) still_assumed.insert(*found);
  }
  assumed_ = std::move(still_assumed);
  return rules::place(pod, {.nodes = pointers(all_nodes),
                            .pods = pointers(all_pods),
                            .assumed = assumed_,
                            .namespaces = pointers(all_namespaces),
                            .claims = pointers(claims),
                            .volumes = pointers(volumes)});
}

Result<> Scheduler::bind(const json::Value& pod, const std::string& node) {
  const auto key = kube::key_of(pod);
  json::Value binding = json::Object{{"apiVersion", "v1"}, {"kind", "Binding"}};
  json::set(binding, "/metadata/name", json::Value(key.name));
  json::set(binding, "/metadata/namespace", json::Value(key.ns));
  json::set(binding, "/metadata/uid", json::Value(rules::uid_of(pod)));
  json::set(binding, "/target", json::Object{{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}});
  const auto bound =
      context_.client.call("POST", kube::path_of(pods, key.ns, key.name, "binding"), json::write(binding));
  if (!bound) {
    if (bound.error().code == Code::not_found || bound.error().code == Code::conflict) return {};
    return fail(bound.error().within("binding"));
  }
  assumed_[rules::uid_of(pod)] = node;
  events_.record(pod, kube::EventType::normal, "Scheduled",
                 fmt::format("Successfully assigned {} to {}", key.text(), node));
  return {};
}

/// Said once: as long as the answer stays the same, there is nothing to add.
Result<> Scheduler::report(const json::Value& pod, const rules::Placement& placement) {
  const auto* known = rules::condition_of(pod, "PodScheduled");
  if (known != nullptr && json::string_at(*known, "/message") == placement.message) return {};
  events_.record(pod, kube::EventType::warning, "FailedScheduling", placement.message);
  if (const auto owner = owner_reference_object(pod); owner.is_object() && !placement.per_node.empty()) {
    auto lines = placement.per_node;
    if (lines.size() > most_nodes_told) {
      lines.resize(most_nodes_told);
      lines.push_back(fmt::format("and {} more", placement.per_node.size() - most_nodes_told));
    }
    events_.record(owner, kube::EventType::warning, "FailedScheduling",
                   fmt::format("{} fits on no node. {}", rules::name_of_object(pod), join(lines, "; ")));
  }
  auto conditions = rules::with_condition(
      json::array_at(pod, "/status/conditions"),
      json::Object{
          {"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}, {"message", placement.message}},
      format_time(context_.clock.wall()));
  json::Value patch = json::Object{};
  json::set(patch, "/metadata/uid", json::Value(rules::uid_of(pod)));
  json::set(patch, "/status/conditions", std::move(conditions));
  if (rules::phase_of(pod).empty()) json::set(patch, "/status/phase", "Pending");
  const auto written = context_.client.patch(pods, kube::key_of(pod), kube::PatchType::merge, patch, "status");
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return {};
}

}  // namespace godwit::controllers
