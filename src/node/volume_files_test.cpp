#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "node/volume_sources.hpp"

namespace godwit::node {
namespace {

class VolumeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "disks belong to QEMU's user: only root can make them";
    ASSERT_TRUE(write_file(image(), std::string(1 << 16, 'i')));
    sources_.by_name = {{"root", source::Image{image()}},
                        {"scratch", source::Empty{1 << 20}},
                        {"seed", storage::FilesDisk{.label = "cidata", .files = {{"user-data", "x"}}}}};
    sources_.fingerprint = "as told";
  }
  std::filesystem::path image() const { return directory_.path() / "image"; }
  std::filesystem::path here() const { return storage::instance_directory(directory_.path(), "u1"); }
  std::filesystem::path there() const { return storage::instance_directory(directory_.path() / "other", "u1"); }

  TemporaryDirectory directory_ = *TemporaryDirectory::create();
  VolumeSources sources_;
};

TEST_F(VolumeFiles, ATargetFindsWhatTheSourceMade) {
  const auto made = make_volumes(sources_, here());
  ASSERT_TRUE(made) << made.error().message;
  const auto found = find_made_volumes(sources_, here(), "whatever");
  ASSERT_TRUE(found) << found.error().message;
  for (const auto& [name, file] : *made) {
    EXPECT_EQ(found->at(name).path, file.path);
    EXPECT_EQ(found->at(name).format, file.format);
    EXPECT_EQ(found->at(name).base, file.base);
    EXPECT_TRUE(std::filesystem::exists(file.path)) << name;
  }
  EXPECT_TRUE(made->at("seed").read_only);
}

TEST_F(VolumeFiles, ATargetMakesNothingThatTheGuestHasWrittenTo) {
  ASSERT_TRUE(make_volumes(sources_, here()));
  const auto refused = find_made_volumes(sources_, there(), "as told");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is not on this node"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(there()));
}

TEST_F(VolumeFiles, ATargetMakesDisksOfFilesOnlyIfTheyAreTheSame) {
  sources_.by_name.erase("root");
  sources_.by_name.erase("scratch");
  const auto made = make_volumes(sources_, here());
  ASSERT_TRUE(made);
  EXPECT_EQ(find_made_volumes(sources_, there(), "another").error().code, Code::conflict);
  const auto again = find_made_volumes(sources_, there(), "as told");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(*read_file(made->at("seed").path) == *read_file(again->at("seed").path));
}

TEST_F(VolumeFiles, AHostDiskIsTheNodesFile) {
  const auto path = directory_.path() / "made" / "host.img";
  sources_.by_name = {{"host", source::HostFile{path, 0}}};
  EXPECT_EQ(make_volumes(sources_, here()).error().code, Code::not_found);
  sources_.by_name = {{"host", source::HostFile{path, 4096}}};
  ASSERT_TRUE(make_volumes(sources_, here()));
  EXPECT_EQ(std::filesystem::file_size(path), 4096U);
  EXPECT_FALSE(std::filesystem::exists(here())) << "nothing lies there";
  ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
  const auto refused = make_volumes(sources_, here());
  EXPECT_EQ(refused.error().code, Code::forbidden);
  EXPECT_NE(refused.error().message.find("chown 107:107"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace godwit::node
