#include "storage/volumes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"

namespace godwit::storage {
namespace {

class Volumes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "volumes belong to QEMU's user: only root can make them";
  }
  void import(const std::string& name, const std::string& content) {
    ASSERT_TRUE(make_directory(image_path(root(), name).parent_path()));
    ASSERT_TRUE(write_file(image_path(root(), name), content));
  }
  std::filesystem::path root() const { return directory_.path(); }
  TemporaryDirectory directory_ = *TemporaryDirectory::create();
};

TEST_F(Volumes, AnEmptyOneHasItsSizeAndOwner) {
  const auto made = create_volume(root(), "u1", 1 << 20, std::nullopt);
  ASSERT_TRUE(made) << made.error().message;
  struct stat info{};
  ASSERT_EQ(::stat((*made / "disk.img").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 1 << 20);
  EXPECT_EQ(info.st_uid, qemu_user);
}

TEST_F(Volumes, ACloneBeginsWithItsImageAndIsGrown) {
  import("godwit/tiny", "the image");
  const auto made = create_volume(root(), "u1", 4096, "godwit/tiny");
  ASSERT_TRUE(made) << made.error().message;
  const std::string content = *read_file(*made / "disk.img");
  EXPECT_EQ(content.size(), 4096U);
  EXPECT_TRUE(content.starts_with("the image"));
}

TEST_F(Volumes, AreMadeOnce) {
  const auto first = create_volume(root(), "u1", 4096, std::nullopt);
  ASSERT_TRUE(write_file(*first / "disk.img", "the guest's data"));
  ASSERT_TRUE(create_volume(root(), "u1", 4096, std::nullopt));
  EXPECT_EQ(*read_file(*first / "disk.img"), "the guest's data");
}

TEST_F(Volumes, NameTheImageThatIsMissing) {
  const auto refused = create_volume(root(), "u1", 4096, "debian");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found);
  EXPECT_NE(refused.error().message.find("godwit image import debian"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(root() / "volumes" / "u1"));
}

TEST_F(Volumes, AreNotSmallerThanTheirImage) {
  import("big", std::string(8192, 'x'));
  EXPECT_EQ(create_volume(root(), "u1", 4096, "big").error().code, Code::invalid);
}

TEST_F(Volumes, Go) {
  ASSERT_TRUE(create_volume(root(), "u1", 4096, std::nullopt));
  EXPECT_TRUE(remove_volume(root(), "u1"));
  EXPECT_TRUE(remove_volume(root(), "u1"));
  EXPECT_FALSE(remove_volume(root(), "../etc"));
}

TEST_F(Volumes, NeverLeadOutOfTheirDirectory) {
  import("tiny", "the image");
  ASSERT_TRUE(create_volume(root(), "u1", 4096, std::nullopt));
  for (const char* uid : {"", ".", "..", "../images", "/etc", "a/../..", "u1/"}) {
    EXPECT_EQ(remove_volume(root(), uid).error().code, Code::invalid) << uid;
    EXPECT_EQ(create_volume(root(), uid, 4096, std::nullopt).error().code, Code::invalid) << uid;
  }
  EXPECT_TRUE(std::filesystem::exists(root() / "volumes" / "u1" / "disk.img"));
  EXPECT_TRUE(std::filesystem::exists(image_path(root(), "tiny")));
}

TEST_F(Volumes, HaveASize) {
  EXPECT_EQ(create_volume(root(), "u1", 0, std::nullopt).error().code, Code::invalid);
  EXPECT_EQ(create_volume(root(), "u1", -1, std::nullopt).error().code, Code::invalid);
}

TEST(ImageNames, AreOneOrTwoParts) {
  for (const char* good : {"tiny", "godwit/tiny", "debian-12", "a.b"}) EXPECT_EQ(image_name_problem(good), "") << good;
  for (const char* bad : {"", "/", "a/b/c", "../x", "A", "a b", "a/"}) EXPECT_NE(image_name_problem(bad), "") << bad;
}

}  // namespace
}  // namespace godwit::storage
