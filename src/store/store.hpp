// Versioned objects on SQLite: revisions that never go back, compare-and-swap, watches from a revision.
//
// Objects are bytes to the store. All of them are also kept in memory (a cluster's objects are a few MiB), so reads
// never touch the disk; a write is acknowledged once it is on the disk (WAL, synchronous=FULL), many at a time (group
// commit).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace godwit::store {

using Revision = std::uint64_t;
using Bytes = std::shared_ptr<const std::string>;

struct Record {
  std::string key;
  Bytes value;
  Revision revision = 0;  ///< of its last write
};

/// One committed write, as watchers see it.
struct Change {
  enum class Type : std::uint8_t { created, modified, removed } type = Type::created;
  Record record;   ///< of a removal: the last value, with the removal's revision
  Bytes previous;  ///< the value before; null for a creation
};

struct Listing {
  std::vector<Record> records;  ///< by key
  Revision revision = 0;        ///< at which the list is consistent
};

// What a writer decides to do.
struct Keep {};
struct Put {
  std::string value;
};
struct Remove {
  std::string last_value;  ///< what watchers are told was removed
};
using Edit = std::variant<Keep, Put, Remove>;

/// Sees the record as it is at this very moment (null: none) and the revision that its write will have. What it reads
/// of the store is as true: get and list within it show every write before it, committed or about to be.
using EditFunction = std::function<Result<Edit>(const Record* current, Revision next)>;

class Watcher;

/// Thread-safe. One process at a time: the directory is locked.
class Store {
 public:
  /// Code::already_exists: another process has it open; Code::invalid: written by a newer version.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] std::optional<Record> get(const std::string& key) const;
  [[nodiscard]] Listing list(const std::string& prefix) const;
  [[nodiscard]] Revision revision() const;

  /// Runs `edit` when nobody else writes, and commits what it decides: so read-modify-write never conflicts, however
  /// many do it at once. Returns the record as committed (Keep: as it was), or nothing when there is none. `edit` must
  /// not call modify.
  [[nodiscard]] Result<std::optional<Record>> modify(const std::string& key, EditFunction edit);

  /// Changes below the prefix after the revision, from before a restart too: the newest 10,000 are kept.
  /// Code::expired: older than those, or from the future of another database.
  [[nodiscard]] Result<std::unique_ptr<Watcher>> watch(const std::string& prefix, Revision after) const;

 private:
  friend class Watcher;
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Must not outlive its store. One thread.
class Watcher {
 public:
  /// What has changed since the last call; empty after the wait without news, or when told to stop.
  /// Code::expired: fell behind by more than the store remembers.
  [[nodiscard]] Result<std::vector<Change>> next(Duration wait, const std::stop_token& stop);
  /// All changes up to here have been returned.
  [[nodiscard]] Revision position() const { return position_; }

 private:
  friend class Store;
  Watcher(Store::State& state, std::string prefix, Revision after)
      : state_{state}, prefix_{std::move(prefix)}, position_{after} {}
  Store::State& state_;
  std::string prefix_;
  Revision position_;
};

}  // namespace godwit::store
