// The SQLite file behind a store. One thread at a time.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/store.hpp"

namespace godwit::store {

class Database {
 public:
  /// Makes the tables of a new file; refuses one of a newer schema.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& file);

  [[nodiscard]] Result<Revision> load(const std::function<void(Record)>& on_record);
  /// The kept changes, oldest first.
  Result<> load_changes(const std::function<void(Change)>& on_change);

  Result<> begin();
  Result<> put(const std::string& key, std::string_view value, Revision revision);
  Result<> remove(const std::string& key);
  /// Keeps a change for watches from before a restart.
  Result<> append(const Change& change);
  /// Forgets changes up to and including the revision.
  Result<> forget(Revision upto);
  Result<> commit(Revision revision);
  void roll_back();

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Handle = std::unique_ptr<sqlite3, Closer>;
  using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

  explicit Database(Handle handle) : handle_{std::move(handle)} {}
  Result<> bring_up_to_date();
  Result<> prepare_statements();
  Result<> execute(const char* sql);
  [[nodiscard]] Result<std::int64_t> number(const char* sql);
  [[nodiscard]] Result<Statement> prepare(const char* sql);
  Result<> step(sqlite3_stmt* statement);
  [[nodiscard]] Failure failure(std::string_view what) const;

  Handle handle_;
  Statement put_;
  Statement remove_;
  Statement append_;
  Statement forget_;
  Statement set_revision_;
};

}  // namespace godwit::store
