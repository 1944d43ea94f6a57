// A TCP session that the guest opens itself and keeps busy, so that migration is tested in this direction too.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace godwit::guest {

/// Sends a numbered line every 10 ms to a peer that echoes it (plainly, or as port 7 of a guest does), and checks what
/// comes back.
class Outbound {
 public:
  [[nodiscard]] std::string open(const std::string& address, std::uint16_t port);
  [[nodiscard]] std::string close();
  /// "state=open|closed|broken echoed=… longest_gap_ms=…"
  [[nodiscard]] std::string describe() const;

 private:
  void work(const std::stop_token& stop, int fd);
  std::mutex mutex_;
  std::atomic<const char*> state_{"closed"};
  std::atomic<std::uint64_t> echoed_{0};
  std::atomic<long long> longest_gap_ms_{0};
  std::jthread thread_;
};

}  // namespace godwit::guest
