#include "http/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>

#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/log.hpp"
#include "http/connection.hpp"
#include "http/handler_threads.hpp"
#include "http/keep_alive.hpp"
#include "http/openssl.hpp"

namespace godwit::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::unique_ptr<asio::ssl::context>> make_tls(const ServerTls& tls) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  error_code error;
  context->use_certificate_chain(asio::buffer(tls.certificate_pem), error);
  if (!error) context->use_private_key(asio::buffer(tls.key_pem), asio::ssl::context::pem, error);
  if (!error && !tls.client_ca_pem.empty()) {
    context->add_certificate_authority(asio::buffer(tls.client_ca_pem), error);
    context->set_verify_mode(asio::ssl::verify_peer);
  }
  if (error) return fail(Code::invalid, "server certificate: " + error.message());
  SSL_CTX_set_alpn_select_cb(context->native_handle(), &choose_protocol, nullptr);
  static constexpr unsigned char session_context[] = "godwit";
  SSL_CTX_set_session_id_context(context->native_handle(), session_context, sizeof session_context - 1);
  return context;
}

std::optional<PeerIdentity> peer_of(TlsSocket& socket) {
  const Certificate certificate{SSL_get1_peer_certificate(socket.native_handle())};
  if (!certificate) return std::nullopt;
  return identity_of(certificate.get());
}

bool speaks_http2(TlsSocket& socket) {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(socket.native_handle(), &chosen, &size);
  return std::string_view{reinterpret_cast<const char*>(chosen), size} == "h2";
}

}  // namespace

void set_options(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  keep_alive(socket.native_handle());
}

namespace {

class AsioServer final : public Server {
 public:
  AsioServer(ServerOptions options, Handler handler, std::unique_ptr<asio::ssl::context> tls)
      : options_{std::move(options)}, handler_{std::move(handler)}, tls_{std::move(tls)}, acceptor_{io_} {}

  ~AsioServer() override {
    if (thread_.joinable()) {
      asio::post(io_, [this] {
        ending_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        for (const auto& socket : sockets_) socket->lowest_layer().close(ignored);
      });
      abandon_all();
      threads_.reset();  // joins the handlers while the io thread still serves their last writes
      asio::post(io_, [this] { io_.stop(); });
      thread_.join();
    }
  }

  Result<> listen() {
    error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return fail(Code::invalid, "\"" + options_.address + "\" is not an IP address");
    const tcp::endpoint endpoint{address, options_.port};
    const auto failed = [&](const error_code& why) {
      const std::string where = fmt::format("{}:{}", options_.address, options_.port);
      if (why == asio::error::address_in_use) {
        return fail(Code::already_exists, where + " is in use by another program; stop it or choose another port");
      }
      return fail(Code::unavailable, "cannot listen on " + where + ": " + why.message());
    };
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failed(error);
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread{[this] { io_.run(); }};
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (ending_ || error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors: let some be closed
        asio::steady_timer pause{io_, std::chrono::milliseconds{50}};
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      set_options(socket);
      auto tls_socket = std::make_shared<TlsSocket>(std::move(socket), *tls_);
      asio::co_spawn(io_, serve(std::move(tls_socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(std::shared_ptr<TlsSocket> socket) {
    sockets_.insert(socket);
    error_code error;
    ConnectionContext context{
        .options = options_,
        .dispatch = [this](std::shared_ptr<StreamState> stream) { return dispatch(std::move(stream)); },
        .peer = {},
        .remote_address = {}};
    if (const auto remote = socket->lowest_layer().remote_endpoint(error); !error) {
      context.remote_address = fmt::format("{}:{}", remote.address().to_string(), remote.port());
    }
    asio::steady_timer patience{io_, std::chrono::seconds{10}};
    patience.async_wait([socket](const error_code& cancelled) {
      error_code ignored;
      if (!cancelled) socket->lowest_layer().close(ignored);
    });
    co_await socket->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
    patience.cancel();
    if (!error && !ending_) {
      context.peer = peer_of(*socket);
      if (speaks_http2(*socket)) {
        co_await serve_http2(socket, std::move(context));
      } else {
        co_await serve_http1(socket, std::move(context));
      }
    }
    error_code ignored;
    socket->lowest_layer().close(ignored);
    sockets_.erase(socket);
  }

  bool dispatch(std::shared_ptr<StreamState> stream) {
    {
      const std::lock_guard lock{streams_mutex_};
      if (abandoned_) return false;
      streams_.insert(stream);
    }
    const bool runs = threads_->run(
        [this, stream] {
          run_handler(handler_, stream);
          const std::lock_guard lock{streams_mutex_};
          streams_.erase(stream);
        },
        options_.max_concurrent_requests);
    if (!runs) {
      const std::lock_guard lock{streams_mutex_};
      streams_.erase(stream);
    }
    return runs;
  }

  void abandon_all() {
    std::set<std::shared_ptr<StreamState>> streams;
    {
      const std::lock_guard lock{streams_mutex_};
      abandoned_ = true;
      streams = streams_;
    }
    for (const auto& stream : streams) stream->abandon();
  }

  const ServerOptions options_;
  const Handler handler_;
  const std::unique_ptr<asio::ssl::context> tls_;
  std::mutex streams_mutex_;
  std::set<std::shared_ptr<StreamState>> streams_;
  bool abandoned_ = false;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::set<std::shared_ptr<TlsSocket>> sockets_;  // io thread only
  bool ending_ = false;                           // io thread only
  std::unique_ptr<HandlerThreads> threads_ = std::make_unique<HandlerThreads>();
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  auto tls = make_tls(options.tls);
  if (!tls) return fail(tls.error());
  auto server = std::make_unique<AsioServer>(std::move(options), std::move(handler), std::move(*tls));
  if (auto listening = server->listen(); !listening) return fail(listening.error());
  return std::unique_ptr<Server>{std::move(server)};
}

}  // namespace godwit::http
