// What a client of the guest notices: a datagram every millisecond, and a TCP session that stays open.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::trial {

/// Sends a datagram each millisecond and takes the longest time between two answers. Runs from start to destruction.
class Probe {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Probe>> start(const std::string& address);
  /// The longest gap since the last call, in milliseconds; the one that is open now counts.
  [[nodiscard]] double take_longest_gap();

 private:
  explicit Probe(UniqueFd socket);
  void run(const std::stop_token& stop);
  UniqueFd socket_;
  std::mutex mutex_;
  Instant last_answer_;
  Duration longest_{};
  std::jthread thread_;
};

/// A TCP session that sends a numbered line every 5 ms and checks each answer's number.
class Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> start(const std::string& address);
  /// Nothing while the session lives, else what ended it.
  [[nodiscard]] std::optional<std::string> broken() const;
  [[nodiscard]] std::uint64_t answers() const { return answers_; }

 private:
  explicit Session(UniqueFd socket);
  void run(const std::stop_token& stop);
  UniqueFd socket_;
  std::atomic<std::uint64_t> answers_ = 0;
  mutable std::mutex mutex_;
  std::optional<std::string> broken_;
  std::jthread thread_;
};

}  // namespace godwit::trial
