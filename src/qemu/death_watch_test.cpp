#include "qemu/death_watch.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"

namespace godwit::qemu {
namespace {

TEST(LastWords, AreToldWithoutTheirTimes) {
  const auto directory = TemporaryDirectory::create("godwit-words").value();
  const auto log = directory.path() / "qemu.log";
  ASSERT_TRUE(write_file(log, "2026-12-01T10:00:00.123456Z qemu-system-x86_64: no memory\nand no time\n"));
  EXPECT_EQ(last_words(log), "qemu-system-x86_64: no memory\nand no time");
  EXPECT_EQ(last_words(directory.path() / "absent"), "");
}

}  // namespace
}  // namespace godwit::qemu
