// The guest's disk, as bytes: where the data area lies in the image, and what a block of the disk writer looks like.
// Shared by the writer inside the guest and the verifier outside; guest/README.md describes it in words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace godwit::guest {

inline constexpr std::uint32_t disk_signature = 0x54574447;  ///< "GDWT" at byte 440 of the disk
inline constexpr int data_partition = 2;
inline constexpr std::uint64_t data_offset = 32ULL << 20;  ///< bytes from the start of the disk
inline constexpr std::uint64_t data_size = 32ULL << 20;
inline constexpr std::size_t block_size = 4096;
inline constexpr std::uint64_t block_count = data_size / block_size;
inline constexpr std::uint64_t block_magic = 0x31424b5444574f47;

using Block = std::array<std::byte, block_size>;

/// The first bytes of a block, little-endian; the rest but the last eight bytes is filler, made from run and sequence.
struct BlockHeader {
  std::uint64_t magic = block_magic;
  std::uint64_t run = 0;       ///< random number of the guest program's start
  std::uint64_t sequence = 0;  ///< from 1; block `sequence` lies in slot `sequence % block_count`
};

/// FNV-1a over whole words: cheap for an emulated CPU, and every bit of the block counts.
[[nodiscard]] inline std::uint64_t checksum_of(std::span<const std::byte, block_size> block) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (std::size_t at = 0; at + 8 < block_size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, block.data() + at, 8);
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 29;
  }
  return sum;
}

inline void fill_block(std::span<std::byte, block_size> block, std::uint64_t run, std::uint64_t sequence) {
  const BlockHeader header{.run = run, .sequence = sequence};
  std::memcpy(block.data(), &header, sizeof header);
  std::uint64_t word = run ^ (sequence * 0x9e3779b97f4a7c15);
  for (std::size_t at = sizeof header; at + 8 < block_size; at += 8) {
    word = word * 6364136223846793005 + 1442695040888963407;
    std::memcpy(block.data() + at, &word, 8);
  }
  const std::uint64_t sum = checksum_of(block);
  std::memcpy(block.data() + block_size - 8, &sum, 8);
}

enum class BlockState : unsigned char { empty, valid, damaged };

/// Reads a block back. `empty`: never written (no magic); `damaged`: written, but not as the writer wrote it.
[[nodiscard]] inline BlockState read_block(std::span<const std::byte, block_size> block, BlockHeader& header) {
  std::memcpy(&header, block.data(), sizeof header);
  if (header.magic != block_magic) return BlockState::empty;
  std::uint64_t sum = 0;
  std::memcpy(&sum, block.data() + block_size - 8, 8);
  return sum == checksum_of(block) ? BlockState::valid : BlockState::damaged;
}

}  // namespace godwit::guest
