// The two ends of a tunnel, and the heartbeat between them. Private to the tunnel.
#pragma once

#include "base/unique_fd.hpp"
#include "migrate/tunnel_session.hpp"
#include "migrate/tunnel_tls.hpp"

namespace godwit::migrate {

/// What a connection says of itself right after the handshake: one line of JSON.
struct Hello {
  std::string token;
  bool heartbeat = false;  ///< else a channel
  int index = 0;           ///< of the channel
};
[[nodiscard]] std::string write_hello(const Hello& hello);
[[nodiscard]] Result<Hello> parse_hello(std::string_view line);

enum class HeartbeatEnd : std::uint8_t {
  bye,      ///< the peer has finished
  lost,     ///< the connection broke
  stopped,  ///< stop was raised
  done,     ///< `finish_fd` became readable: we have said bye
};
/// Sends a ping each 250 ms and notes that the peer was heard.
[[nodiscard]] HeartbeatEnd beat(TlsStream& stream, Session& session, int finish_fd);

/// Called a few times a second once the peer was there: reports silence and its end; gives up (raises stop) after too
/// much of it.
class SilenceWatch {
 public:
  explicit SilenceWatch(Session& session) : session_{session} {}
  void tick();

 private:
  Session& session_;
  bool reported_ = false;
};

/// Both block until the stream has ended or stop is raised. Errors: could not begin.
Result<> run_listen(Session& session, const TlsContext& tls, int stop_fd);
Result<> run_dial(Session& session, const TlsContext& tls, int stop_fd);

}  // namespace godwit::migrate
