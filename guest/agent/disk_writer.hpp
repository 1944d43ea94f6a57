// Writes numbered, checksummed blocks to the data area with direct I/O; a block counts once it is flushed.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace godwit::guest {

class DiskWriter {
 public:
  explicit DiskWriter(std::uint64_t run) : run_{run} {}
  /// Blocks of 4 KiB per second; goes on after the last sequence number of this run.
  [[nodiscard]] std::string start(std::size_t blocks_per_second);
  /// Returns after the last block in flight has been flushed.
  [[nodiscard]] std::string stop();
  /// "running=yes run=… flushed=… errors=… longest_ms=… device=/dev/vda2": flushed = the last number safely on disk.
  [[nodiscard]] std::string describe() const;

 private:
  void work(const std::stop_token& stop, int fd, std::size_t blocks_per_second);
  const std::uint64_t run_;
  mutable std::mutex mutex_;
  std::string device_;
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> flushed_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<long long> longest_ms_{0};
  std::jthread thread_;
};

}  // namespace godwit::guest
