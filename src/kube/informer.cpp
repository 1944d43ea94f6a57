#include "kube/informer.hpp"

#include <condition_variable>
#include <random>
#include <utility>

namespace godwit::kube {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds{50};
constexpr Duration longest_pause = std::chrono::seconds{2};
constexpr Duration quick_end = std::chrono::seconds{1};

/// Growing pauses with jitter (half to the whole), so that many clients don't return at the same instant.
class Pauses {
 public:
  void reset() { next_ = first_pause; }
  bool take(const std::stop_token& stop) {
    std::uniform_real_distribution<double> share{0.5, 1.0};
    const auto pause = std::chrono::duration_cast<Duration>(next_ * share(random_));
    next_ = std::min(longest_pause, next_ * 2);
    return sleep_for(pause, stop);
  }

 private:
  std::minstd_rand random_{std::random_device{}()};
  Duration next_ = first_pause;
};

std::string version_of(const json::Value& object) { return json::string_at(object, "/metadata/resourceVersion"); }
std::string uid_of(const json::Value& object) { return json::string_at(object, "/metadata/uid"); }

}  // namespace

struct Informer::State {
  State(const Client& c, Resource r, ListOptions o, OnChange f, std::string n)
      : client{c},
        resource{std::move(r)},
        options{std::move(o)},
        on_change{std::move(f)},
        ns{std::move(n)},
        log{"informer " + resource.plural} {}

  Client client;  // a copy: only the transport is shared
  Resource resource;
  ListOptions options;
  OnChange on_change;
  std::string ns;
  Log log;
  mutable std::mutex mutex;
  mutable std::condition_variable_any changed;
  std::map<Key, ObjectPtr> objects;
  bool synced = false;
  std::string version;  // informer's thread only

  /// Puts (or with null removes) and returns what was there.
  ObjectPtr exchange(const Key& key, ObjectPtr after) {
    const std::lock_guard lock{mutex};
    auto found = objects.find(key);
    ObjectPtr before = found == objects.end() ? nullptr : found->second;
    if (!after) {
      if (found != objects.end()) objects.erase(found);
    } else if (found != objects.end()) {
      found->second = std::move(after);
    } else {
      objects.emplace(key, std::move(after));
    }
    return before;
  }

  void put(json::Value object) {
    const auto key = key_of(object);
    auto after = std::make_shared<const json::Value>(std::move(object));
    auto before = exchange(key, after);
    if (before && uid_of(*before) != uid_of(*after)) {  // deleted and made anew meanwhile
      on_change(before, nullptr);
      before = nullptr;
    }
    if (before && !version_of(*before).empty() && version_of(*before) == version_of(*after)) return;
    on_change(before, after);
  }

  void drop(const Key& key) {
    if (const auto before = exchange(key, nullptr)) on_change(before, nullptr);
  }

  void replace(ObjectList list) {
    std::map<Key, bool> present;
    for (const auto& item : list.items) present.emplace(key_of(item), true);
    std::vector<Key> gone;
    {
      const std::lock_guard lock{mutex};
      for (const auto& [key, object] : objects) {
        if (!present.contains(key)) gone.push_back(key);
      }
    }
    for (const auto& key : gone) drop(key);
    for (auto& item : list.items) put(std::move(item));
    version = std::move(list.resource_version);
    const std::lock_guard lock{mutex};
    synced = true;
    changed.notify_all();
  }

  void take(WatchEvent event) {
    if (auto next = version_of(event.object); !next.empty()) version = std::move(next);
    switch (event.type) {
      case WatchEvent::Type::added:
      case WatchEvent::Type::modified: put(std::move(event.object)); break;
      case WatchEvent::Type::deleted: drop(key_of(event.object)); break;
      case WatchEvent::Type::bookmark: break;
    }
  }

  void run(const std::stop_token& stop) {
    Pauses pauses;
    while (!stop.stop_requested()) {
      auto listed = client.list(resource, ns, options);
      if (!listed) {
        log.warning("cannot list: {}", listed.error().message);
        pauses.take(stop);
        continue;
      }
      replace(*std::move(listed));
      watch_on(stop, pauses);
    }
  }

  /// Watches, reconnecting after normal ends, until a new list is needed.
  void watch_on(const std::stop_token& stop, Pauses& pauses) {
    while (!stop.stop_requested()) {
      bool any = false;
      const auto begun = std::chrono::steady_clock::now();
      const auto ended = client.watch(
          resource, ns, version, options,
          [&](WatchEvent event) {
            any = true;
            take(std::move(event));
          },
          stop);
      if (stop.stop_requested()) return;
      const bool useful = any || std::chrono::steady_clock::now() - begun > quick_end;
      if (useful) pauses.reset();
      if (ended) {
        if (!useful) pauses.take(stop);  // a server that hangs up at once must not be hammered
        continue;
      }
      if (ended.error().code == Code::expired || ended.error().code == Code::gone) {
        log.debug("listing again: {}", ended.error().message);
      } else {
        log.debug("watch broke off: {}", ended.error().message);
      }
      pauses.take(stop);
      return;
    }
  }
};

Informer::Informer(const Client& client, Resource resource, ListOptions options, OnChange on_change, std::string ns)
    : state_{std::make_shared<State>(client, std::move(resource), std::move(options), std::move(on_change),
                                     std::move(ns))},
      thread_{[state = state_](const std::stop_token& stop) { state->run(stop); }} {}

Informer::~Informer() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool Informer::wait_synced(Deadline deadline, const std::stop_token& stop) const {
  std::unique_lock lock{state_->mutex};
  const auto is_synced = [this] { return state_->synced; };
  if (deadline.at() == Instant::max()) return state_->changed.wait(lock, stop, is_synced);
  return state_->changed.wait_until(lock, stop, deadline.at(), is_synced);
}

ObjectPtr Informer::get(const Key& key) const {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->objects.find(key);
  return found == state_->objects.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Informer::list() const {
  return list([](const json::Value&) { return true; });
}

std::vector<ObjectPtr> Informer::list(const std::function<bool(const json::Value&)>& wanted) const {
  std::vector<ObjectPtr> all;
  {
    const std::lock_guard lock{state_->mutex};
    all.reserve(state_->objects.size());
    for (const auto& [key, object] : state_->objects) all.push_back(object);
  }
  std::erase_if(all, [&](const ObjectPtr& object) { return !wanted(*object); });
  return all;
}

}  // namespace godwit::kube
