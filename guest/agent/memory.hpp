// Guest memory under test: a pattern that must not change, and a dirtier that changes its pages at a set rate.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace godwit::guest {

/// Memory of its own mapping, given back when the owner goes.
class Region {
 public:
  /// Empty (size 0) when the kernel has not that much.
  explicit Region(std::size_t bytes);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();
  [[nodiscard]] std::uint64_t* words() const { return words_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }
  [[nodiscard]] std::size_t word_count() const { return bytes_ / sizeof(std::uint64_t); }

 private:
  std::uint64_t* words_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Calls from any thread; one at a time.
class Pattern {
 public:
  [[nodiscard]] std::string set(std::size_t mib, std::uint64_t seed);
  [[nodiscard]] std::string verify();
  [[nodiscard]] std::string clear();

 private:
  std::mutex mutex_;
  std::unique_ptr<Region> region_;
  std::uint64_t seed_ = 0;
};

/// Writes one word into each page of a region, round and round. Each word says which round wrote it, and is checked
/// before it is overwritten: a page that migration brought in an old version is an error.
class Dirtier {
 public:
  [[nodiscard]] std::string start(std::size_t region_mb, std::size_t rate_mb_s);
  [[nodiscard]] std::string stop();
  [[nodiscard]] std::string describe() const;

 private:
  void work(const std::stop_token& stop, std::size_t rate_mb_s);
  std::mutex mutex_;
  std::unique_ptr<Region> region_;
  std::atomic<std::uint64_t> pages_written_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::size_t> region_mb_{0};
  std::atomic<std::size_t> rate_mb_s_{0};
  std::jthread thread_;
};

}  // namespace godwit::guest
