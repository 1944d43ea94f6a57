#include "qemu/tpm.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.hpp"

namespace godwit::qemu {
namespace {

TEST(TpmCommand, HandsTheLockOverWhereItCan) {
  const TpmOptions options{.directory = "/vm", .state = "/shared/tpm", .incoming = true};
  const auto has = [](const std::vector<std::string>& line, const std::string& word) {
    return std::find(line.begin(), line.end(), word) != line.end();
  };
  EXPECT_TRUE(has(tpm_command(options, false), "type=unixio,path=/vm/tpm.sock,mode=0600"));
  EXPECT_TRUE(has(tpm_command(options, false), "dir=/shared/tpm,mode=0600"));
  EXPECT_FALSE(has(tpm_command(options, false), "--migration"));
  EXPECT_TRUE(has(tpm_command(options, true), "release-lock-outgoing,incoming"));
  EXPECT_TRUE(has(tpm_command({.directory = "/vm", .state = "/s"}, true), "release-lock-outgoing"));
}

class TpmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!run_checked({.argv = {"swtpm", "--version"}}, soon())) GTEST_SKIP() << "no swtpm here";
    auto made = TemporaryDirectory::create("godwit-tpm");
    ASSERT_TRUE(made);
    directory_.emplace(std::move(*made));
  }
  static Deadline soon() { return Deadline::after(std::chrono::seconds{20}); }
  [[nodiscard]] TpmOptions options() const {
    return {.directory = directory_->path(), .state = directory_->path() / "state"};
  }
  /// swtpm may write it a moment after it answers.
  [[nodiscard]] pid_t pid() const {
    pid_t found = 0;
    for (const Deadline deadline = soon(); found == 0 && !deadline.passed();)
      found = static_cast<pid_t>(std::atoi(read_file(directory_->path() / "swtpm.pid").value_or("0").c_str()));
    return found;
  }
  /// The process is no more, or waits to be reaped.
  [[nodiscard]] static bool ends(pid_t pid) {
    const Deadline deadline = soon();
    while (!deadline.passed()) {
      const auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
      if (!status || status->find(") Z ") != std::string::npos) return true;
    }
    return false;
  }
  std::optional<TemporaryDirectory> directory_;
};

TEST_F(TpmTest, EndsWithWhoStartedItUnlessItIsLeft) {
  pid_t pid_of_it = 0;
  {
    const auto tpm = TpmEmulator::start(options(), soon());
    ASSERT_TRUE(tpm) << tpm.error().message;
    pid_of_it = pid();
    ASSERT_GT(pid_of_it, 1);
  }
  EXPECT_TRUE(ends(pid_of_it));
}

TEST_F(TpmTest, ALeftOneIsFoundAndEnded) {
  {
    auto tpm = TpmEmulator::start(options(), soon());
    ASSERT_TRUE(tpm) << tpm.error().message;
    tpm->leave();
  }
  const pid_t left = pid();
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(left)) == false);
  end_tpm(directory_->path());
  EXPECT_TRUE(ends(left));
  EXPECT_FALSE(std::filesystem::exists(directory_->path() / "swtpm.pid"));
}

TEST_F(TpmTest, SaysWhyItDoesNotStart) {
  auto wrong = options();
  wrong.state = "/proc/nowhere";
  const auto tpm = TpmEmulator::start(wrong, soon());
  ASSERT_FALSE(tpm);
  EXPECT_NE(tpm.error().message.find("the TPM's state"), std::string::npos) << tpm.error().message;
}

}  // namespace
}  // namespace godwit::qemu
