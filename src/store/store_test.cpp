#include "store/store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <stdexcept>
#include <thread>

#include "base/files.hpp"

namespace godwit::store {
namespace {

EditFunction put(std::string value) {
  return [value = std::move(value)](const Record*, Revision) -> Result<Edit> { return Put{value}; };
}
EditFunction removal() {
  return [](const Record* current, Revision) -> Result<Edit> { return Remove{current ? *current->value : ""}; };
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = Store::open(directory_.path());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::create();
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, KeepsWhatWasWrittenAcrossRestarts) {
  ASSERT_TRUE(store_->modify("/a/1", put("one")));
  ASSERT_TRUE(store_->modify("/a/2", put("two")));
  ASSERT_TRUE(store_->modify("/a/1", removal()));
  const Revision before = store_->revision();
  reopen();
  EXPECT_EQ(store_->revision(), before);
  EXPECT_FALSE(store_->get("/a/1"));
  EXPECT_EQ(*store_->get("/a/2")->value, "two");
  EXPECT_GT((*store_->modify("/a/3", put("three")))->revision, before);
}

TEST_F(StoreTest, ListsByPrefixInOrder) {
  for (const char* key : {"/b/2", "/a/1", "/b/1", "/c"}) ASSERT_TRUE(store_->modify(key, put(key)));
  const Listing listing = store_->list("/b/");
  ASSERT_EQ(listing.records.size(), 2U);
  EXPECT_EQ(listing.records[0].key, "/b/1");
  EXPECT_EQ(listing.revision, store_->revision());
}

TEST_F(StoreTest, ReadModifyWriteNeverLosesAnUpdate) {
  constexpr int threads = 8;
  constexpr int each = 50;
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < threads; ++t) {
      writers.emplace_back([&] {
        for (int i = 0; i < each; ++i) {
          EXPECT_TRUE(store_->modify("/n", [](const Record* current, Revision) -> Result<Edit> {
            return Put{std::to_string((current ? std::stoi(*current->value) : 0) + 1)};
          }));
        }
      });
    }
  }
  EXPECT_EQ(*store_->get("/n")->value, std::to_string(threads * each));
}

TEST_F(StoreTest, WatchesFromARevisionWithoutGapsOrRepeats) {
  ASSERT_TRUE(store_->modify("/a/0", put("x")));
  auto watcher = store_->watch("/a/", store_->revision());
  ASSERT_TRUE(watcher);
  std::jthread writer{[&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_TRUE(store_->modify("/a/1", put(std::to_string(i))));
      EXPECT_TRUE(store_->modify("/b/1", put("not watched")));
    }
  }};
  Revision last = 0;
  int expected = 0;
  while (expected < 200) {
    const auto changes = (*watcher)->next(std::chrono::seconds{20}, {});
    ASSERT_TRUE(changes && !changes->empty());
    for (const Change& change : *changes) {
      EXPECT_GT(change.record.revision, last);
      last = change.record.revision;
      EXPECT_EQ(*change.record.value, std::to_string(expected++));
    }
  }
}

TEST_F(StoreTest, TellsRemovalsWithTheLastValue) {
  ASSERT_TRUE(store_->modify("/a", put("x")));
  auto watcher = store_->watch("/", store_->revision());
  ASSERT_TRUE(store_->modify("/a", removal()));
  const auto changes = (*watcher)->next(std::chrono::seconds{20}, {});
  ASSERT_EQ(changes->size(), 1U);
  EXPECT_EQ(changes->front().type, Change::Type::removed);
  EXPECT_EQ(*changes->front().record.value, "x");
  EXPECT_EQ(changes->front().record.revision, store_->revision());
}

TEST_F(StoreTest, WatchesGoOnAcrossARestart) {
  ASSERT_TRUE(store_->modify("/a", put("x")));
  const Revision seen = store_->revision();
  ASSERT_TRUE(store_->modify("/a", put("y")));
  ASSERT_TRUE(store_->modify("/a", removal()));
  reopen();
  auto watcher = store_->watch("/", seen);
  ASSERT_TRUE(watcher) << watcher.error().message;
  const auto changes = (*watcher)->next(std::chrono::seconds{20}, {});
  ASSERT_EQ(changes->size(), 2U);
  EXPECT_EQ(changes->front().type, Change::Type::modified);
  EXPECT_EQ(*changes->front().previous, "x");
  EXPECT_EQ(changes->back().type, Change::Type::removed);
  EXPECT_EQ(changes->back().record.revision, seen + 2);
}

TEST_F(StoreTest, ExpiresWatchesOfTheForgottenAndOfTheFuture) {
  constexpr int more_than_is_kept = 10'050;
  std::vector<std::jthread> writers;
  for (int t = 0; t < 50; ++t) {  // together, so that they share commits
    writers.emplace_back([&] {
      for (int i = 0; i < more_than_is_kept / 50; ++i) EXPECT_TRUE(store_->modify("/a", put("x")));
    });
  }
  writers.clear();
  for (const bool restarted : {false, true}) {
    if (restarted) reopen();
    const Revision now = store_->revision();
    EXPECT_EQ(store_->watch("/", 2).error().code, Code::expired) << restarted;
    EXPECT_EQ(store_->watch("/", now + 5).error().code, Code::expired) << restarted;
    EXPECT_EQ(store_->watch("/", now - 10'001).error().code, Code::expired) << restarted;
    EXPECT_TRUE(store_->watch("/", now - 10'000)) << restarted;
  }
}

TEST_F(StoreTest, EditsSeeTheWritesBeforeThemInTheirBatch) {
  // Each takes the one place only when nobody has it: together they must not take it twice.
  constexpr int rivals = 32;
  for (int round = 0; round < 12; ++round) {
    const std::string place = "/place" + std::to_string(round) + "/";
    std::vector<std::jthread> threads;
    for (int t = 0; t < rivals; ++t) {
      threads.emplace_back([&, t] {
        EXPECT_TRUE(store_->modify(place + std::to_string(t), [&](const Record*, Revision) -> Result<Edit> {
          if (!store_->list(place).records.empty()) return Keep{};
          return Put{"mine"};
        }));
      });
    }
    threads.clear();
    EXPECT_EQ(store_->list(place).records.size(), 1U);
  }
}

TEST_F(StoreTest, AnEditThatThrowsFailsAlone) {
  const auto broken =
      store_->modify("/a", [](const Record*, Revision) -> Result<Edit> { throw std::runtime_error{"oops"}; });
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::internal);
  EXPECT_TRUE(store_->modify("/a", put("x")));
}

TEST_F(StoreTest, TakesOverTheDatabaseOfTheFirstSchema) {
  store_.reset();
  const auto file = directory_.path() / "godwit.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix);
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, R"(
CREATE TABLE objects (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
INSERT INTO revision VALUES (1, 41);
INSERT INTO objects VALUES ('/a', 40, 'old');
PRAGMA user_version = 1;)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  reopen();
  EXPECT_EQ(*store_->get("/a")->value, "old");
  EXPECT_EQ(store_->watch("/", 40).error().code, Code::expired);
  EXPECT_EQ((*store_->modify("/a", put("new")))->revision, 42U);
  EXPECT_TRUE(store_->watch("/", 41));
}

TEST_F(StoreTest, AFailedEditChangesNothing) {
  const Revision before = store_->revision();
  EXPECT_EQ(store_->modify("/a", [](const Record*, Revision) -> Result<Edit> { return fail(Code::conflict, "no"); })
                .error()
                .code,
            Code::conflict);
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(StoreTest, IsForOneProcessAtATime) {
  EXPECT_EQ(Store::open(directory_.path()).error().code, Code::already_exists);
}

TEST_F(StoreTest, RefusesTheDatabaseOfANewerVersion) {
  store_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((directory_.path() / "godwit.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto refused = Store::open(directory_.path());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("newer version"), std::string::npos);
}

TEST_F(StoreTest, AWatcherStopsWhenTold) {
  auto watcher = store_->watch("/", store_->revision());
  std::stop_source stop;
  std::jthread stopper{[&] { stop.request_stop(); }};
  EXPECT_TRUE((*watcher)->next(std::chrono::seconds{600}, stop.get_token())->empty());
}

}  // namespace
}  // namespace godwit::store
