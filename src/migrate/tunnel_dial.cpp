#include <poll.h>
#include <sys/eventfd.h>

#include <array>

#include "base/log.hpp"
#include "migrate/tunnel_channel.hpp"
#include "migrate/tunnel_ends.hpp"
#include "migrate/tunnel_sockets.hpp"
#include "migrate/tunnel_workers.hpp"

namespace godwit::migrate {
namespace {

constexpr auto connect_time = std::chrono::seconds{5};
constexpr auto tick = std::chrono::milliseconds{50};

/// The source's end: QEMU's connections come in on a unix socket, each gets a connection to the target.
class Dialer {
 public:
  Dialer(Session& session, const TlsContext& tls) : session_{session}, tls_{tls} {}

  Result<> run(int stop_fd) {
    auto heartbeat = open(Hello{session_.spec.token, true, 0}, session_.stop.fd());
    if (!heartbeat) return fail(heartbeat.error());
    const auto answer = heartbeat->read_line(Deadline::after(connect_time), session_.stop.fd());
    if (!answer || *answer != "ok") return fail(Code::unavailable, "the target's tunnel refused us");
    const auto listening = listen_unix(session_.spec.unix_socket, session_.spec.socket_uid);
    if (!listening) return fail(listening.error());
    session_.heard();
    session_.publish("connected");
    session_.ready = true;
    session_.publish("ready");
    const UniqueFd finish{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    {
      const std::jthread beating{[&] { keep_beating(std::move(*heartbeat), finish.get()); }};
      Workers workers;
      serve(listening->get(), stop_fd, workers);
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto n = ::write(finish.get(), &one, sizeof one);
    }
    return {};
  }

 private:
  Result<TlsStream> open(const Hello& hello, int stop) {
    const auto deadline = Deadline::after(connect_time);
    auto fd = connect_tcp(session_.spec.address, session_.spec.first_port, deadline, stop);
    if (!fd) return fail(fd.error());
    auto stream = TlsStream::handshake(tls_, std::move(*fd), session_.spec.peer_name, deadline, stop);
    if (!stream) return stream;
    if (auto sent = stream->write_all(write_hello(hello), deadline, stop); !sent) return fail(sent.error());
    return stream;
  }

  /// A lost heartbeat connection is dialled again: until the watch over silence gives up, the line may come back.
  void keep_beating(TlsStream first, int finish_fd) {
    auto end = beat(first, session_, finish_fd);
    while (end == HeartbeatEnd::lost && !session_.stop.raised()) {
      if (wait_fd(finish_fd, POLLIN, Deadline::after(std::chrono::milliseconds{250}), session_.stop.fd())) return;
      if (auto again = open(Hello{session_.spec.token, true, 0}, finish_fd)) end = beat(*again, session_, finish_fd);
    }
  }

  void serve(int listening_fd, int stop_fd, Workers& workers) {
    SilenceWatch silence{session_};
    int index = 0;
    int quiet = 0;  // ticks without an open channel after the last one
    while (!session_.stop.raised() && quiet < 3) {
      std::array<pollfd, 3> fds = {{{listening_fd, POLLIN, 0}, {session_.stop.fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
      const int n = ::poll(fds.data(), fds.size(), static_cast<int>(tick.count()));
      if (stop_fd >= 0 && fds[2].revents != 0) session_.stop.raise();
      if (fds[0].revents != 0) {
        if (auto local = accept_from(listening_fd)) take(std::move(*local), index++, workers);
      }
      workers.reap();
      silence.tick();
      const bool over = n == 0 && session_.all_channels() > 0 && session_.open_channels() == 0;
      quiet = over ? quiet + 1 : 0;
    }
  }

  void take(UniqueFd local, int index, Workers& workers) {
    session_.channel_opened(index);
    auto shared = std::make_shared<UniqueFd>(std::move(local));
    workers.start([this, shared, index] {
      auto end = ChannelEnd::local;
      if (auto stream = open(Hello{session_.spec.token, false, index}, session_.stop.fd())) {
        end = pump(*stream, std::move(*shared), session_);
      } else {
        log_.warning("channel {}: {}", index, stream.error().message);
        shared->reset();
      }
      session_.channel_ended(index, end);
    });
  }

  Session& session_;
  const TlsContext& tls_;
  Log log_{"tunnel"};
};

}  // namespace

Result<> run_dial(Session& session, const TlsContext& tls, int stop_fd) { return Dialer{session, tls}.run(stop_fd); }

}  // namespace godwit::migrate
