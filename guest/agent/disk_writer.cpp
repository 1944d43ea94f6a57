#include "disk_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "disk_layout.hpp"

namespace godwit::guest {
namespace {

using Time = std::chrono::steady_clock;

/// The data partition of the disk that carries our signature, whatever its place on the bus; "" when there is none.
std::string find_data_partition() {
  for (const char* bus : {"/dev/vd", "/dev/sd"}) {
    for (char letter = 'a'; letter <= 'h'; ++letter) {
      const std::string disk = std::string{bus} + letter;
      const int fd = open(disk.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      std::uint32_t signature = 0;
      const bool ours = pread(fd, &signature, sizeof signature, 440) == sizeof signature && signature == disk_signature;
      close(fd);
      if (ours) return disk + std::to_string(data_partition);
    }
  }
  return {};
}

}  // namespace

std::string DiskWriter::start(std::size_t blocks_per_second) {
  if (blocks_per_second == 0) return "error rate must be at least 1 block per second";
  (void)stop();
  const std::lock_guard lock{mutex_};
  device_ = find_data_partition();
  if (device_.empty()) return "error no disk of this image is attached";
  const int fd = open(device_.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) return "error " + device_ + ": " + std::strerror(errno);
  running_ = true;
  longest_ms_ = 0;
  thread_ =
      std::jthread{[this, fd, blocks_per_second](const std::stop_token& token) { work(token, fd, blocks_per_second); }};
  return "ok started device=" + device_ + " run=" + std::to_string(run_);
}

void DiskWriter::work(const std::stop_token& stop, int fd, std::size_t blocks_per_second) {
  alignas(block_size) static thread_local Block block;
  const auto interval = std::chrono::nanoseconds{std::chrono::seconds{1}} / static_cast<long>(blocks_per_second);
  auto due = Time::now();
  while (!stop.stop_requested()) {
    const std::uint64_t sequence = flushed_ + 1;
    fill_block(block, run_, sequence);
    const auto begun = Time::now();
    const auto at = static_cast<off_t>((sequence % block_count) * block_size);
    if (pwrite(fd, block.data(), block_size, at) == static_cast<ssize_t>(block_size) && fdatasync(fd) == 0) {
      flushed_ = sequence;
    } else {
      errors_ += 1;
    }
    const auto now = Time::now();
    longest_ms_ =
        std::max<long long>(longest_ms_, std::chrono::duration_cast<std::chrono::milliseconds>(now - begun).count());
    due = std::max(due + interval, now - std::chrono::seconds{1});
    std::this_thread::sleep_until(due);
  }
  close(fd);
}

std::string DiskWriter::stop() {
  {
    const std::lock_guard lock{mutex_};
    thread_ = {};
    running_ = false;
  }
  return "ok " + describe();
}

std::string DiskWriter::describe() const {
  const std::lock_guard lock{mutex_};
  return std::string{"running="} + (running_ ? "yes" : "no") + " run=" + std::to_string(run_) +
         " flushed=" + std::to_string(flushed_.load()) + " errors=" + std::to_string(errors_.load()) +
         " longest_ms=" + std::to_string(longest_ms_.load()) + " device=" + (device_.empty() ? "none" : device_);
}

}  // namespace godwit::guest
