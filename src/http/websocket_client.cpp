#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <fmt/format.h>

#include <future>
#include <thread>

#include "base/text.hpp"
#include "http/openssl.hpp"
#include "http/websocket_pump.hpp"

namespace godwit::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
namespace beast = boost::beast;

struct Address {
  std::string host;
  std::string port = "443";
};

Result<Address> parse_url(const std::string& url) {
  if (!url.starts_with("https://")) return fail(Code::invalid, "\"" + url + "\" is not an https:// address");
  const std::string rest = url.substr(8, url.find('/', 8) - 8);
  const std::size_t colon = rest.rfind(':');
  const bool has_port = colon != std::string::npos && rest.find(']', colon) == std::string::npos;
  Address address{.host = rest.substr(0, has_port ? colon : std::string::npos)};
  if (has_port) address.port = rest.substr(colon + 1);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

Result<> set_up_tls(asio::ssl::context& context, const ClientTls& tls) {
  error_code error;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(asio::ssl::verify_peer);
  context.add_certificate_authority(asio::buffer(tls.ca_pem), error);
  if (!error && !tls.certificate_pem.empty()) {
    context.use_certificate_chain(asio::buffer(tls.certificate_pem), error);
    if (!error) context.use_private_key(asio::buffer(tls.key_pem), asio::ssl::context::pem, error);
  }
  if (error) return fail(Code::invalid, "client certificate: " + error.message());
  return {};
}

/// Demands that the server's certificate be for this name or address.
void expect_name(TlsSocket& socket, const std::string& name) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(socket.native_handle());
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    SSL_set_tlsext_host_name(socket.native_handle(), name.c_str());
  }
}

/// A connection with an io thread of its own.
class ClientWebSocket final : public WebSocket {
 public:
  Result<> connect(const Address& address, const ClientTls& tls, const Request& request, std::string_view subprotocol,
                   Deadline deadline) {
    if (auto ready = set_up_tls(context_, tls); !ready) return ready;
    socket_ = std::make_shared<TlsSocket>(io_, context_);
    expect_name(*socket_, tls.server_name.empty() ? address.host : tls.server_name);
    std::promise<Result<>> promise;
    auto outcome = promise.get_future();
    asio::co_spawn(io_, run(address, request, std::string{subprotocol}, promise), asio::detached);
    thread_ = std::thread{[this] { io_.run(); }};
    if (deadline.at() != Instant::max() && outcome.wait_until(deadline.at()) != std::future_status::ready) {
      asio::post(io_, [this] {
        error_code ignored;
        socket_->lowest_layer().close(ignored);
      });
      (void)outcome.get();
      return fail(Code::timeout, address.host + ":" + address.port + " did not answer in time");
    }
    auto connected = outcome.get();
    if (connected) inner_ = make_websocket(pump_);
    return connected;
  }

  ~ClientWebSocket() override {
    if (inner_) inner_->close();
    if (thread_.joinable()) thread_.join();
  }
  Result<std::optional<std::string>> receive(Deadline deadline) override { return inner_->receive(deadline); }
  Result<> send(std::string_view message) override { return inner_->send(message); }
  void close() override { inner_->close(); }

 private:
  using Stream = beast::websocket::stream<TlsSocket&>;

  asio::awaitable<void> run(Address address, Request request, std::string subprotocol,
                            std::promise<Result<>>& promise) {
    error_code error;
    auto ws = std::make_shared<Stream>(*socket_);
    beast::websocket::response_type response;
    const Result<> connected = co_await shake_hands(address, request, subprotocol, *ws, response, error);
    promise.set_value(connected);
    if (connected) co_await pump_websocket(ws, pump_, socket_);
    error_code ignored;
    socket_->lowest_layer().close(ignored);
  }

  asio::awaitable<Result<>> shake_hands(const Address& address, const Request& request, const std::string& subprotocol,
                                        Stream& ws, beast::websocket::response_type& response, error_code& error) {
    const std::string where = address.host + ":" + address.port;
    tcp::resolver resolver{io_};
    auto found =
        co_await resolver.async_resolve(address.host, address.port, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(Code::unavailable, where + ": " + error.message());
    co_await asio::async_connect(socket_->next_layer(), found, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(Code::unavailable, where + ": " + error.message());
    set_options(socket_->next_layer());
    co_await socket_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(Code::unavailable, where + ": TLS: " + error.message());
    ws.set_option(beast::websocket::stream_base::decorator([&](beast::websocket::request_type& message) {
      message.set(beast::http::field::sec_websocket_protocol, subprotocol);
      for (const auto& [name, value] : request.headers) message.set(name, value);
    }));
    co_await ws.async_handshake(response, where, encode_target(request),
                                asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return Result<>{};
    if (error == beast::websocket::error::upgrade_declined) {
      const int status = response.result_int();
      std::string text{trim(response.body())};
      if (text.empty()) text = fmt::format("HTTP status {}", status);
      co_return fail(code_of({}, status), std::move(text));
    }
    co_return fail(Code::unavailable, where + ": " + error.message());
  }

  asio::io_context io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::shared_ptr<TlsSocket> socket_;
  std::shared_ptr<WebSocketPump> pump_ = std::make_shared<WebSocketPump>(io_.get_executor());
  std::unique_ptr<WebSocket> inner_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<WebSocket>> connect_websocket(const std::string& base_url, const ClientTls& tls,
                                                     const Request& request, std::string_view subprotocol,
                                                     Deadline deadline) {
  auto address = parse_url(base_url);
  if (!address) return fail(address.error());
  auto socket = std::make_unique<ClientWebSocket>();
  if (auto connected = socket->connect(*address, tls, request, subprotocol, deadline); !connected) {
    return fail(connected.error());
  }
  return std::unique_ptr<WebSocket>{std::move(socket)};
}

}  // namespace godwit::http
