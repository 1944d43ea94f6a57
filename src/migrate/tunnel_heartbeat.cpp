#include <poll.h>

#include <array>
#include <string_view>

#include "migrate/tunnel_ends.hpp"

namespace godwit::migrate {
namespace {

constexpr auto period = std::chrono::milliseconds{250};
constexpr auto patience = std::chrono::seconds{1};

}  // namespace

std::string write_hello(const Hello& hello) {
  return json::write(json::Object{
             {"token", hello.token}, {"kind", hello.heartbeat ? "heartbeat" : "channel"}, {"index", hello.index}}) +
         "\n";
}

Result<Hello> parse_hello(std::string_view line) {
  const auto value = json::parse(line);
  const auto kind = value ? json::string_at(*value, "/kind") : std::string{};
  if (kind != "heartbeat" && kind != "channel") return fail(Code::bad_request, "not a tunnel's greeting");
  return Hello{json::string_at(*value, "/token"), kind == "heartbeat",
               static_cast<int>(json::int_at(*value, "/index"))};
}

HeartbeatEnd beat(TlsStream& stream, Session& session, int finish_fd) {
  auto next = std::chrono::steady_clock::now();
  while (true) {
    if (std::chrono::steady_clock::now() >= next) {
      // A ping that doesn't fit means that the line is stuck: the watch over silence decides, not we.
      if (!stream.write_all("ping\n", Deadline::after(period), session.stop.fd()) && session.stop.raised())
        return HeartbeatEnd::stopped;
      next = std::chrono::steady_clock::now() + period;
    }
    std::array<char, 512> text{};
    std::size_t n = 0;
    const auto io = stream.read(text, n);
    if (n > 0) session.heard();
    if (std::string_view{text.data(), n}.find("bye") != std::string_view::npos) return HeartbeatEnd::bye;
    if (io == Io::broken || io == Io::ended) return HeartbeatEnd::lost;
    std::array<pollfd, 3> fds = {{{stream.fd(), POLLIN, 0}, {session.stop.fd(), POLLIN, 0}, {finish_fd, POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - std::chrono::steady_clock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(left > 0 ? left : 0));
    if (fds[1].revents != 0) return HeartbeatEnd::stopped;
    if (finish_fd >= 0 && fds[2].revents != 0) {
      if (stream.write_all("bye\n", Deadline::after(patience), session.stop.fd())) (void)stream.finish_writing();
      return HeartbeatEnd::done;
    }
  }
}

void SilenceWatch::tick() {
  const auto silence = session_.silence_ms();
  if (silence >= session_.spec.give_up_ms) {
    session_.gave_up = true;
    session_.publish(json::Object{{"event", "gave-up"}, {"ms", silence}});
    session_.stop.raise();
  } else if (silence >= session_.spec.silence_ms && !reported_) {
    reported_ = true;
    session_.publish(json::Object{{"event", "silent"}, {"ms", silence}});
  } else if (silence < session_.spec.silence_ms && reported_) {
    reported_ = false;
    session_.publish("heard");
  }
}

}  // namespace godwit::migrate
