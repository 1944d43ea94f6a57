// What the two kinds of connection share. Internal: the only place, with the .cpp files here, where Asio is seen.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

#include "http/server.hpp"
#include "http/stream_state.hpp"

namespace godwit::http {

namespace asio = boost::asio;
using TlsSocket = asio::ssl::stream<asio::ip::tcp::socket>;

/// Small messages at once; a peer whose host has vanished without a word is noticed within half a minute.
void set_options(asio::ip::tcp::socket& socket);

/// A coroutine's wake-up call: signal() from any thread, wait() on the io thread. A signal is never lost.
class Wake : public std::enable_shared_from_this<Wake> {
 public:
  explicit Wake(asio::any_io_executor executor) : timer_{std::move(executor)} {}
  void signal();
  [[nodiscard]] asio::awaitable<void> wait();

 private:
  asio::steady_timer timer_;
  bool signalled_ = false;
};

struct ConnectionContext {
  ServerOptions options;
  /// Runs the stream's handler on a thread; false when too many run.
  std::function<bool(std::shared_ptr<StreamState>)> dispatch;
  std::optional<PeerIdentity> peer;
  std::string remote_address;
};

/// Both return when the connection is finished; all their streams are abandoned by then.
[[nodiscard]] asio::awaitable<void> serve_http1(std::shared_ptr<TlsSocket> socket, ConnectionContext context);
[[nodiscard]] asio::awaitable<void> serve_http2(std::shared_ptr<TlsSocket> socket, ConnectionContext context);

}  // namespace godwit::http
