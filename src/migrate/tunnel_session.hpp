// What the threads of one tunnel process share: counters, the clock of the peer's last word, the stop, the subscribers.
// Private.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "json/value.hpp"
#include "migrate/tunnel.hpp"

namespace godwit::migrate {

enum class ChannelEnd : std::uint8_t {
  clean,      ///< both ways closed in order
  truncated,  ///< the peer's stream broke: QEMU's connection was cut
  local,      ///< QEMU's connection broke: the peer's was reset
  aborted,    ///< told to stop, or the peer was silent for too long
};
[[nodiscard]] std::string_view name_of(ChannelEnd end);

/// A descriptor that becomes readable once and stays so: what every blocking call of the tunnel waits for besides.
class StopSignal {
 public:
  [[nodiscard]] static Result<StopSignal> create();
  void raise() const;
  [[nodiscard]] bool raised() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit StopSignal(UniqueFd fd) : fd_{std::move(fd)} {}
  UniqueFd fd_;
};

/// Exact share of bandwidth over all channels: a bucket that holds 50 ms worth.
class RateLimit {
 public:
  void set(std::int64_t bytes_per_second);
  /// How many bytes may be taken now, at most `wanted`; 0: ask again in a few milliseconds.
  [[nodiscard]] std::size_t take(std::size_t wanted);
  void give_back(std::size_t bytes);

 private:
  std::mutex mutex_;
  std::int64_t rate_ = 0;
  double tokens_ = 0;
  Instant filled_ = std::chrono::steady_clock::now();
};

class Session {
 public:
  Session(const TunnelSpec& spec, int event_fd, StopSignal stop);

  void publish(json::Object event);
  void publish(std::string_view event) { publish(json::Object{{"event", event}}); }
  /// A client of the control socket: gets the status, then every event. Its descriptor stays the caller's.
  void subscribe(int fd);
  void unsubscribe(int fd);
  [[nodiscard]] json::Object status() const;

  void heard() { last_heard_ns_.store(now_ns(), std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t silence_ms() const;

  void channel_opened(int index);
  void channel_ended(int index, ChannelEnd end);
  [[nodiscard]] int open_channels() const { return open_.load(); }
  [[nodiscard]] int all_channels() const { return all_.load(); }
  /// 0, 2 or 3: see run_tunnel.
  [[nodiscard]] int exit_status() const;

  const TunnelSpec spec;
  const StopSignal stop;
  RateLimit limit;
  std::atomic<std::uint64_t> sent{0};      ///< bytes from QEMU to the peer
  std::atomic<std::uint64_t> received{0};  ///< bytes from the peer to QEMU
  std::atomic<std::uint32_t> strangers{0};
  std::atomic<bool> gave_up{false};
  std::atomic<int> port{0};        ///< listen: once it listens
  std::atomic<bool> ready{false};  ///< dial: QEMU may connect

 private:
  static std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
  const int event_fd_;
  const Instant begin_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> last_heard_ns_{now_ns()};
  std::atomic<int> open_{0};
  std::atomic<int> all_{0};
  std::atomic<int> unclean_{0};
  mutable std::mutex mutex_;  ///< guards subscribers_ and the order of lines
  std::vector<int> subscribers_;
};

}  // namespace godwit::migrate
