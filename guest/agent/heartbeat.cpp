#include "heartbeat.hpp"

#include <sys/random.h>

#include <chrono>

namespace godwit::guest {
namespace {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, GRND_INSECURE) != sizeof number) {
    number = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return number;
}

}  // namespace

Heartbeat::Heartbeat() : run_{random_number()}, thread_{[this](const std::stop_token& stop) { beat(stop); }} {}

void Heartbeat::beat(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    const std::uint64_t count = count_.load();
    if (complement_.load() != ~count) intact_ = false;
    complement_ = ~(count + 1);
    count_ = count + 1;
  }
}

std::string Heartbeat::describe() const {
  return "count=" + std::to_string(count_.load()) + " intact=" + (intact_ ? "yes" : "no") +
         " run=" + std::to_string(run_);
}

}  // namespace godwit::guest
