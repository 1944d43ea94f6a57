// vnc: the guest's screen behind a local address, and a viewer in front of it.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <list>
#include <thread>

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "cli/guest_stream.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// One viewer's connection: bytes both ways until either side ends.
class Relay {
 public:
  Relay(UniqueFd viewer, std::unique_ptr<http::WebSocket> guest)
      : viewer_{std::move(viewer)},
        guest_{std::move(guest)},
        to_viewer_{[this] { from_guest(); }},
        to_guest_{[this] { from_viewer(); }} {}
  ~Relay() { end(); }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  [[nodiscard]] bool over() const { return over_; }

 private:
  void end() {
    over_ = true;
    ::shutdown(viewer_.get(), SHUT_RDWR);
    guest_->close();
  }

  void from_guest() {
    for (;;) {
      const auto message = guest_->receive(Deadline::never());
      if (!message || !*message) break;
      std::string_view rest = **message;
      while (!rest.empty()) {
        const ssize_t n = ::send(viewer_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n <= 0) return end();
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    end();
  }

  void from_viewer() {
    char buffer[65536];
    for (;;) {
      const ssize_t n = ::recv(viewer_.get(), buffer, sizeof buffer, 0);
      if (n <= 0 || !guest_->send({buffer, static_cast<std::size_t>(n)})) break;
    }
    end();
  }

  UniqueFd viewer_;
  std::unique_ptr<http::WebSocket> guest_;
  std::atomic<bool> over_ = false;
  std::jthread to_viewer_;
  std::jthread to_guest_;
};

struct Listener {
  UniqueFd fd;
  int port = 0;
};

Result<Listener> listen_here(int port) {
  Listener made{.fd = UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}};
  if (!made.fd) return fail_errno("socket");
  const int on = 1;
  ::setsockopt(made.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(made.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(made.fd.get(), 4) != 0)
    return fail_errno(fmt::format("127.0.0.1:{}", port));
  socklen_t length = sizeof address;
  if (::getsockname(made.fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return fail_errno("socket");
  made.port = ntohs(address.sin_port);
  return made;
}

bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& directory : split(path == nullptr ? "" : path, ':')) {
    if (::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

/// The viewer to run, or nothing when none is installed.
std::vector<std::string> viewer_for(int port) {
  if (in_path("remote-viewer")) return {"remote-viewer", fmt::format("vnc://127.0.0.1:{}", port)};
  for (const char* viewer : {"xtigervncviewer", "vncviewer"}) {
    if (in_path(viewer)) return {viewer, fmt::format("127.0.0.1::{}", port)};
  }
  if (in_path("gvncviewer")) return {"gvncviewer", fmt::format("127.0.0.1:{}", port - 5900)};
  return {};
}

Result<UniqueFd> ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  UniqueFd fd{::signalfd(-1, &set, SFD_CLOEXEC)};
  if (!fd) return fail_errno("signalfd");
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return fd;
}

/// Serves viewers until a signal, or until the viewer that we started has ended.
Result<> serve(const Session& session, const std::string& name, const Listener& listener, int signals,
               const Process* viewer) {
  std::list<Relay> relays;
  for (;;) {
    pollfd watched[] = {
        {listener.fd.get(), POLLIN, 0}, {signals, POLLIN, 0}, {viewer == nullptr ? -1 : viewer->pidfd(), POLLIN, 0}};
    if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR) return fail_errno("poll");
    if (watched[1].revents != 0 || watched[2].revents != 0) return {};
    if (watched[0].revents == 0) continue;
    relays.remove_if([](const Relay& relay) { return relay.over(); });
    UniqueFd client{::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!client) continue;
    auto guest = open_stream(session, name, "vnc");  // anew for each viewer: the guest may have moved
    if (guest) {
      relays.emplace_back(std::move(client), std::move(*guest));
    } else {
      fmt::print(stderr, "godwit: vnc {}: {}\n", name, guest.error().message);
    }
  }
}

}  // namespace

Result<> vnc(const Session& session, const VncOptions& options) {
  // Asked once without a viewer, so that a refusal is told at once.
  if (auto first = open_stream(session, options.name, "vnc"); !first) return fail(first.error());
  auto listener = listen_here(options.port);
  if (!listener) return fail(listener.error());
  const auto signals = ending_signals();
  if (!signals) return fail(signals.error());
  const auto command = options.proxy_only ? std::vector<std::string>{} : viewer_for(listener->port);
  if (options.proxy_only || command.empty()) {
    if (!options.proxy_only) fmt::print(stderr, "godwit: no viewer is installed; connect one, Ctrl-C ends\n");
    print_answer(session.format, fmt::format("127.0.0.1:{}\n", listener->port),
                 json::Object{{"address", "127.0.0.1"}, {"port", listener->port}});
    std::fflush(stdout);
    return serve(session, options.name, *listener, signals->get(), nullptr);
  }
  auto viewer = Process::spawn({.argv = command});
  if (!viewer) return fail(viewer.error());
  return serve(session, options.name, *listener, signals->get(), &*viewer);
}

}  // namespace godwit::cli
