#include "trial/disk_verifier.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <span>
#include <vector>

#include "base/unique_fd.hpp"
#include "disk_layout.hpp"

namespace godwit::trial {

Result<DiskFindings> verify_disk(const std::filesystem::path& image, std::uint64_t run, std::uint64_t flushed) {
  const UniqueFd fd{::open(image.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return fail_errno(image.string());
  std::vector<std::byte> area(guest::data_size);
  if (::pread(fd.get(), area.data(), area.size(), static_cast<off_t>(guest::data_offset)) !=
      static_cast<ssize_t>(area.size())) {
    return fail(Code::invalid, image.string() + " is too short for the guest's data area");
  }
  DiskFindings findings;
  std::vector<bool> present(guest::block_count);
  for (std::uint64_t slot = 0; slot < guest::block_count; ++slot) {
    const std::span<const std::byte, guest::block_size> block{area.data() + slot * guest::block_size,
                                                              guest::block_size};
    guest::BlockHeader header;
    const guest::BlockState state = guest::read_block(block, header);
    if (state == guest::BlockState::empty || (state == guest::BlockState::valid && header.run != run)) continue;
    // The block after the last flushed one may be half written: nobody was told that it is there.
    if (state == guest::BlockState::damaged) {
      if (slot != (flushed + 1) % guest::block_count) ++findings.damaged;
      continue;
    }
    if (header.sequence % guest::block_count != slot) {
      ++findings.damaged;
      continue;
    }
    const bool recent = header.sequence + guest::block_count > flushed;
    if (recent) {
      present[slot] = true;
      ++findings.blocks;
    }
  }
  const std::uint64_t oldest = flushed > guest::block_count ? flushed - guest::block_count + 1 : 1;
  for (std::uint64_t sequence = oldest; sequence <= flushed; ++sequence) {
    if (!present[sequence % guest::block_count]) ++findings.missing;
  }
  return findings;
}

}  // namespace godwit::trial
