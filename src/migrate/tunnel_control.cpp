#include "migrate/tunnel_control.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "migrate/tunnel_sockets.hpp"

namespace godwit::migrate {

ControlServer::ControlServer(UniqueFd listening, Session& session)
    : listening_{std::move(listening)}, session_{session}, done_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  thread_ = std::jthread{[this] { run(); }};
}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(done_.get(), &one, sizeof one);
  thread_.join();
  for (const auto& [fd, client] : clients_) session_.unsubscribe(fd);
}

void ControlServer::run() {
  while (true) {
    std::vector<pollfd> fds = {{done_.get(), POLLIN, 0}, {listening_.get(), POLLIN, 0}};
    for (const auto& [fd, client] : clients_) fds.push_back({fd, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      if (auto fd = accept_from(listening_.get())) {
        const int number = fd->get();
        clients_[number] = Client{std::move(*fd), {}};
        session_.subscribe(number);
      }
    }
    for (std::size_t i = 2; i < fds.size(); ++i) {
      if (fds[i].revents == 0 || serve(clients_.at(fds[i].fd))) continue;
      session_.unsubscribe(fds[i].fd);
      clients_.erase(fds[i].fd);
    }
  }
}

bool ControlServer::serve(Client& client) {
  std::array<char, 1024> chunk{};
  const auto n = ::recv(client.fd.get(), chunk.data(), chunk.size(), 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  client.buffer.append(chunk.data(), static_cast<std::size_t>(n));
  if (client.buffer.size() > 65536) return false;
  for (auto end = client.buffer.find('\n'); end != std::string::npos; end = client.buffer.find('\n')) {
    command(client, std::string_view{client.buffer}.substr(0, end));
    client.buffer.erase(0, end + 1);
  }
  return true;
}

void ControlServer::command(Client& client, std::string_view line) {
  const auto parsed = json::parse(line);
  const auto name = parsed ? json::string_at(*parsed, "/cmd") : std::string{};
  if (name == "abort") {
    session_.publish("aborted");
    session_.stop.raise();
  } else if (name == "limit") {
    session_.limit.set(json::int_at(*parsed, "/bytesPerSecond"));
  }
  if (name == "status" || name == "limit") {
    session_.subscribe(client.fd.get());
  } else if (name != "abort") {
    const std::string_view text = "{\"event\":\"error\",\"message\":\"unknown command\"}\n";
    ::send(client.fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

}  // namespace godwit::migrate
