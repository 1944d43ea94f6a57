#include "store/database.hpp"

#include <fmt/format.h>

namespace godwit::store {
namespace {

/// Raised with every change of the tables; kept in SQLite's user_version.
constexpr std::int64_t schema_version = 1;

constexpr const char* tables = R"(
CREATE TABLE objects (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
INSERT INTO revision VALUES (1, 1);
PRAGMA user_version = 1;
)";

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
  const auto version = database.number("PRAGMA user_version");
  if (!version) return fail(version.error().within(file.string()));
  if (*version > schema_version) {
    return fail(Code::invalid,
                fmt::format("{} was written by a newer version of Godwit (schema {}, this one knows {}); "
                            "run that version, or start with another data directory",
                            file.string(), *version, schema_version));
  }
  if (*version == 0) {
    if (auto made = database.execute(tables); !made) return fail(made.error().within(file.string()));
  }
  const auto keep = [&](Statement& slot, const char* sql) -> Result<> {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    slot = std::move(*prepared);
    return {};
  };
  Result<> ready = keep(database.put_, "INSERT OR REPLACE INTO objects (key, revision, value) VALUES (?, ?, ?)");
  if (ready) ready = keep(database.remove_, "DELETE FROM objects WHERE key = ?");
  if (ready) ready = keep(database.set_revision_, "UPDATE revision SET value = ?");
  if (!ready) return fail(ready.error());
  return database;
}

Result<Revision> Database::load(const std::function<void(Record)>& on_record) {
  auto rows = prepare("SELECT key, revision, value FROM objects");
  if (!rows) return fail(rows.error());
  for (;;) {
    const int code = sqlite3_step(rows->get());
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) return failure("reading objects");
    const auto* key = reinterpret_cast<const char*>(sqlite3_column_text(rows->get(), 0));
    const auto* value = static_cast<const char*>(sqlite3_column_blob(rows->get(), 2));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(rows->get(), 2));
    on_record({.key = key,
               .value = std::make_shared<const std::string>(value, size),
               .revision = static_cast<Revision>(sqlite3_column_int64(rows->get(), 1))});
  }
  const auto revision = number("SELECT value FROM revision");
  if (!revision) return fail(revision.error());
  return static_cast<Revision>(*revision);
}

Result<> Database::begin() { return execute("BEGIN IMMEDIATE"); }

Result<> Database::put(const std::string& key, std::string_view value, Revision revision) {
  sqlite3_bind_text(put_.get(), 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
  sqlite3_bind_int64(put_.get(), 2, static_cast<sqlite3_int64>(revision));
  sqlite3_bind_blob(put_.get(), 3, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  return step(put_.get());
}

Result<> Database::remove(const std::string& key) {
  sqlite3_bind_text(remove_.get(), 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
  return step(remove_.get());
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
