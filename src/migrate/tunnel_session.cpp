#include "migrate/tunnel_session.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace godwit::migrate {

std::string_view name_of(ChannelEnd end) {
  switch (end) {
    case ChannelEnd::clean: return "clean";
    case ChannelEnd::truncated: return "truncated";
    case ChannelEnd::local: return "local";
    case ChannelEnd::aborted: return "aborted";
  }
  return "unknown";
}

Result<StopSignal> StopSignal::create() {
  UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return fail_errno("eventfd");
  return StopSignal{std::move(fd)};
}

void StopSignal::raise() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);
}

bool StopSignal::raised() const {
  pollfd p{fd_.get(), POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

void RateLimit::set(std::int64_t bytes_per_second) {
  const std::scoped_lock lock{mutex_};
  rate_ = std::max<std::int64_t>(bytes_per_second, 0);
  tokens_ = 0;
  filled_ = std::chrono::steady_clock::now();
}

std::size_t RateLimit::take(std::size_t wanted) {
  const std::scoped_lock lock{mutex_};
  if (rate_ == 0) return wanted;
  const auto now = std::chrono::steady_clock::now();
  const double rate = static_cast<double>(rate_);
  tokens_ = std::min(tokens_ + std::chrono::duration<double>(now - filled_).count() * rate, rate * 0.05 + 16384);
  filled_ = now;
  if (tokens_ < 1) return 0;
  const auto taken = std::min(wanted, static_cast<std::size_t>(tokens_));
  tokens_ -= static_cast<double>(taken);
  return taken;
}

void RateLimit::give_back(std::size_t bytes) {
  const std::scoped_lock lock{mutex_};
  tokens_ += static_cast<double>(bytes);
}

Session::Session(const TunnelSpec& tunnel, int event_fd, StopSignal stop_signal)
    : spec{tunnel}, stop{std::move(stop_signal)}, event_fd_{event_fd} {
  limit.set(spec.bytes_per_second);
}

void Session::publish(json::Object event) {
  const auto line = json::write(json::Value(std::move(event))) + "\n";
  const std::scoped_lock lock{mutex_};
  if (event_fd_ >= 0) {
    [[maybe_unused]] const auto n = ::write(event_fd_, line.data(), line.size());
  }
  // A client that doesn't read loses events rather than holding up the stream.
  for (const int fd : subscribers_) ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Session::subscribe(int fd) {
  auto now = status();
  now["event"] = "status";
  const auto line = json::write(json::Value(std::move(now))) + "\n";
  const std::scoped_lock lock{mutex_};
  ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (std::ranges::find(subscribers_, fd) == subscribers_.end()) subscribers_.push_back(fd);
}

void Session::unsubscribe(int fd) {
  const std::scoped_lock lock{mutex_};
  std::erase(subscribers_, fd);
}

json::Object Session::status() const {
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - begin_;
  json::Object out;
  out["mode"] = spec.mode == TunnelSpec::Mode::listen ? "listen" : "dial";
  out["port"] = port.load();
  out["ready"] = ready.load();
  out["channels"] = all_.load();
  out["openChannels"] = open_.load();
  out["uncleanChannels"] = unclean_.load();
  out["sentBytes"] = sent.load();
  out["receivedBytes"] = received.load();
  out["silenceMs"] = silence_ms();
  out["strangers"] = strangers.load();
  out["elapsedMs"] = static_cast<std::int64_t>(elapsed.count());
  return out;
}

std::int64_t Session::silence_ms() const {
  return (now_ns() - last_heard_ns_.load(std::memory_order_relaxed)) / 1000000;
}

void Session::channel_opened(int index) {
  ++open_;
  ++all_;
  publish(json::Object{{"event", "channel"}, {"index", index}, {"state", "open"}});
}

void Session::channel_ended(int index, ChannelEnd end) {
  if (end != ChannelEnd::clean) {
    ++unclean_;
    stop.raise();  // one channel cut short makes the others worthless: QEMU must not take theirs for whole
  }
  publish(json::Object{{"event", "channel"}, {"index", index}, {"state", name_of(end)}});
  --open_;
}

int Session::exit_status() const {
  if (gave_up) return 3;
  return all_ == 0 || unclean_ > 0 ? 2 : 0;
}

}  // namespace godwit::migrate
