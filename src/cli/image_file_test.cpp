#include "cli/image_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "base/process.hpp"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

class ImageFile : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, std::string_view content) {
    const fs::path path = directory_.path() / name;
    EXPECT_TRUE(write_file(path, content));
    return path;
  }
  static int files_in(const fs::path& directory) {
    std::error_code ignored;
    return static_cast<int>(std::distance(fs::directory_iterator{directory, ignored}, fs::directory_iterator{}));
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::create("godwit-image");
  fs::path target_ = directory_.path() / "images" / "a" / "b" / "disk.img";
};

TEST_F(ImageFile, CopiesRawDisksSumsThemAndKeepsHoles) {
  const std::string content = "boot" + std::string(5'000'000, '\0') + "end";
  const auto image = install_image(write("disk", content), target_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->size_bytes, 5'000'007);
  EXPECT_EQ(read_file(target_).value(), content);
  struct stat info{};
  ASSERT_EQ(::stat(target_.c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1'000'000);
  const auto sum = run_program({.argv = {"sha256sum", target_}}, Deadline::after(std::chrono::seconds{20}));
  ASSERT_TRUE(sum);
  EXPECT_EQ(image->sha256, sum->out.substr(0, 64));
}

TEST_F(ImageFile, ReplacesTheDiskAsAWhole) {
  ASSERT_TRUE(install_image(write("one", "first and longer"), target_));
  ASSERT_TRUE(install_image(write("two", "second"), target_));
  EXPECT_EQ(read_file(target_).value(), "second");
  EXPECT_EQ(files_in(target_.parent_path()), 1);
}

TEST_F(ImageFile, SaysWhatIsNoDisk) {
  EXPECT_NE(install_image(write("empty", ""), target_).error().message.find("is empty"), std::string::npos);
  EXPECT_NE(install_image(directory_.path(), target_).error().message.find("is no file"), std::string::npos);
  EXPECT_NE(install_image(write("gz", "\x1f\x8b compressed"), target_).error().message.find("decompress"),
            std::string::npos);
  EXPECT_NE(install_image(write("vmdk", "KDMV rest"), target_).error().message.find("qemu-img convert"),
            std::string::npos);
  EXPECT_FALSE(install_image(directory_.path() / "absent", target_));
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(ImageFile, ConvertsQcow2AndRefusesADamagedOne) {
  const fs::path raw = write("raw", "boot" + std::string(3U << 20U, 'x'));
  const fs::path qcow2 = directory_.path() / "disk.qcow2";
  const auto made = run_program({.argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2}},
                                Deadline::after(std::chrono::seconds{60}));
  if (!made || !made->exit.ok()) GTEST_SKIP() << "no qemu-img here";
  const auto image = install_image(qcow2, target_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(read_file(target_).value().substr(0, (3U << 20U) + 4), read_file(raw).value());
  fs::resize_file(qcow2, fs::file_size(qcow2) / 2);
  const auto broken = install_image(qcow2, target_);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("is damaged"), std::string::npos) << broken.error().message;
  EXPECT_EQ(files_in(target_.parent_path()), 1) << "something is left beside the disk";
}

}  // namespace
}  // namespace godwit::cli
