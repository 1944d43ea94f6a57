#include "store/database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/data_format.hpp"

namespace godwit::store {
namespace {

/// Raised with every change of the tables; kept in SQLite's user_version.
constexpr std::int64_t schema_version = 2;

/// What turns each schema into the next; each in one transaction, so that a crash leaves one or the other.
constexpr const char* steps[schema_version] = {
    R"(
BEGIN IMMEDIATE;
CREATE TABLE objects (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
INSERT INTO revision VALUES (1, 1);
PRAGMA user_version = 1;
COMMIT;
)",
    R"(
BEGIN IMMEDIATE;
CREATE TABLE changes (revision INTEGER PRIMARY KEY, type INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
                      previous BLOB);
PRAGMA user_version = 2;
COMMIT;
)",
};

Bytes bytes_at(sqlite3_stmt* row, int column) {
  if (sqlite3_column_type(row, column) == SQLITE_NULL) return nullptr;
  const auto* data = static_cast<const char*>(sqlite3_column_blob(row, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return data == nullptr ? std::make_shared<const std::string>() : std::make_shared<const std::string>(data, size);
}

std::string text_at(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? std::string{}
                         : std::string{text, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

/// An empty value is a blob of no bytes, never NULL.
void bind_bytes(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob(statement, index, bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
}

}  // namespace

Result<Database> Database::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database{Handle{raw}};
  if (code != SQLITE_OK) return database.failure(file.string());
  for (const char* pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA locking_mode = EXCLUSIVE"}) {
    if (auto done = database.execute(pragma); !done) return fail(done.error().within(file.string()));
  }
  Result<> ready = database.bring_up_to_date();
  if (ready) ready = database.prepare_statements();
  if (!ready) return fail(ready.error().within(file.string()));
  return database;
}

Result<> Database::bring_up_to_date() {
  const auto version = number("PRAGMA user_version");
  if (!version) return fail(version.error());
  if (auto known = check_format(*version, schema_version); !known) return known;
  for (std::int64_t at = std::max<std::int64_t>(*version, 0); at < schema_version; ++at) {
    if (auto made = execute(steps[at]); !made) {
      roll_back();
      return made;
    }
  }
  return {};
}

Result<> Database::prepare_statements() {
  const std::pair<Statement*, const char*> wanted[] = {
      {&put_, "INSERT OR REPLACE INTO objects (key, revision, value) VALUES (?, ?, ?)"},
      {&remove_, "DELETE FROM objects WHERE key = ?"},
      {&append_, "INSERT INTO changes (revision, type, key, value, previous) VALUES (?, ?, ?, ?, ?)"},
      {&forget_, "DELETE FROM changes WHERE revision <= ?"},
      {&set_revision_, "UPDATE revision SET value = ?"},
  };
  for (const auto& [slot, sql] : wanted) {
    auto prepared = prepare(sql);
    if (!prepared) return fail(prepared.error());
    *slot = std::move(*prepared);
  }
  return {};
}

Result<Revision> Database::load(const std::function<void(Record)>& on_record) {
  auto rows = prepare("SELECT key, revision, value FROM objects");
  if (!rows) return fail(rows.error());
  for (;;) {
    const int code = sqlite3_step(rows->get());
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) return failure("reading objects");
    on_record({.key = text_at(rows->get(), 0),
               .value = bytes_at(rows->get(), 2),
               .revision = static_cast<Revision>(sqlite3_column_int64(rows->get(), 1))});
  }
  const auto revision = number("SELECT value FROM revision");
  if (!revision) return fail(revision.error());
  return static_cast<Revision>(*revision);
}

Result<> Database::load_changes(const std::function<void(Change)>& on_change) {
  auto rows = prepare("SELECT revision, type, key, value, previous FROM changes ORDER BY revision");
  if (!rows) return fail(rows.error());
  for (;;) {
    const int code = sqlite3_step(rows->get());
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return failure("reading changes");
    on_change({.type = static_cast<Change::Type>(sqlite3_column_int(rows->get(), 1)),
               .record = {.key = text_at(rows->get(), 2),
                          .value = bytes_at(rows->get(), 3),
                          .revision = static_cast<Revision>(sqlite3_column_int64(rows->get(), 0))},
               .previous = bytes_at(rows->get(), 4)});
  }
}

Result<> Database::begin() { return execute("BEGIN IMMEDIATE"); }

Result<> Database::put(const std::string& key, std::string_view value, Revision revision) {
  bind_text(put_.get(), 1, key);
  sqlite3_bind_int64(put_.get(), 2, static_cast<sqlite3_int64>(revision));
  bind_bytes(put_.get(), 3, value);
  return step(put_.get());
}

Result<> Database::remove(const std::string& key) {
  bind_text(remove_.get(), 1, key);
  return step(remove_.get());
}

Result<> Database::append(const Change& change) {
  sqlite3_bind_int64(append_.get(), 1, static_cast<sqlite3_int64>(change.record.revision));
  sqlite3_bind_int(append_.get(), 2, static_cast<int>(change.type));
  bind_text(append_.get(), 3, change.record.key);
  bind_bytes(append_.get(), 4, *change.record.value);
  if (change.previous) {
    bind_bytes(append_.get(), 5, *change.previous);
  } else {
    sqlite3_bind_null(append_.get(), 5);
  }
  return step(append_.get());
}

Result<> Database::forget(Revision upto) {
  sqlite3_bind_int64(forget_.get(), 1, static_cast<sqlite3_int64>(upto));
  return step(forget_.get());
}

Result<> Database::commit(Revision revision) {
  sqlite3_bind_int64(set_revision_.get(), 1, static_cast<sqlite3_int64>(revision));
  if (auto set = step(set_revision_.get()); !set) return set;
  return execute("COMMIT");
}

void Database::roll_back() { (void)execute("ROLLBACK"); }

Result<> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(sql);
  return {};
}

Result<std::int64_t> Database::number(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return fail(statement.error());
  if (sqlite3_step(statement->get()) != SQLITE_ROW) return failure(sql);
  return sqlite3_column_int64(statement->get(), 0);
}

Result<Database::Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) return failure(sql);
  return Statement{statement};
}

Result<> Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (code != SQLITE_DONE) return failure("writing");
  return {};
}

Failure Database::failure(std::string_view what) const {
  return fail(Code::internal, fmt::format("database: {}: {}", what, sqlite3_errmsg(handle_.get())));
}

}  // namespace godwit::store
