#include "node/started_marker.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"

namespace godwit::node {
namespace {

class StartedMarkerTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_ = std::move(*TemporaryDirectory::create());
  StartedMarker marker_{directory_.path()};
};

TEST_F(StartedMarkerTest, IsPresentOnlyOnceWritten) {
  EXPECT_FALSE(marker_.present("a"));
  ASSERT_TRUE(marker_.prepare("a"));
  EXPECT_FALSE(marker_.present("a"));
  ASSERT_TRUE(marker_.write("a"));
  EXPECT_TRUE(marker_.present("a"));
  EXPECT_FALSE(marker_.present("b"));
}

TEST_F(StartedMarkerTest, IsWrittenWithoutPreparationToo) {
  ASSERT_TRUE(marker_.write("a"));
  EXPECT_TRUE(marker_.present("a"));
}

TEST_F(StartedMarkerTest, PreparingAgainDoesNotTakeItAway) {
  ASSERT_TRUE(marker_.write("a"));
  ASSERT_TRUE(marker_.prepare("a"));
  EXPECT_TRUE(marker_.present("a"));
}

TEST_F(StartedMarkerTest, AnythingButAPlainNoCountsAsStarted) {
  ASSERT_TRUE(write_file(directory_.path() / "started-a", ""));
  EXPECT_TRUE(marker_.present("a"));
  ASSERT_TRUE(make_directory(directory_.path() / "started-b"));
  EXPECT_TRUE(marker_.present("b"));
}

}  // namespace
}  // namespace godwit::node
