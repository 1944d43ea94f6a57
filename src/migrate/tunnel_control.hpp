// The agent's socket of a tunnel process: events out, commands in. Private to the tunnel.
#pragma once

#include <map>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "migrate/tunnel_session.hpp"

namespace godwit::migrate {

/// Serves the control socket on a thread of its own, from construction to destruction. Any number of clients.
class ControlServer {
 public:
  ControlServer(UniqueFd listening, Session& session);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Client {
    UniqueFd fd;
    std::string buffer;
  };
  void run();
  /// False when the client is gone.
  bool serve(Client& client);
  void command(Client& client, std::string_view line);

  UniqueFd listening_;
  Session& session_;
  UniqueFd done_;
  std::map<int, Client> clients_;
  std::jthread thread_;
};

}  // namespace godwit::migrate
