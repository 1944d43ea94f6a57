// A counter that lives in memory only: it rises every 10 ms while the guest runs, and proves that its memory moved
// along.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace godwit::guest {

class Heartbeat {
 public:
  Heartbeat();
  /// "count=… intact=yes run=…": intact while the counter and its complement, kept in another page, agree.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::uint64_t run() const { return run_; }

 private:
  void beat(const std::stop_token& stop);
  const std::uint64_t run_;
  alignas(4096) std::atomic<std::uint64_t> count_{0};
  alignas(4096) std::atomic<std::uint64_t> complement_{~std::uint64_t{0}};
  alignas(4096) std::atomic<bool> intact_{true};
  std::jthread thread_;
};

}  // namespace godwit::guest
