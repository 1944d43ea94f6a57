#include "storage/instance_disks.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "storage/files_disk.hpp"
#include "storage/volumes.hpp"

namespace godwit::storage {
namespace {

using Names = std::vector<std::string>;

TEST(ImageCandidates, AreTriedFromTheWholeToThePart) {
  EXPECT_EQ(image_candidates("godwit/tiny"), (Names{"godwit/tiny", "tiny"}));
  EXPECT_EQ(image_candidates("quay.io:5000/containerdisks/fedora:40"),
            (Names{"containerdisks/fedora-40", "containerdisks/fedora", "fedora-40", "fedora"}));
  EXPECT_EQ(image_candidates("reg.example/a/b/c@sha256:0123"), (Names{"b/c", "c"}));
  EXPECT_TRUE(image_candidates("../../etc/passwd/..").empty() || image_candidates("../x") == Names{"x"});
  EXPECT_TRUE(image_candidates("").empty());
}

class InstanceDisks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "disks belong to QEMU's user: only root can make them";
    ASSERT_TRUE(make_instance_directory(here()));
  }
  std::filesystem::path root() const { return directory_.path(); }
  std::filesystem::path here() const { return instance_directory(root(), "u1"); }
  TemporaryDirectory directory_ = *TemporaryDirectory::create();
};

TEST_F(InstanceDisks, AnOverlayKeepsTheImageThatItBeganWith) {
  const auto image = image_path(root(), "tiny");
  ASSERT_TRUE(make_directory(image.parent_path()));
  ASSERT_TRUE(write_file(image, std::string(1 << 20, 'a')));
  const auto overlay = here() / "root.qcow2";
  const auto made = make_overlay_of_image(image, overlay);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(write_file(image, std::string(1 << 20, 'b')));  // imported anew: another file
  EXPECT_EQ((*read_file(base_of(overlay)))[0], 'a');
  const auto info =
      run_checked({.argv = {"qemu-img", "info", "--output=json", overlay}}, Deadline::after(std::chrono::seconds{20}));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_NE(info->find("\"virtual-size\": 1048576"), std::string::npos) << *info;
  struct stat file{};
  ASSERT_EQ(::stat(overlay.c_str(), &file), 0);
  EXPECT_EQ(file.st_uid, qemu_user);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
}

TEST_F(InstanceDisks, WhatFailsLeavesNothing) {
  EXPECT_FALSE(make_overlay_of_image(root() / "nothing", here() / "root.qcow2"));
  EXPECT_FALSE(make_files_disk(here() / "x.iso", {.label = "x", .files = {{"../y", ""}}}));
  EXPECT_FALSE(make_files_disk(here() / "x.iso", {.label = std::string(33, 'l'), .files = {}}));
  EXPECT_TRUE(std::filesystem::is_empty(here()));
}

TEST_F(InstanceDisks, AreListedAndRemoved) {
  ASSERT_TRUE(make_empty_disk(here() / "scratch.raw", 1 << 20));
  EXPECT_EQ(std::filesystem::file_size(here() / "scratch.raw"), 1U << 20);
  EXPECT_EQ(list_instances(root()), Names{"u1"});
  EXPECT_TRUE(remove_instance(root(), "u1"));
  EXPECT_TRUE(list_instances(root()).empty());
  EXPECT_TRUE(remove_instance(root(), "u1"));
  EXPECT_FALSE(remove_instance(root(), ".."));
  EXPECT_FALSE(make_instance_directory(root() / "instances" / ".."));
}

FilesDisk config_drive() {
  FilesDisk disk{.label = "config-2", .files = {}};
  for (int i = 9; i > 0; --i) disk.files["openstack/latest/file_" + std::to_string(i)] = "content " + std::to_string(i);
  disk.files["meta-data"] = "{}";
  return disk;
}

TEST_F(InstanceDisks, FilesGiveTheSameBytesAnywhereAndAnyTime) {
  const auto one = here() / "one.iso";
  ASSERT_TRUE(make_files_disk(one, config_drive()));
  // Elsewhere: other inodes in another order, another zone, another umask, another second.
  const auto other = TemporaryDirectory::create();
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(write_file(other->path() / std::to_string(i), "x"));
  for (int i = 6; i >= 0; i -= 2) std::filesystem::remove(other->path() / std::to_string(i));
  ::setenv("TZ", "Pacific/Chatham", 1);
  const mode_t mask = ::umask(0077);
  (void)sleep_for(std::chrono::milliseconds{1100}, {});
  const auto made = make_files_disk(other->path() / "two.iso", config_drive());
  ::umask(mask);
  ::unsetenv("TZ");
  ASSERT_TRUE(made) << made.error().message;
  const std::string bytes = *read_file(one);
  EXPECT_TRUE(bytes == *read_file(other->path() / "two.iso"));
  EXPECT_EQ(bytes.find("XORRISO"), std::string::npos) << "its version would differ between hosts";
  EXPECT_EQ(bytes.find("LIBISO"), std::string::npos);
  EXPECT_EQ(bytes.substr(32808, 8), "config-2");
  std::size_t last = 0;
  for (int i = 1; i < 10; ++i) {  // by name, not by inode
    const auto at = bytes.find("content " + std::to_string(i));
    ASSERT_NE(at, std::string::npos);
    EXPECT_GT(at, last);
    last = at;
  }
}

TEST_F(InstanceDisks, FilesLieInTheOrderOfTheirNamesWhateverTheirInodes) {
  FilesDisk disk{.label = "cidata", .files = {}};
  for (const char* name : {"a", "b", "c", "d"}) disk.files[name] = std::string(3000, name[0]);
  std::vector<std::string> images;
  for (const std::string order : {"abcd", "dcba"}) {
    const auto tree = root() / order;
    ASSERT_TRUE(make_directory(tree));
    for (const char c : order) ASSERT_TRUE(write_file(tree / std::string(1, c), std::string(3000, c)));
    const auto out = root() / (order + ".iso");
    ASSERT_TRUE(run_checked(image_program(tree, out, disk), Deadline::after(std::chrono::seconds{20})));
    images.push_back(*read_file(out));
  }
  EXPECT_TRUE(images[0] == images[1]);
}

TEST_F(InstanceDisks, FilesKeepTheirLongNames) {
  ASSERT_TRUE(
      make_files_disk(here() / "x.iso", {.label = "cfgdata", .files = {{"a-rather-long.name_With.Capitals", "v"}}}));
  const auto list = run_checked({.argv = {"xorriso", "-indev", here() / "x.iso", "-find", "/", "-type", "f"}},
                                Deadline::after(std::chrono::seconds{20}));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_NE(list->find("'/a-rather-long.name_With.Capitals'"), std::string::npos) << *list;
}

TEST(Fingerprint, TellsContentsApart) {
  const FilesDisk disk{.label = "cidata", .files = {{"a", "bc"}}};
  EXPECT_EQ(fingerprint(disk), fingerprint(disk));
  EXPECT_EQ(fingerprint(disk).size(), 64U);
  EXPECT_NE(fingerprint(disk), fingerprint({.label = "cidata", .files = {{"ab", "c"}}}));
  EXPECT_NE(fingerprint(disk), fingerprint({.label = "cidatA", .files = {{"a", "bc"}}}));
}

}  // namespace
}  // namespace godwit::storage
