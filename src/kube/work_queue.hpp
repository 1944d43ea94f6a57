// The work queue of a controller: a key is queued at most once and never worked on twice at the same time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>

#include "base/clock.hpp"
#include "kube/client.hpp"

namespace godwit::kube {

/// Invariant: an item is queued if and only if it is dirty and not in work. Thread-safe.
class WorkQueue {
 public:
  void add(Key key);
  void add_after(Key key, Duration delay);
  /// With exponential delay (5 ms doubling to 30 s) counted per key; forget() resets it.
  void add_rate_limited(const Key& key);
  void forget(const Key& key);
  /// Blocks; nullopt when told to stop. Whoever got a key must call done().
  [[nodiscard]] std::optional<Key> get(const std::stop_token& stop);
  void done(const Key& key);

 private:
  void push_due(Instant now);
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Key> ready_;
  std::set<Key> dirty_;
  std::set<Key> in_work_;
  std::multimap<Instant, Key> delayed_;
  std::map<Key, int> failures_;
};

}  // namespace godwit::kube
