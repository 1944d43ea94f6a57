#include "trial/probe.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>

#include "trial/client_socket.hpp"

namespace godwit::trial {
namespace {

constexpr std::uint16_t echo_port = 7;
constexpr std::uint16_t probe_port = 7001;
constexpr std::chrono::seconds patience{30};

}  // namespace

Result<std::unique_ptr<Probe>> Probe::start(const std::string& address) {
  auto socket = connect_udp(address, probe_port);
  if (!socket) return fail(socket.error());
  return std::unique_ptr<Probe>{new Probe{std::move(*socket)}};
}

Probe::Probe(UniqueFd socket) : socket_{std::move(socket)}, last_answer_{std::chrono::steady_clock::now()} {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void Probe::run(const std::stop_token& stop) {
  const UniqueFd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  itimerspec every{};
  every.it_interval.tv_nsec = every.it_value.tv_nsec = 1'000'000;
  ::timerfd_settime(timer.get(), 0, &every, nullptr);
  while (!stop.stop_requested()) {
    pollfd polled[2] = {{timer.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    ::poll(polled, 2, 100);
    std::uint64_t expirations = 0;
    if (::read(timer.get(), &expirations, sizeof expirations) == sizeof expirations)
      (void)::send(socket_.get(), "probe", 5, MSG_NOSIGNAL);
    char answer[64];
    bool answered = false;
    while (::recv(socket_.get(), answer, sizeof answer, 0) > 0) answered = true;
    if (!answered) continue;
    const Instant now = std::chrono::steady_clock::now();
    const std::lock_guard lock{mutex_};
    longest_ = std::max<Duration>(longest_, now - last_answer_);
    last_answer_ = now;
  }
}

double Probe::take_longest_gap() {
  const std::lock_guard lock{mutex_};
  const Duration open = std::chrono::steady_clock::now() - last_answer_;
  const Duration longest = std::max(std::exchange(longest_, Duration{}), open);
  return std::chrono::duration<double, std::milli>(longest).count();
}

Result<std::unique_ptr<Session>> Session::start(const std::string& address) {
  auto socket = connect_tcp(address, echo_port, Deadline::after(patience));
  if (!socket) return fail(socket.error());
  return std::unique_ptr<Session>{new Session{std::move(*socket)}};
}

Session::Session(UniqueFd socket) : socket_{std::move(socket)} {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void Session::run(const std::stop_token& stop) {
  LineSocket lines{std::move(socket_)};
  const auto end = [&](std::string why) {
    const std::lock_guard lock{mutex_};
    broken_ = std::move(why);
  };
  while (sleep_for(std::chrono::milliseconds{5}, stop)) {
    const std::uint64_t number = answers_ + 1;
    const std::string text = "line " + std::to_string(number);
    if (auto sent = lines.send(text); !sent) return end(sent.error().message);
    const auto answer = lines.receive(Deadline::after(patience));
    if (!answer) return end(answer.error().message);
    if (*answer != std::to_string(number) + " " + text)
      return end("line " + std::to_string(number) + " was answered \"" + *answer + "\"");
    answers_ = number;
  }
}

std::optional<std::string> Session::broken() const {
  const std::lock_guard lock{mutex_};
  return broken_;
}

}  // namespace godwit::trial
