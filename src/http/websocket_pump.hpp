// Between a blocking WebSocket object and the coroutine that moves its messages. Internal.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "http/connection.hpp"
#include "http/websocket.hpp"

namespace godwit::http {

/// The queues of one WebSocket, bounded in both directions.
class WebSocketPump {
 public:
  explicit WebSocketPump(asio::any_io_executor executor)
      : to_send{std::make_shared<Wake>(executor)}, room{std::make_shared<Wake>(executor)} {}

  static constexpr std::size_t limit = 1U << 20U;
  const std::shared_ptr<Wake> to_send;  ///< something is to be sent, or the object closed
  const std::shared_ptr<Wake> room;     ///< the reader may go on
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> received;
  std::size_t received_bytes = 0;
  std::deque<std::string> outgoing;
  std::size_t outgoing_bytes = 0;
  bool closing = false;   ///< by the object's user
  bool finished = false;  ///< the connection is no more
  bool orderly = false;   ///< … after a close handshake
};

[[nodiscard]] std::unique_ptr<WebSocket> make_websocket(std::shared_ptr<WebSocketPump> pump);

template <class Stream>
asio::awaitable<void> receive_messages(std::shared_ptr<Stream> ws, std::shared_ptr<WebSocketPump> pump,
                                       std::shared_ptr<void> keep) {
  boost::beast::flat_buffer buffer;
  boost::system::error_code error;
  for (;;) {
    co_await ws->async_read(buffer, asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    std::size_t waiting = 0;
    {
      const std::lock_guard lock{pump->mutex};
      const auto data = buffer.data();
      pump->received.emplace_back(static_cast<const char*>(data.data()), data.size());
      pump->received_bytes += data.size();
      waiting = pump->received_bytes;
      pump->changed.notify_all();
    }
    buffer.consume(buffer.size());
    while (waiting > WebSocketPump::limit) {
      co_await pump->room->wait();
      const std::lock_guard lock{pump->mutex};
      waiting = pump->closing ? 0 : pump->received_bytes;
    }
  }
  const std::lock_guard lock{pump->mutex};
  pump->finished = true;
  pump->orderly = error == boost::beast::websocket::error::closed;
  pump->changed.notify_all();
  pump->to_send->signal();
  (void)keep;
}

/// Moves messages until either side closes. `keep` stays alive meanwhile.
template <class Stream>
asio::awaitable<void> pump_websocket(std::shared_ptr<Stream> ws, std::shared_ptr<WebSocketPump> pump,
                                     std::shared_ptr<TlsSocket> keep) {
  ws->binary(true);
  asio::co_spawn(keep->get_executor(), receive_messages(ws, pump, keep), asio::detached);
  boost::system::error_code error;
  bool closing = false;
  bool finished = false;
  while (!error && !closing && !finished) {
    std::string message;
    bool have = false;
    {
      const std::lock_guard lock{pump->mutex};
      finished = pump->finished;
      if (!pump->outgoing.empty()) {
        message = std::move(pump->outgoing.front());
        pump->outgoing.pop_front();
        pump->outgoing_bytes -= message.size();
        have = true;
        pump->changed.notify_all();
      } else {
        closing = pump->closing;
      }
    }
    if (finished || closing) break;
    if (have) {
      co_await ws->async_write(asio::buffer(message), asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await pump->to_send->wait();
    }
  }
  if (closing && !error) {
    boost::system::error_code ignored;
    asio::steady_timer patience{keep->get_executor(), std::chrono::seconds{2}};
    patience.async_wait([keep](const boost::system::error_code& cancelled) {
      boost::system::error_code unimportant;
      if (!cancelled) keep->lowest_layer().close(unimportant);
    });
    co_await ws->async_close(boost::beast::websocket::close_code::normal,
                             asio::redirect_error(asio::use_awaitable, ignored));
    patience.cancel();
  }
  boost::system::error_code ignored;
  keep->lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  // The reader ends with the socket; wait for it, since it uses the same stream.
  for (;;) {
    {
      const std::lock_guard lock{pump->mutex};
      if (pump->finished) break;
      pump->closing = true;
    }
    pump->room->signal();
    co_await pump->to_send->wait();
  }
}

}  // namespace godwit::http
