// A local, eventually consistent copy of one resource: list, then watch, for ever.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "kube/client.hpp"

namespace godwit::kube {

using ObjectPtr = std::shared_ptr<const json::Value>;  ///< readers keep a snapshot, never a lock

/// Runs a thread from construction to destruction.
/// Relists on 410 and on lost connections (back-off with jitter); a stop ends it within 200 ms.
class Informer {
 public:
  /// `before` is null for an addition, `after` for a removal. Called on the informer's thread, in the server's order,
  /// after the cache has changed; must only enqueue. The initial list arrives as additions.
  using OnChange = std::function<void(const ObjectPtr& before, const ObjectPtr& after)>;

  Informer(const Client& client, Resource resource, ListOptions options, OnChange on_change, std::string ns = {});
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  [[nodiscard]] bool wait_synced(Deadline deadline, const std::stop_token& stop) const;
  [[nodiscard]] ObjectPtr get(const Key& key) const;  ///< null when absent
  [[nodiscard]] std::vector<ObjectPtr> list() const;
  [[nodiscard]] std::vector<ObjectPtr> list(const std::function<bool(const json::Value&)>& wanted) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::jthread thread_;
};

}  // namespace godwit::kube
