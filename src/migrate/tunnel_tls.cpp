#include "migrate/tunnel_tls.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace godwit::migrate {
namespace {

constexpr std::size_t read_ahead_bytes = std::size_t{256} * 1024;
// AES-GCM allows 2^24.5 records a key; a new key each 64 GiB stays far below.
constexpr std::uint64_t bytes_per_key = std::uint64_t{64} << 30;

std::string last_tls_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "connection closed";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::string common_name(SSL* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate{SSL_get1_peer_certificate(ssl), &X509_free};
  if (!certificate) return {};
  std::array<char, 256> text{};
  const int length =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text.data(), text.size());
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string{};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsStream::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

Result<TlsContext> TlsContext::create(bool server, const std::filesystem::path& certificate,
                                      const std::filesystem::path& key, const std::filesystem::path& ca) {
  std::unique_ptr<ssl_ctx_st, Free> context{SSL_CTX_new(server ? TLS_server_method() : TLS_client_method())};
  SSL_CTX* c = context.get();
  if (c == nullptr) return fail(Code::internal, "no TLS context: " + last_tls_error());
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  if (SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") != 1)
    return fail(Code::internal, "TLS cipher suites: " + last_tls_error());
  if (SSL_CTX_use_certificate_chain_file(c, certificate.c_str()) != 1)
    return fail(Code::invalid, fmt::format("certificate {}: {}", certificate.string(), last_tls_error()));
  if (SSL_CTX_use_PrivateKey_file(c, key.c_str(), SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1)
    return fail(Code::invalid, fmt::format("key {}: {}", key.string(), last_tls_error()));
  if (SSL_CTX_load_verify_locations(c, ca.c_str(), nullptr) != 1)
    return fail(Code::invalid, fmt::format("CA {}: {}", ca.string(), last_tls_error()));
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_num_tickets(c, 0);  // every connection shakes hands in full; nothing arrives after the handshake but data
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_default_read_buffer_len(c, read_ahead_bytes);
  return TlsContext{std::move(context), server};
}

Result<TlsStream> TlsStream::handshake(const TlsContext& context, UniqueFd socket, std::string_view peer_name,
                                       Deadline deadline, int stop_fd) {
  ERR_clear_error();
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0) return fail_errno("non-blocking socket");
  std::unique_ptr<ssl_st, Free> ssl{SSL_new(context.get())};
  if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1) return fail(Code::internal, "TLS: " + last_tls_error());
  while (true) {
    const int result = context.server() ? SSL_accept(ssl.get()) : SSL_connect(ssl.get());
    if (result == 1) break;
    const int why = SSL_get_error(ssl.get(), result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
      return fail(Code::unauthorized, "TLS handshake: " + last_tls_error());
    const auto waited = wait_fd(socket.get(), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, stop_fd);
    if (!waited) return fail(waited.error().within("TLS handshake"));
  }
  if (const auto name = common_name(ssl.get()); name != peer_name)
    return fail(Code::forbidden, fmt::format("the peer is \"{}\", not \"{}\"", name, peer_name));
  return TlsStream{std::move(ssl), std::move(socket)};
}

Io TlsStream::outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return Io::ok;
    case SSL_ERROR_WANT_READ: return Io::want_read;
    case SSL_ERROR_WANT_WRITE: return Io::want_write;
    case SSL_ERROR_ZERO_RETURN: return Io::ended;
    default: ERR_clear_error(); return Io::broken;
  }
}

Io TlsStream::read(std::span<char> buffer, std::size_t& got) {
  got = 0;
  while (got < buffer.size()) {
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data() + got, buffer.size() - got, &n);
    if (result != 1) return outcome(result);
    got += n;
  }
  return Io::ok;
}

Io TlsStream::write(std::span<const char> data, std::size_t& written) {
  written = 0;
  while (written < data.size()) {
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_.get(), data.data() + written, data.size() - written, &n);
    if (result != 1) return outcome(result);
    written += n;
    since_key_update_ += n;
    if (since_key_update_ >= bytes_per_key && SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      since_key_update_ = 0;
  }
  return Io::ok;
}

Io TlsStream::finish_writing() {
  const int result = SSL_shutdown(ssl_.get());
  if (result < 0) {
    // The peer may have closed in order just before: its close_notify read, ours still goes out.
    const auto io = outcome(result);
    return io == Io::want_read ? Io::ok : io;
  }
  ::shutdown(socket_.get(), SHUT_WR);
  return Io::ok;
}

void TlsStream::reset() {
  const linger abortive{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
}

Result<> TlsStream::write_all(std::string_view data, Deadline deadline, int stop_fd) {
  while (!data.empty()) {
    std::size_t n = 0;
    const auto io = write(data, n);
    data.remove_prefix(n);
    if (io == Io::ok) continue;
    if (io != Io::want_read && io != Io::want_write) return fail(Code::unavailable, "the peer closed the connection");
    if (auto ok = wait_fd(fd(), io == Io::want_read ? POLLIN : POLLOUT, deadline, stop_fd); !ok) return ok;
  }
  return {};
}

Result<std::string> TlsStream::read_line(Deadline deadline, int stop_fd) {
  std::string line;
  while (line.size() < 1024) {
    char c = 0;
    std::size_t n = 0;
    const auto io = read({&c, 1}, n);
    if (n == 1) {
      if (c == '\n') return line;
      line += c;
      continue;
    }
    if (io == Io::ended) return fail(Code::gone, "the peer ended the connection");
    if (io == Io::broken) return fail(Code::unavailable, "the connection broke");
    if (auto ok = wait_fd(fd(), io == Io::want_write ? POLLOUT : POLLIN, deadline, stop_fd); !ok)
      return fail(ok.error());
  }
  return fail(Code::bad_request, "no line within 1 KiB");
}

Result<> wait_fd(int fd, short events, Deadline deadline, int stop_fd) {
  while (true) {
    std::array<pollfd, 2> fds = {{{fd, events, 0}, {stop_fd, POLLIN, 0}}};
    const int n = ::poll(fds.data(), stop_fd >= 0 ? 2 : 1, deadline.poll_timeout());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("poll");
    if (n == 0) return fail(Code::timeout, "timed out");
    if (stop_fd >= 0 && fds[1].revents != 0) return fail(Code::cancelled, "stopped");
    return {};
  }
}

}  // namespace godwit::migrate
