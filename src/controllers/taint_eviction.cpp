#include "controllers/taint_eviction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/objects.hpp"
#include "rules/taints.hpp"

namespace godwit::controllers {
namespace {

using namespace kube::resources;

bool is_on(const json::Value& pod, const std::string& node) {
  return json::string_at(pod, "/spec/nodeName") == node && !rules::is_final(pod) && !rules::is_deleting(pod);
}

}  // namespace

TaintEviction::TaintEviction(Context& context)
    : context_{context},
      events_{context.client, "taint-eviction-controller"},
      controller_{"taint-eviction", [this](const kube::Key& key, const std::stop_token&) { return reconcile(key); },
                  1} {
  context.informers.nodes.on_change([this](const auto& before, const auto& after) {
    if (!after) return;
    const bool same = before && json::equal(json::Value(json::array_at(*before, "/spec/taints")),
                                            json::Value(json::array_at(*after, "/spec/taints")));
    if (!same) controller_.queue().add(kube::key_of(*after));
  });
  context.informers.pods.on_change([this](const auto& before, const auto& after) {
    const auto node = after ? json::string_at(*after, "/spec/nodeName") : std::string{};
    const bool news = after && (!before || !json::equal(*json::find(*before, "/spec"), *json::find(*after, "/spec")));
    if (news && !node.empty()) controller_.queue().add({"", node});
  });
}

Result<kube::Again> TaintEviction::reconcile(const kube::Key& key) {
  const auto node = context_.informers.nodes.cache().get(key);
  if (!node) return kube::Again{};
  const auto all = context_.informers.pods.cache().list();
  std::erase_if(since_, [&](const auto& entry) {
    return std::none_of(all.begin(), all.end(), [&](const auto& pod) { return rules::uid_of(*pod) == entry.first; });
  });
  std::optional<Duration> next;
  for (const auto& pod : all) {
    if (!is_on(*pod, key.name)) continue;
    const auto left = time_left(*pod, *node);
    if (!left) continue;
    if (*left > Duration::zero()) {
      next = std::min(next.value_or(*left), *left);
      continue;
    }
    if (auto done = evict(*pod); !done) return fail(done.error());
  }
  return kube::Again{next};
}

std::optional<Duration> TaintEviction::time_left(const json::Value& pod, const json::Value& node) {
  const auto uid = rules::uid_of(pod);
  const auto allowed = rules::seconds_until_eviction(pod, node);
  if (!allowed) {
    if (since_.erase(uid) > 0) {
      events_.record(pod, kube::EventType::normal, "TaintManagerEviction",
                     fmt::format("Cancelling deletion of Pod {}", kube::key_of(pod).text()));
    }
    return std::nullopt;
  }
  const auto now = context_.clock.now();
  const auto begun = since_.try_emplace(uid, now).first->second;
  return begun + std::chrono::seconds{*allowed} - now;
}

Result<> TaintEviction::evict(const json::Value& pod) {
  events_.record(pod, kube::EventType::normal, "TaintManagerEviction",
                 fmt::format("Marking for deletion Pod {}", kube::key_of(pod).text()));
  return remove_object(context_, pods, pod);
}

}  // namespace godwit::controllers
