#include "trial/disk_verifier.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "disk_layout.hpp"

namespace godwit::trial {
namespace {

constexpr std::uint64_t run = 77;

/// A disk image that the guest's writer has written to.
class DiskVerifier : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::create();
    ASSERT_TRUE(made);
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*made));
    image_ = directory_->path() / "disk.img";
    fd_.reset(::open(image_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(guest::data_offset + guest::data_size)), 0);
  }

  void write(std::uint64_t sequence, std::uint64_t of_run = run) {
    guest::Block block;
    guest::fill_block(block, of_run, sequence);
    ASSERT_EQ(::pwrite(fd_.get(), block.data(), block.size(), offset(sequence)), 4096);
  }
  void write_up_to(std::uint64_t last) {
    for (std::uint64_t sequence = 1; sequence <= last; ++sequence) write(sequence);
  }
  void spoil(std::uint64_t sequence) { ASSERT_EQ(::pwrite(fd_.get(), "x", 1, offset(sequence) + 2000), 1); }
  [[nodiscard]] DiskFindings verify(std::uint64_t flushed) const {
    const auto findings = verify_disk(image_, run, flushed);
    EXPECT_TRUE(findings);
    return findings.value_or(DiskFindings{});
  }
  static off_t offset(std::uint64_t sequence) {
    return static_cast<off_t>(guest::data_offset + sequence % guest::block_count * guest::block_size);
  }

  std::unique_ptr<TemporaryDirectory> directory_;
  std::filesystem::path image_;
  UniqueFd fd_;
};

TEST_F(DiskVerifier, AcceptsWhatWasFlushed) {
  write_up_to(100);
  EXPECT_TRUE(verify(100).intact());
  EXPECT_EQ(verify(100).blocks, 100U);
}

TEST_F(DiskVerifier, AcceptsABlockBeyondTheLastFlushedOneEvenHalfWritten) {
  write_up_to(101);
  EXPECT_TRUE(verify(100).intact());
  spoil(101);
  EXPECT_TRUE(verify(100).intact());
}

TEST_F(DiskVerifier, MissesALostBlock) {
  write_up_to(99);
  EXPECT_EQ(verify(100).missing, 1U);
}

TEST_F(DiskVerifier, SeesDamage) {
  write_up_to(100);
  spoil(50);
  EXPECT_EQ(verify(100).damaged, 1U);
  EXPECT_FALSE(verify(100).intact());
}

TEST_F(DiskVerifier, SeesAnOldVersionOfAReusedSlot) {
  write_up_to(guest::block_count + 10);
  EXPECT_TRUE(verify(guest::block_count + 10).intact());
  write(5);  // where block_count + 5 should be
  EXPECT_EQ(verify(guest::block_count + 10).missing, 1U);
}

TEST_F(DiskVerifier, IgnoresEarlierRuns) {
  for (std::uint64_t sequence = 1; sequence < 50; ++sequence) write(sequence, run + 1);
  write_up_to(10);
  EXPECT_TRUE(verify(10).intact());
  EXPECT_EQ(verify(10).blocks, 10U);
}

TEST_F(DiskVerifier, NamesAnImageThatIsTooShort) {
  ASSERT_EQ(::ftruncate(fd_.get(), 4096), 0);
  const auto findings = verify_disk(image_, run, 1);
  ASSERT_FALSE(findings);
  EXPECT_NE(findings.error().message.find("too short"), std::string::npos);
}

}  // namespace
}  // namespace godwit::trial
