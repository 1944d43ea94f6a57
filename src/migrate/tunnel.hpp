// `godwit tunnel`: carries one migration's bytes between two hosts, in a process of its own that outlives the agent.
//
// QEMU speaks plainly into a unix socket; each of its connections becomes one mutually authenticated TLS 1.3
// connection. A further one carries the heartbeat. Standard output and the control socket give one JSON object a line:
// {"event": "listening", "port": N}, "ready" (QEMU may connect), "connected", "channel", "stranger", "silent", "heard",
// and at the end "end" with the statistics. The control socket takes {"cmd": "status"}, {"cmd": "abort"}, {"cmd":
// "limit", "bytesPerSecond": N}, one a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "json/value.hpp"

namespace godwit::migrate {

struct TunnelSpec {
  enum class Mode : std::uint8_t { listen, dial };
  Mode mode = Mode::listen;
  std::filesystem::path
      unix_socket;      ///< listen: QEMU's incoming socket, connected to; dial: made here, QEMU connects to it
  std::string address;  ///< listen: own address; dial: the target's
  int first_port = 0;   ///< listen: the range; dial: the port
  int last_port = 0;
  std::filesystem::path certificate;  ///< PEM files
  std::filesystem::path key;
  std::filesystem::path ca;
  std::string peer_name;              ///< the only common name that is accepted: "system:node:<other>"
  std::string token;                  ///< the migration's uid: both ends must name the same
  std::filesystem::path control;      ///< unix socket for the agent; may be empty
  int socket_uid = -1;                ///< dial: owner of unix_socket
  std::int64_t bytes_per_second = 0;  ///< limit over all channels of what QEMU sends here; 0 = none
  int silence_ms = 1000;              ///< silence of the peer that is reported
  int give_up_ms = 10000;             ///< silence that ends everything with a reset

  bool operator==(const TunnelSpec&) const = default;
};

/// "tunnel", "listen", "--unix", … (without the program's name).
[[nodiscard]] std::vector<std::string> tunnel_arguments(const TunnelSpec& spec);
/// The reverse, from "listen" or "dial" on. Code::bad_request names the wrong argument.
[[nodiscard]] Result<TunnelSpec> parse_tunnel_arguments(const std::vector<std::string>& arguments);

/// Runs until the stream has ended: 0 clean, 1 could not start, 2 truncated, reset or aborted, 3 peer silent for too
/// long. `stop_fd` (may be -1) ends it when readable.
int run_tunnel(const TunnelSpec& spec, int event_fd, int stop_fd);
/// For main: arguments after "tunnel".
int run_tunnel(int argc, char** argv);

/// The agent's end of the control socket.
class TunnelClient {
 public:
  [[nodiscard]] static Result<TunnelClient> connect(const std::filesystem::path& control, Deadline deadline);
  /// Readable when an event waits.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next event or reply. Code::timeout at the deadline, Code::gone when the tunnel has ended.
  [[nodiscard]] Result<json::Value> next(Deadline deadline);
  Result<> send(const json::Value& command);

 private:
  explicit TunnelClient(UniqueFd fd) : fd_{std::move(fd)} {}
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace godwit::migrate
