#include "base/data_format.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"

namespace godwit {
namespace {

TEST(DataFormat, ANewDirectoryIsMarkedAndAnOlderOneRaised) {
  const auto directory = *TemporaryDirectory::create();
  ASSERT_TRUE(claim_format(directory.path(), 1));
  EXPECT_EQ(read_file(directory.path() / "format").value_or(""), "1\n");
  ASSERT_TRUE(claim_format(directory.path(), 2));
  EXPECT_EQ(read_file(directory.path() / "format").value_or(""), "2\n");
}

TEST(DataFormat, ANewerOneIsRefusedAndLeftAlone) {
  const auto directory = *TemporaryDirectory::create();
  ASSERT_TRUE(write_file(directory.path() / "format", "9\n"));
  const auto claimed = claim_format(directory.path(), 2);
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("was written by a newer version of Godwit (format 9, this one knows 2)"),
            std::string::npos)
      << claimed.error().message;
  EXPECT_EQ(read_file(directory.path() / "format").value_or(""), "9\n");
  ASSERT_TRUE(write_file(directory.path() / "format", "many\n"));
  EXPECT_FALSE(claim_format(directory.path(), 2));
}

}  // namespace
}  // namespace godwit
