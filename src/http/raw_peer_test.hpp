// A TCP connection, with TLS when wanted, on which a test says what it likes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/unique_fd.hpp"

namespace godwit::http {

class RawPeer {
 public:
  RawPeer(std::uint16_t port, bool tls, std::string_view protocol = "http/1.1") {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!tls) return;
    ssl_.reset(SSL_new(context_.get()));
    const std::string offer = static_cast<char>(protocol.size()) + std::string{protocol};
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned>(offer.size()));
    SSL_set_fd(ssl_.get(), fd_.get());
    EXPECT_EQ(SSL_connect(ssl_.get()), 1);
  }
  void say(std::string_view bytes) {
    if (ssl_) {
      (void)SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
  }
  /// What comes next; "" at the end.
  std::string hear(std::size_t limit = 4096) {
    std::string bytes(limit, '\0');
    const long n =
        ssl_ ? SSL_read(ssl_.get(), bytes.data(), static_cast<int>(limit)) : ::recv(fd_.get(), bytes.data(), limit, 0);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }
  /// Whether that end comes.
  bool hear_until(std::string_view end) {
    std::string all;
    for (std::string part = hear(); !part.empty(); part = hear()) {
      all += part;
      if (all.ends_with(end)) return true;
    }
    return false;
  }
  std::string hear_all() {
    std::string all;
    for (std::string part = hear(); !part.empty(); part = hear()) all += part;
    return all;
  }
  void vanish() { ::close(fd_.release()); }

 private:
  template <auto Free>
  struct Freer {
    template <class T>
    void operator()(T* object) const {
      Free(object);
    }
  };
  UniqueFd fd_;
  std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, Freer<SSL_free>> ssl_;
};

}  // namespace godwit::http
