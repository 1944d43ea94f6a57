#include <poll.h>

#include <array>

#include "base/log.hpp"
#include "migrate/tunnel_channel.hpp"
#include "migrate/tunnel_ends.hpp"
#include "migrate/tunnel_sockets.hpp"
#include "migrate/tunnel_workers.hpp"

namespace godwit::migrate {
namespace {

constexpr auto greeting_time = std::chrono::seconds{5};
constexpr std::size_t most_connections = 128;  // strangers included: they are dropped after greeting_time

/// The target's end: takes connections, tells the peer from strangers, joins channels to QEMU's incoming socket.
class Listener {
 public:
  Listener(Session& session, const TlsContext& tls) : session_{session}, tls_{tls} {}

  Result<> run(int stop_fd) {
    auto listening = listen_tcp(session_.spec.address, session_.spec.first_port, session_.spec.last_port);
    if (!listening) return fail(listening.error());
    session_.port = listening->second;
    session_.publish(json::Object{{"event", "listening"}, {"port", listening->second}});
    SilenceWatch silence{session_};
    Workers workers;
    while (!session_.stop.raised() && !finished()) {
      std::array<pollfd, 3> fds = {
          {{listening->first.get(), POLLIN, 0}, {session_.stop.fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), 100);
      if (stop_fd >= 0 && fds[2].revents != 0) session_.stop.raise();
      if (fds[0].revents != 0) take(listening->first.get(), workers);
      workers.reap();
      if (peer_known_) silence.tick();
    }
    if (!session_.stop.raised()) session_.stop.raise();  // strangers that are still shaking hands
    return {};
  }

 private:
  /// All channels have ended and the peer's heartbeat with them.
  [[nodiscard]] bool finished() const {
    return session_.all_channels() > 0 && session_.open_channels() == 0 && heartbeats_ == 0 && greeting_ == 0;
  }

  void take(int listening_fd, Workers& workers) {
    auto fd = accept_from(listening_fd);
    if (!fd || workers.count() >= most_connections) return;
    tune_tcp(fd->get());
    ++greeting_;
    auto shared = std::make_shared<UniqueFd>(std::move(*fd));
    workers.start([this, shared] { serve(std::move(*shared)); });
  }

  void serve(UniqueFd fd) {
    const auto from = peer_of(fd.get());
    const auto deadline = Deadline::after(greeting_time);
    auto stream = TlsStream::handshake(tls_, std::move(fd), session_.spec.peer_name, deadline, session_.stop.fd());
    const auto hello = !stream ? Result<Hello>{fail(stream.error())} : greet(*stream, deadline);
    if (!hello) {
      --greeting_;
      if (hello.error().code == Code::cancelled) return;
      ++session_.strangers;
      session_.publish(json::Object{{"event", "stranger"}, {"peer", from}, {"why", hello.error().message}});
      return;
    }
    session_.heard();
    peer_known_ = true;
    if (hello->heartbeat) {
      ++heartbeats_;
      --greeting_;
      if (stream->write_all("ok\n", deadline, session_.stop.fd())) {
        session_.publish("connected");
        (void)beat(*stream, session_, -1);
      }
      --heartbeats_;
    } else {
      serve_channel(*stream, hello->index);
    }
  }

  Result<Hello> greet(TlsStream& stream, Deadline deadline) {
    const auto line = stream.read_line(deadline, session_.stop.fd());
    if (!line) return fail(line.error());
    auto hello = parse_hello(*line);
    if (hello && hello->token != session_.spec.token) return fail(Code::forbidden, "the peer means another migration");
    return hello;
  }

  void serve_channel(TlsStream& stream, int index) {
    auto local = connect_unix(session_.spec.unix_socket, Deadline::after(greeting_time), session_.stop.fd());
    session_.channel_opened(index);
    --greeting_;
    if (!local) {
      log_.warning("channel {}: {}", index, local.error().message);
      stream.reset();
    }
    const auto end = local ? pump(stream, std::move(*local), session_) : ChannelEnd::local;
    // The socket must be closed before the channel counts as ended: then the whole tunnel may be, too.
    {
      const TlsStream closing = std::move(stream);
    }
    session_.channel_ended(index, end);
  }

  Session& session_;
  const TlsContext& tls_;
  Log log_{"tunnel"};
  std::atomic<int> greeting_{0};
  std::atomic<int> heartbeats_{0};
  std::atomic<bool> peer_known_{false};
};

}  // namespace

Result<> run_listen(Session& session, const TlsContext& tls, int stop_fd) {
  return Listener{session, tls}.run(stop_fd);
}

}  // namespace godwit::migrate
