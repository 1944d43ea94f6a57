#include "kube/client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"
#include "http/pki.hpp"

namespace godwit::kube {
namespace {

/// A port that takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }

 private:
  UniqueFd socket_;
  int port_ = 0;
};

TEST(Client, ReadsKeepTheirDeadlines) {
  const SilentServer server;
  http::ClientOptions options;
  options.base_url = server.url();
  options.tls.ca_pem = http::make_ca("nobody")->certificate_pem;
  auto transport = http::Client::create(options);
  ASSERT_TRUE(transport) << transport.error().message;
  const Client client{std::move(*transport)};
  const auto begin = std::chrono::steady_clock::now();
  const auto soon = [] { return Deadline::after(std::chrono::milliseconds{200}); };
  const auto got = client.get(resources::nodes, {.ns = {}, .name = "a"}, soon());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timeout) << got.error().message;
  const auto listed = client.list(resources::nodes, {}, {}, soon());
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Code::timeout) << listed.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, usual_timeout / 2);
}

}  // namespace
}  // namespace godwit::kube
