#include "base/file_lock.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "base/files.hpp"

namespace godwit {
namespace {

TEST(FileLock, IsHeldByOneAtATimeOnFilesAndDirectories) {
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  for (const auto& path : {directory->path(), directory->path() / "lock"}) {
    auto first = FileLock::try_take(path);
    ASSERT_TRUE(first) << first.error().message;
    const auto second = FileLock::try_take(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
    {
      const FileLock released = std::move(*first);
    }
    EXPECT_TRUE(FileLock::try_take(path));
  }
}

TEST(FileLock, WaitsUntilItIsFree) {
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  auto held = FileLock::try_take(directory->path());
  ASSERT_TRUE(held);
  const std::jthread holder{[lock = std::move(*held)]() mutable {
    (void)sleep_for(std::chrono::milliseconds{100}, {});
    const FileLock released = std::move(lock);
  }};
  EXPECT_TRUE(FileLock::take(directory->path(), Deadline::after(std::chrono::seconds{30})));
}

TEST(FileLock, GivesUpAtTheDeadline) {
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  const auto held = FileLock::try_take(directory->path());
  const auto refused = FileLock::take(directory->path(), Deadline::after(std::chrono::milliseconds{30}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::timeout);
}

}  // namespace
}  // namespace godwit
