#include "kube/work_queue.hpp"

#include <algorithm>

namespace godwit::kube {
namespace {

constexpr Duration first_delay = std::chrono::milliseconds{5};
constexpr Duration longest_delay = std::chrono::seconds{30};
constexpr int most_doublings = 13;  // 5 ms * 2^13 > 30 s

}  // namespace

void WorkQueue::add(Key key) {
  const std::lock_guard lock{mutex_};
  if (!dirty_.insert(key).second) return;
  if (in_work_.contains(key)) return;
  ready_.push_back(std::move(key));
  wake_.notify_one();
}

void WorkQueue::add_after(Key key, Duration delay) {
  if (delay <= Duration::zero()) {
    add(std::move(key));
    return;
  }
  const std::lock_guard lock{mutex_};
  delayed_.emplace(std::chrono::steady_clock::now() + delay, std::move(key));
  wake_.notify_one();  // whoever waits may have to wait shorter now
}

void WorkQueue::add_rate_limited(const Key& key) {
  int failures = 0;
  {
    const std::lock_guard lock{mutex_};
    failures = failures_[key]++;
  }
  add_after(key, std::min(longest_delay, first_delay * (1 << std::min(failures, most_doublings))));
}

void WorkQueue::forget(const Key& key) {
  const std::lock_guard lock{mutex_};
  failures_.erase(key);
}

void WorkQueue::push_due(Instant now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    auto key = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    if (!dirty_.insert(key).second || in_work_.contains(key)) continue;
    ready_.push_back(std::move(key));
  }
}

std::optional<Key> WorkQueue::get(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    push_due(std::chrono::steady_clock::now());
    if (!ready_.empty()) {
      auto key = std::move(ready_.front());
      ready_.pop_front();
      dirty_.erase(key);
      in_work_.insert(key);
      if (!ready_.empty()) wake_.notify_one();  // a delayed key may have come due together with this one
      return key;
    }
    if (delayed_.empty()) {
      wake_.wait(lock, stop, [this] { return !ready_.empty() || !delayed_.empty(); });
    } else {
      // Wakes for something ready, an earlier delay, the first delay's end, or the stop.
      const auto first = delayed_.begin()->first;
      wake_.wait_until(lock, stop, first, [this, first] {
        return !ready_.empty() || delayed_.empty() || delayed_.begin()->first < first;
      });
    }
  }
  return std::nullopt;
}

void WorkQueue::done(const Key& key) {
  const std::lock_guard lock{mutex_};
  in_work_.erase(key);
  if (!dirty_.contains(key)) return;
  ready_.push_back(key);
  wake_.notify_one();
}

}  // namespace godwit::kube
