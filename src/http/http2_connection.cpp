#include <nghttp2/nghttp2.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include <map>

#include "base/text.hpp"
#include "http/connection.hpp"

namespace godwit::http {
namespace {

using boost::system::error_code;

constexpr std::uint32_t max_streams = 250;
constexpr std::size_t max_header_bytes = 64U << 10U;
constexpr std::size_t bodies_at_once = 8;  ///< of full size, for all streams of a connection together

/// A request that is still being received, then one whose answer is being sent.
struct H2Stream {
  Request request;
  std::size_t header_bytes = 0;
  std::shared_ptr<StreamState> state;  ///< from dispatch on
  bool head_sent = false;
  bool head_only = false;
  bool too_large = false;
  bool deferred = false;  ///< nghttp2 waits for resume_data
};

using Session = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

/// One HTTP/2 connection. Callbacks run inside nghttp2 and only mark what is to be done; `pump` does it.
struct H2Connection {
  H2Connection(std::shared_ptr<TlsSocket> s, ConnectionContext c)
      : socket{std::move(s)},
        context{std::move(c)},
        wake{std::make_shared<Wake>(socket->get_executor())},
        session{nullptr, &nghttp2_session_del} {}

  std::shared_ptr<TlsSocket> socket;
  ConnectionContext context;
  std::shared_ptr<Wake> wake;
  Session session;
  std::map<std::int32_t, H2Stream> streams;
  std::size_t body_bytes = 0;  ///< of the requests that are still being received
  bool closed = false;
  bool writer_done = false;
};

H2Connection& connection_of(void* user) { return *static_cast<H2Connection*>(user); }

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    H2Connection& c = connection_of(user);
    H2Stream& stream = c.streams[frame->hd.stream_id];
    stream.request.peer = c.context.peer;
    stream.request.remote_address = c.context.remote_address;
  }
  return 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  H2Connection& c = connection_of(user);
  const auto found = c.streams.find(frame->hd.stream_id);
  if (found == c.streams.end()) return 0;
  // A few bytes on the wire can stand for long headers: what counts is their length here.
  found->second.header_bytes += name_size + value_size;
  if (found->second.header_bytes > max_header_bytes) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::string_view key{reinterpret_cast<const char*>(name), name_size};
  std::string text{reinterpret_cast<const char*>(value), value_size};
  if (key == ":method") {
    found->second.request.method = std::move(text);
  } else if (key == ":path") {
    decode_target(text, found->second.request);
  } else if (key == ":authority") {
    found->second.request.headers.set("host", std::move(text));
  } else if (!key.starts_with(':')) {
    found->second.request.headers.set(key, std::move(text));
  }
  return 0;
}

/// The stream's body counts no longer: it is complete, too large, or given up.
void forget_body(H2Connection& c, H2Stream& stream) {
  c.body_bytes -= stream.request.body.size();
  if (stream.too_large) stream.request.body = {};
}

int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
  H2Connection& c = connection_of(user);
  const auto found = c.streams.find(id);
  if (found == c.streams.end()) return 0;
  H2Stream& stream = found->second;
  const std::size_t limit = c.context.options.max_body_bytes;
  if (stream.too_large || stream.request.body.size() + size > limit || c.body_bytes + size > bodies_at_once * limit) {
    stream.too_large = true;
    forget_body(c, stream);
    return 0;
  }
  stream.request.body.append(reinterpret_cast<const char*>(data), size);
  c.body_bytes += size;
  return 0;
}

void answer_plainly(H2Connection& c, H2Stream& stream, int status, const std::string& text) {
  stream.state = std::make_shared<StreamState>(Request{}, [wake = c.wake] { wake->signal(); });
  stream.state->begin(status, {{"content-type", "text/plain"}, {"content-length", std::to_string(text.size())}});
  stream.state->write(text);
  stream.state->end();
}

int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  H2Connection& c = connection_of(user);
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
  const auto found = c.streams.find(frame->hd.stream_id);
  if (found == c.streams.end() || found->second.state) return 0;
  H2Stream& stream = found->second;
  if (stream.too_large) {
    answer_plainly(c, stream, 413, "the request is too large\n");
    return 0;
  }
  forget_body(c, stream);
  stream.head_only = stream.request.method == "HEAD";
  auto state = std::make_shared<StreamState>(std::move(stream.request), [wake = c.wake] { wake->signal(); });
  stream.request = {};
  if (!c.context.dispatch(state)) {
    answer_plainly(c, stream, 429, "too many requests at once\n");
    return 0;
  }
  stream.state = std::move(state);
  return 0;
}

int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
  H2Connection& c = connection_of(user);
  const auto found = c.streams.find(id);
  if (found == c.streams.end()) return 0;
  forget_body(c, found->second);
  if (found->second.state) found->second.state->abandon();
  c.streams.erase(found);
  return 0;
}

ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size, std::uint32_t* flags,
                  nghttp2_data_source*, void* user) {
  H2Connection& c = connection_of(user);
  const auto found = c.streams.find(id);
  if (found == c.streams.end() || !found->second.state) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  bool last = false;
  const std::string bytes = found->second.state->take(size, last);
  std::copy(bytes.begin(), bytes.end(), buffer);
  if (last) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (bytes.empty() && !last) {
    found->second.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(bytes.size());
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  return {const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),
          const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

/// Headers that only HTTP/1.1 knows must not be sent.
bool is_connection_header(const std::string& lower_name) {
  return lower_name == "connection" || lower_name == "transfer-encoding" || lower_name == "keep-alive";
}

void submit_head(H2Connection& c, std::int32_t id, const StreamState::Head& head, bool head_only) {
  const std::string status = std::to_string(head.status);
  std::vector<std::pair<std::string, std::string>> lines{{":status", status}};
  for (const auto& [name, value] : head.headers) {
    const std::string lower = to_lower(name);
    if (!is_connection_header(lower)) lines.emplace_back(lower, value);
  }
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : lines) list.push_back(header(name, value));
  nghttp2_data_provider body{};
  body.read_callback = &read_body;
  const bool bodiless = head_only || head.status == 204 || head.status == 304;
  nghttp2_submit_response(c.session.get(), id, list.data(), list.size(), bodiless ? nullptr : &body);
}

/// Hands nghttp2 whatever the handlers have produced since the last time.
void collect_output(H2Connection& c) {
  for (auto& [id, stream] : c.streams) {
    if (!stream.state) continue;
    if (!stream.head_sent) {
      if (const auto head = stream.state->head()) {
        submit_head(c, id, *head, stream.head_only);
        stream.head_sent = true;
      } else if (stream.state->upgrade_wanted()) {
        stream.state->upgraded(fail(Code::bad_request, "WebSockets need HTTP/1.1"));
      }
    } else if (stream.deferred && stream.state->has_output()) {
      stream.deferred = false;
      nghttp2_session_resume_data(c.session.get(), id);
    }
  }
}

asio::awaitable<void> write_frames(std::shared_ptr<H2Connection> c) {
  error_code error;
  while (!c->closed && !error) {
    collect_output(*c);
    std::string out;
    while (out.size() < (128U << 10U)) {
      const std::uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(c->session.get(), &data);
      if (n < 0) c->closed = true;
      if (n <= 0) break;
      out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    }
    if (!out.empty()) {
      co_await asio::async_write(*c->socket, asio::buffer(out), asio::redirect_error(asio::use_awaitable, error));
    } else if (!c->closed) {
      const bool finished = nghttp2_session_want_read(c->session.get()) == 0;
      if (finished) break;
      co_await c->wake->wait();
    }
  }
  error_code ignored;
  c->socket->lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  c->socket->lowest_layer().close(ignored);
  c->closed = true;
  c->writer_done = true;
  c->wake->signal();
}

bool start_session(H2Connection& c) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  // Watches that end are resets: many at once are no attack. More than these a second end the connection.
  nghttp2_option_set_stream_reset_rate_limit(options, 4 * max_streams, max_streams);
  nghttp2_session* made = nullptr;
  const int code = nghttp2_session_server_new2(&made, callbacks, &c, options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  if (code != 0) return false;
  c.session.reset(made);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1U << 20U}};
  nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, 4 << 20);
  return true;
}

}  // namespace

asio::awaitable<void> serve_http2(std::shared_ptr<TlsSocket> socket, ConnectionContext context) {
  auto c = std::make_shared<H2Connection>(std::move(socket), std::move(context));
  if (!start_session(*c)) co_return;
  asio::co_spawn(c->socket->get_executor(), write_frames(c), asio::detached);
  std::string buffer(32U << 10U, '\0');
  error_code error;
  while (!c->closed) {
    const std::size_t n =
        co_await c->socket->async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error || c->closed) break;
    const ssize_t used =
        nghttp2_session_mem_recv(c->session.get(), reinterpret_cast<const std::uint8_t*>(buffer.data()), n);
    if (used < 0) break;
    c->wake->signal();
  }
  c->closed = true;
  for (auto& [id, stream] : c->streams) {
    if (stream.state) stream.state->abandon();
  }
  c->streams.clear();
  error_code ignored;
  c->socket->lowest_layer().close(ignored);
  c->wake->signal();
  while (!c->writer_done) co_await c->wake->wait();
}

}  // namespace godwit::http
