#include "store/store.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include <fmt/format.h>

#include "base/file_lock.hpp"
#include "base/files.hpp"
#include "store/database.hpp"

namespace godwit::store {
namespace {

constexpr std::size_t remembered_changes = 10'000;

Result<FileLock> lock_directory(const std::filesystem::path& directory) {
  auto lock = FileLock::try_take(directory / "lock");
  if (!lock && lock.error().code == Code::conflict) {
    return fail(Code::already_exists,
                fmt::format("{} is in use by another godwit server; stop it first", directory.string()));
  }
  return lock;
}

/// A write that waits for its turn.
struct Pending {
  const std::string* key;
  EditFunction edit;
  std::promise<Result<std::optional<Record>>> done;
};

/// A broken invariant in one edit must not end the thread that serves all.
Result<Edit> decide(const EditFunction& edit, const Record* current, Revision next) {
  try {
    return edit(current, next);
  } catch (const std::exception& broken) {
    return fail(Code::internal, fmt::format("an edit failed unexpectedly: {}", broken.what()));
  }
}

}  // namespace

struct Store::State {
  State(FileLock held_lock, Database opened) : lock{std::move(held_lock)}, database{std::move(opened)} {}

  void write_batches(const std::stop_token& stop);
  void write_batch(std::vector<Pending*>& batch);
  Result<std::optional<Record>> run_edit(Pending& pending, Revision next);
  Result<> write_log(const std::map<Revision, Change>& changes);
  /// The batch's change of the key, when it is the writer thread that asks.
  [[nodiscard]] const std::map<std::string, Change>* uncommitted() const {
    return std::this_thread::get_id() == writer.get_id() ? &batch_changes : nullptr;
  }
  void publish(const std::map<Revision, Change>& changes, Revision reached);

  FileLock lock;
  Database database;

  mutable std::shared_mutex objects_mutex;  // objects, revision, log
  std::map<std::string, Record> objects;
  Revision revision = 1;
  std::deque<Change> log;  ///< the newest changes, by revision
  Revision forgotten = 1;  ///< changes up to here are not in the log
  std::condition_variable_any news;

  std::map<std::string, Change> batch_changes;  ///< the writer thread's alone

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
  auto remembered = state->database.load_changes([&](Change change) { state->log.push_back(std::move(change)); });
  if (!remembered) return fail(remembered.error());
  // Revisions have no gaps: what is before the oldest change is forgotten.
  state->forgotten = state->log.empty() ? *revision : state->log.front().record.revision - 1;
  State* raw = state.get();
  state->writer = std::jthread{[raw](const std::stop_token& stop) { raw->write_batches(stop); }};
  return std::unique_ptr<Store>{new Store{std::move(state)}};
}

Store::Store(std::unique_ptr<State> state) : state_{std::move(state)} {}
Store::~Store() = default;

std::optional<Record> Store::get(const std::string& key) const {
  const std::shared_lock lock{state_->objects_mutex};
  if (const auto* changes = state_->uncommitted()) {
    if (const auto changed = changes->find(key); changed != changes->end()) {
      if (changed->second.type == Change::Type::removed) return std::nullopt;
      return changed->second.record;
    }
  }
  const auto found = state_->objects.find(key);
  if (found == state_->objects.end()) return std::nullopt;
  return found->second;
}

Listing Store::list(const std::string& prefix) const {
  std::map<std::string, Record> below;
  const std::shared_lock lock{state_->objects_mutex};
  Listing listing{.records = {}, .revision = state_->revision};
  const auto* changes = state_->uncommitted();
  const bool merge = changes != nullptr && !changes->empty();
  for (auto it = state_->objects.lower_bound(prefix); it != state_->objects.end() && it->first.starts_with(prefix);
       ++it) {
    if (merge) {
      below.insert(*it);
    } else {
      listing.records.push_back(it->second);
    }
  }
  if (!merge) return listing;
  for (auto it = changes->lower_bound(prefix); it != changes->end() && it->first.starts_with(prefix); ++it) {
    if (it->second.type == Change::Type::removed) {
      below.erase(it->first);
    } else {
      below.insert_or_assign(it->first, it->second.record);
    }
  }
  for (auto& [key, record] : below) listing.records.push_back(std::move(record));
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
Result<std::optional<Record>> Store::State::run_edit(Pending& pending, Revision next) {
  const std::string& key = *pending.key;
  std::optional<Record> current;
  if (const auto earlier = batch_changes.find(key); earlier != batch_changes.end()) {
    if (earlier->second.type != Change::Type::removed) current = earlier->second.record;
  } else if (const auto found = objects.find(key); found != objects.end()) {
    current = found->second;
  }
  auto decided = decide(pending.edit, current ? &*current : nullptr, next);
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
  batch_changes.insert_or_assign(key, change);
  return change.record;
}

/// Keeps the changes on disk as publish will keep them in memory.
Result<> Store::State::write_log(const std::map<Revision, Change>& changes) {
  for (const auto& [at, change] : changes) {
    if (auto kept = database.append(change); !kept) return kept;
  }
  const std::size_t kept = log.size() + changes.size();
  if (kept <= remembered_changes) return {};
  const std::size_t surplus = kept - remembered_changes;
  if (surplus <= log.size()) return database.forget(log[surplus - 1].record.revision);
  return database.forget(std::next(changes.begin(), static_cast<std::ptrdiff_t>(surplus - log.size() - 1))->first);
}

void Store::State::write_batch(std::vector<Pending*>& batch) {
  // Only this thread changes objects and revision, so it may read them without the lock.
  std::map<Revision, Change> by_revision;
  std::vector<std::pair<Pending*, Result<std::optional<Record>>>> answers;
  Revision reached = revision;
  Result<> committed = database.begin();
  if (committed) {
    for (Pending* pending : batch) {
      auto answer = run_edit(*pending, reached + 1);
      if (const auto made = batch_changes.find(*pending->key);
          made != batch_changes.end() && made->second.record.revision == reached + 1) {
        by_revision.emplace(++reached, made->second);
      }
      answers.emplace_back(pending, std::move(answer));
    }
    committed = write_log(by_revision);
    if (committed) committed = database.commit(reached);
    if (!committed) database.roll_back();
  }
  batch_changes.clear();
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
