#include "store/store.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "store/database.hpp"

namespace godwit::store {
namespace {

constexpr std::size_t remembered_changes = 10'000;

Result<UniqueFd> lock_directory(const std::filesystem::path& directory) {
  const auto path = directory / "lock";
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd) return fail_errno(path.string());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::already_exists,
                fmt::format("{} is in use by another godwit server; stop it first", directory.string()));
  }
  return fd;
}

/// A write that waits for its turn.
struct Pending {
  const std::string* key;
  EditFunction edit;
  std::promise<Result<std::optional<Record>>> done;
};

}  // namespace

struct Store::State {
  State(UniqueFd held_lock, Database opened) : lock{std::move(held_lock)}, database{std::move(opened)} {}

  void write_batches(const std::stop_token& stop);
  void write_batch(std::vector<Pending*>& batch);
  Result<std::optional<Record>> run_edit(Pending& pending, Revision next, std::map<std::string, Change>& changed);
  void publish(const std::map<Revision, Change>& changes, Revision reached);

  UniqueFd lock;
  Database database;

  mutable std::shared_mutex objects_mutex;  // objects, revision, log
  std::map<std::string, Record> objects;
  Revision revision = 1;
  std::deque<Change> log;  ///< the newest changes, by revision
  Revision forgotten = 1;  ///< changes up to here are not in the log
  std::condition_variable_any news;

  std::mutex queue_mutex;
  std::condition_variable_any work;
  std::vector<Pending*> queue;
  std::jthread writer;  // last: ends first
};

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& directory) {
  if (auto made = make_directory(directory, 0700); !made) return fail(made.error());
  auto lock = lock_directory(directory);
  if (!lock) return fail(lock.error());
  auto database = Database::open(directory / "godwit.db");
  if (!database) return fail(database.error());
  auto state = std::make_unique<State>(std::move(*lock), std::move(*database));
  const auto revision = state->database.load([&](Record record) {
    std::string key = record.key;
    state->objects.emplace(std::move(key), std::move(record));
  });
  if (!revision) return fail(revision.error());
  state->revision = *revision;
  state->forgotten = *revision;
  State* raw = state.get();
  state->writer = std::jthread{[raw](const std::stop_token& stop) { raw->write_batches(stop); }};
  return std::unique_ptr<Store>{new Store{std::move(state)}};
}

Store::Store(std::unique_ptr<State> state) : state_{std::move(state)} {}
Store::~Store() = default;

std::optional<Record> Store::get(const std::string& key) const {
  const std::shared_lock lock{state_->objects_mutex};
  const auto found = state_->objects.find(key);
  if (found == state_->objects.end()) return std::nullopt;
  return found->second;
}

Listing Store::list(const std::string& prefix) const {
  const std::shared_lock lock{state_->objects_mutex};
  Listing listing{.records = {}, .revision = state_->revision};
  for (auto it = state_->objects.lower_bound(prefix); it != state_->objects.end() && it->first.starts_with(prefix);
       ++it) {
    listing.records.push_back(it->second);
  }
  return listing;
}

Revision Store::revision() const {
  const std::shared_lock lock{state_->objects_mutex};
  return state_->revision;
}

Result<std::optional<Record>> Store::modify(const std::string& key, EditFunction edit) {
  Pending pending{.key = &key, .edit = std::move(edit), .done = {}};
  auto done = pending.done.get_future();
  {
    const std::lock_guard lock{state_->queue_mutex};
    state_->queue.push_back(&pending);
  }
  state_->work.notify_one();
  return done.get();
}

void Store::State::write_batches(const std::stop_token& stop) {
  for (;;) {
    std::vector<Pending*> batch;
    {
      std::unique_lock guard{queue_mutex};
      work.wait(guard, stop, [this] { return !queue.empty(); });
      if (queue.empty()) return;
      batch.swap(queue);
    }
    write_batch(batch);
  }
}

/// Runs one edit on top of what the batch has changed already.
Result<std::optional<Record>> Store::State::run_edit(Pending& pending, Revision next,
                                                     std::map<std::string, Change>& changed) {
  const std::string& key = *pending.key;
  std::optional<Record> current;
  if (const auto earlier = changed.find(key); earlier != changed.end()) {
    if (earlier->second.type != Change::Type::removed) current = earlier->second.record;
  } else if (const auto found = objects.find(key); found != objects.end()) {
    current = found->second;
  }
  auto decided = pending.edit(current ? &*current : nullptr, next);
  if (!decided) return fail(decided.error());
  if (std::holds_alternative<Keep>(*decided)) return current;
  Change change{.type = current ? Change::Type::modified : Change::Type::created,
                .record = {.key = key, .value = {}, .revision = next},
                .previous = current ? current->value : nullptr};
  if (auto* put = std::get_if<Put>(&*decided)) {
    change.record.value = std::make_shared<const std::string>(std::move(put->value));
    if (auto written = database.put(key, *change.record.value, next); !written) return fail(written.error());
  } else {
    if (!current) return std::optional<Record>{};
    change.type = Change::Type::removed;
    change.record.value = std::make_shared<const std::string>(std::move(std::get<Remove>(*decided).last_value));
    if (auto written = database.remove(key); !written) return fail(written.error());
  }
  changed.insert_or_assign(key, change);
  return change.record;
}

void Store::State::write_batch(std::vector<Pending*>& batch) {
  // Only this thread changes objects and revision, so it may read them without the lock.
  std::map<std::string, Change> by_key;
  std::map<Revision, Change> by_revision;
  std::vector<std::pair<Pending*, Result<std::optional<Record>>>> answers;
  Revision reached = revision;
  Result<> committed = database.begin();
  if (committed) {
    for (Pending* pending : batch) {
      auto answer = run_edit(*pending, reached + 1, by_key);
      if (const auto made = by_key.find(*pending->key);
          made != by_key.end() && made->second.record.revision == reached + 1) {
        by_revision.emplace(++reached, made->second);
      }
      answers.emplace_back(pending, std::move(answer));
    }
    committed = database.commit(reached);
    if (!committed) database.roll_back();
  }
  if (committed) publish(by_revision, reached);
  if (answers.empty()) {
    for (Pending* pending : batch) pending->done.set_value(fail(committed.error()));
    return;
  }
  for (auto& [pending, answer] : answers) {
    if (committed) {
      pending->done.set_value(std::move(answer));
    } else {
      pending->done.set_value(fail(committed.error()));
    }
  }
}

void Store::State::publish(const std::map<Revision, Change>& changes, Revision reached) {
  const std::unique_lock guard{objects_mutex};
  for (const auto& [at, change] : changes) {
    if (change.type == Change::Type::removed) {
      objects.erase(change.record.key);
    } else {
      objects.insert_or_assign(change.record.key, change.record);
    }
    log.push_back(change);
  }
  while (log.size() > remembered_changes) {
    forgotten = log.front().record.revision;
    log.pop_front();
  }
  revision = reached;
  news.notify_all();
}

Result<std::unique_ptr<Watcher>> Store::watch(const std::string& prefix, Revision after) const {
  const std::shared_lock lock{state_->objects_mutex};
  if (after < state_->forgotten || after > state_->revision) {
    return fail(Code::expired, fmt::format("too old resource version: {} ({})", after, state_->revision));
  }
  return std::unique_ptr<Watcher>{new Watcher{*state_, prefix, after}};
}

Result<std::vector<Change>> Watcher::next(Duration wait, const std::stop_token& stop) {
  std::vector<Change> changes;
  const Deadline deadline = Deadline::after(wait);
  std::shared_lock lock{state_.objects_mutex};
  while (changes.empty()) {
    state_.news.wait_until(lock, stop, deadline.at(), [this] { return state_.revision > position_; });
    if (stop.stop_requested() || state_.revision <= position_) return changes;
    if (position_ < state_.forgotten) return fail(Code::expired, "the watch fell behind; list again");
    auto it = std::upper_bound(state_.log.begin(), state_.log.end(), position_,
                               [](Revision at, const Change& change) { return at < change.record.revision; });
    for (; it != state_.log.end(); ++it) {
      if (it->record.key.starts_with(prefix_)) changes.push_back(*it);
    }
    position_ = state_.revision;
  }
  return changes;
}

}  // namespace godwit::store
