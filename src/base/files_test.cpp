#include "base/files.hpp"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(Files, ADirectoryThatOthersCannotEnterIsNamed) {
  const auto closed = TemporaryDirectory::create();
  ASSERT_TRUE(closed);
  const auto below = closed->path() / "a" / "b";
  const auto refused = check_enterable_by_all(below);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::forbidden);
  EXPECT_NE(refused.error().message.find("chmod o+x " + closed->path().string() + "`"), std::string::npos);
  std::filesystem::permissions(closed->path(), std::filesystem::perms{0711});
  EXPECT_TRUE(check_enterable_by_all(below));
}

}  // namespace
}  // namespace godwit
