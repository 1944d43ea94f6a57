#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "http/connection.hpp"
#include "http/websocket_pump.hpp"

namespace godwit::http {

namespace beast = boost::beast;
using boost::system::error_code;

void Wake::signal() {
  asio::post(timer_.get_executor(), [self = shared_from_this()] {
    self->signalled_ = true;
    self->timer_.cancel();
  });
}

asio::awaitable<void> Wake::wait() {
  if (!signalled_) {
    error_code ignored;
    timer_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  signalled_ = false;
}

namespace {

using Parser = beast::http::request_parser<beast::http::string_body>;

/// Everything one HTTP/1.1 connection keeps.
struct Connection {
  explicit Connection(std::shared_ptr<TlsSocket> s, ConnectionContext c)
      : socket{std::move(s)},
        context{std::move(c)},
        wake{std::make_shared<Wake>(socket->get_executor())},
        deadline{socket->get_executor()} {}

  std::shared_ptr<TlsSocket> socket;
  ConnectionContext context;
  std::shared_ptr<Wake> wake;
  asio::steady_timer deadline;
  beast::flat_buffer buffer;
  bool reading = false;  ///< a read for the next request is under way
  bool closed = false;   ///< the peer has closed or the connection broke
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// Reads ahead while a handler runs: the only way to notice that the peer went away.
asio::awaitable<void> read_ahead(ConnectionPtr c) {
  error_code error;
  auto room = c->buffer.prepare(16384);
  const std::size_t n = co_await c->socket->async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
  c->buffer.commit(n);
  if (error) c->closed = true;
  c->reading = false;
  c->wake->signal();
}

Request to_request(const ConnectionContext& context, Parser& parser) {
  auto& message = parser.get();
  Request request;
  request.method = std::string{message.method_string()};
  const auto target = message.target();
  decode_target({target.data(), target.size()}, request);
  for (const auto& field : message) {
    const auto name = field.name_string();
    const auto value = field.value();
    request.headers.set({name.data(), name.size()}, std::string{value.data(), value.size()});
  }
  request.body = std::move(message.body());
  request.peer = context.peer;
  request.remote_address = context.remote_address;
  return request;
}

std::string head_text(const StreamState::Head& head, bool chunked, bool keep_alive) {
  const auto reason = beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(head.status)));
  std::string text =
      "HTTP/1.1 " + std::to_string(head.status) + " " + std::string{reason.data(), reason.size()} + "\r\n";
  for (const auto& [name, value] : head.headers) text += name + ": " + value + "\r\n";
  if (chunked) text += "transfer-encoding: chunked\r\n";
  if (!keep_alive) text += "connection: close\r\n";
  return text + "\r\n";
}

std::string chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

asio::awaitable<bool> write_all(ConnectionPtr c, std::string bytes) {
  error_code error;
  co_await asio::async_write(*c->socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  if (error) c->closed = true;
  co_return !error;
}

asio::awaitable<void> answer_and_close(ConnectionPtr c, int status, std::string text) {
  StreamState::Head head{status, {{"content-type", "text/plain"}, {"content-length", std::to_string(text.size())}}};
  std::string bytes = head_text(head, false, false) + text;
  co_await write_all(c, std::move(bytes));
  // What the peer still sends is taken: closing now would reset the connection, and the answer would be lost with it.
  c->deadline.expires_after(std::chrono::seconds{2});
  c->deadline.async_wait([c](const error_code& cancelled) {
    error_code ignored;
    if (!cancelled) c->socket->lowest_layer().close(ignored);
  });
  error_code error;
  std::string nothing(16384, '\0');
  c->socket->lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  while (!error) {
    co_await c->socket->async_read_some(asio::buffer(nothing), asio::redirect_error(asio::use_awaitable, error));
  }
  c->deadline.cancel();
  c->closed = true;
}

/// Sends what the handler says. Returns whether the connection can serve another request.
asio::awaitable<bool> relay_response(ConnectionPtr c, std::shared_ptr<StreamState> stream, bool keep_alive,
                                     bool head_only) {
  bool head_sent = false;
  bool chunked = false;
  for (;;) {
    if (c->closed) co_return false;
    std::string out;
    bool last = false;
    if (!head_sent) {
      if (auto head = stream->head()) {
        chunked = head->headers.get("content-length").empty() && head->status != 204 && head->status != 304;
        out = head_text(*head, chunked, keep_alive);
        head_sent = true;
      }
    }
    if (head_sent) {
      const std::string body = stream->take(64U << 10U, last);
      if (!head_only && !body.empty()) out += chunked ? chunk(body) : body;
      if (last && chunked && !head_only) out += "0\r\n\r\n";
    }
    if (!out.empty()) {
      const bool written = co_await write_all(c, std::move(out));
      if (!written) co_return false;
    }
    if (last) co_return keep_alive;
    if (!head_sent || !stream->has_output()) co_await c->wake->wait();
  }
}

asio::awaitable<void> serve_websocket(ConnectionPtr c, Parser& parser, std::shared_ptr<StreamState> stream) {
  while (!stream->head() && !stream->upgrade_wanted()) co_await c->wake->wait();
  if (!stream->upgrade_wanted()) {
    co_await relay_response(c, stream, false, false);
    co_return;
  }
  using Stream = beast::websocket::stream<TlsSocket&>;
  auto ws = std::make_shared<Stream>(*c->socket);
  const std::string subprotocol = *stream->upgrade_wanted();
  ws->set_option(beast::websocket::stream_base::decorator([subprotocol](beast::websocket::response_type& response) {
    response.set(beast::http::field::sec_websocket_protocol, subprotocol);
  }));
  error_code error;
  co_await ws->async_accept(parser.get(), asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    stream->upgraded(fail(Code::bad_request, "the WebSocket handshake failed: " + error.message()));
    co_return;
  }
  auto pump = std::make_shared<WebSocketPump>(c->socket->get_executor());
  stream->upgraded(make_websocket(pump));
  co_await pump_websocket(ws, pump, c->socket);
}

asio::awaitable<void> serve_request(ConnectionPtr c, Parser& parser) {
  const bool upgrade = beast::websocket::is_upgrade(parser.get());
  const bool keep_alive = parser.keep_alive();
  const bool head_only = parser.get().method() == beast::http::verb::head;
  auto stream = std::make_shared<StreamState>(to_request(c->context, parser), [wake = c->wake] { wake->signal(); });
  if (!c->context.dispatch(stream)) {
    co_await answer_and_close(c, 429, "too many requests at once\n");
    co_return;
  }
  if (upgrade) {
    co_await serve_websocket(c, parser, stream);
    stream->abandon();
    c->closed = true;
    co_return;
  }
  c->reading = c->buffer.size() == 0;
  if (c->reading) asio::co_spawn(c->socket->get_executor(), read_ahead(c), asio::detached);
  const bool reusable = co_await relay_response(c, stream, keep_alive, head_only);
  stream->abandon();
  if (!reusable) c->closed = true;
}

/// Reads one request head and body; false at the connection's end.
asio::awaitable<bool> read_request(ConnectionPtr c, Parser& parser) {
  parser.body_limit(c->context.options.max_body_bytes);
  parser.header_limit(64U << 10U);
  while (c->reading && !c->closed) co_await c->wake->wait();
  if (c->closed) co_return false;
  c->deadline.expires_after(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(c->context.options.request_header_timeout));
  c->deadline.async_wait([c](const error_code& error) {
    error_code ignored;
    if (!error) c->socket->lowest_layer().close(ignored);
  });
  error_code error;
  co_await beast::http::async_read_header(*c->socket, c->buffer, parser,
                                          asio::redirect_error(asio::use_awaitable, error));
  if (!error && !parser.is_done()) {
    if (beast::iequals(parser.get()[beast::http::field::expect], "100-continue")) {
      co_await write_all(c, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    co_await beast::http::async_read(*c->socket, c->buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  }
  c->deadline.cancel();
  if (!error) co_return true;
  if (error == beast::http::error::body_limit) {
    co_await answer_and_close(c, 413, "the request is too large\n");
  } else if (error.category() == make_error_code(beast::http::error::bad_method).category() &&
             error != beast::http::error::end_of_stream && error != beast::http::error::partial_message) {
    co_await answer_and_close(c, 400, "not an HTTP request\n");
  }
  co_return false;
}

}  // namespace

asio::awaitable<void> serve_http1(std::shared_ptr<TlsSocket> socket, ConnectionContext context) {
  auto c = std::make_shared<Connection>(std::move(socket), std::move(context));
  while (!c->closed) {
    auto parser = std::make_unique<Parser>();
    const bool got = co_await read_request(c, *parser);
    if (!got) break;
    co_await serve_request(c, *parser);
  }
  c->closed = true;
  error_code ignored;
  c->socket->lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  c->socket->lowest_layer().close(ignored);
}

}  // namespace godwit::http
