#include "migrate/tunnel.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/log.hpp"
#include "migrate/tunnel_control.hpp"
#include "migrate/tunnel_ends.hpp"
#include "migrate/tunnel_sockets.hpp"

namespace godwit::migrate {
namespace {

Result<int> run_session(const TunnelSpec& spec, int event_fd, int stop_fd) {
  auto stop = StopSignal::create();
  if (!stop) return fail(stop.error());
  const bool listens = spec.mode == TunnelSpec::Mode::listen;
  const auto tls = TlsContext::create(listens, spec.certificate, spec.key, spec.ca);
  if (!tls) return fail(tls.error());
  Session session{spec, event_fd, std::move(*stop)};
  std::unique_ptr<ControlServer> control;
  if (!spec.control.empty()) {
    auto socket = listen_unix(spec.control, -1);
    if (!socket) return fail(socket.error());
    control = std::make_unique<ControlServer>(std::move(*socket), session);
  }
  const auto ran = listens ? run_listen(session, *tls, stop_fd) : run_dial(session, *tls, stop_fd);
  auto end = session.status();
  end["event"] = ran ? "end" : "failed";
  if (!ran) end["message"] = ran.error().message;
  end["exit"] = ran ? session.exit_status() : 1;
  session.publish(std::move(end));
  if (!ran) return fail(ran.error());
  return session.exit_status();
}

}  // namespace

int run_tunnel(const TunnelSpec& spec, int event_fd, int stop_fd) {
  // Writes to closed sockets are told by their result; our threads inherit the mask.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  const auto status = run_session(spec, event_fd, stop_fd);
  if (status) return *status;
  Log{"tunnel"}.error("{}", status.error().message);
  return 1;
}

int run_tunnel(int argc, char** argv) {
  const auto spec = parse_tunnel_arguments({argv, argv + argc});
  if (!spec) {
    Log{"tunnel"}.error("{}", spec.error().message);
    return 1;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const UniqueFd stop{::signalfd(-1, &ends, SFD_CLOEXEC)};
  return run_tunnel(*spec, STDOUT_FILENO, stop.get());
}

Result<TunnelClient> TunnelClient::connect(const std::filesystem::path& control, Deadline deadline) {
  auto fd = connect_unix(control, deadline, -1);
  if (!fd) return fail(fd.error());
  return TunnelClient{std::move(*fd)};
}

Result<json::Value> TunnelClient::next(Deadline deadline) {
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      auto value = json::parse(std::string_view{buffer_}.substr(0, end));
      buffer_.erase(0, end + 1);
      return value;
    }
    pollfd p{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&p, 1, deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Code::timeout, "the tunnel said nothing in time");
    std::array<char, 4096> chunk{};
    const auto n = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (n <= 0) return fail(Code::gone, "the tunnel has ended");
    buffer_.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

Result<> TunnelClient::send(const json::Value& command) {
  const auto line = json::write(command) + "\n";
  if (::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return fail_errno("command to the tunnel");
  return {};
}

}  // namespace godwit::migrate
