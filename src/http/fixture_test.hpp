// A real server on loopback, certificates, and clients for it, for the tests of
// this folder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "http/client.hpp"
#include "http/pki.hpp"
#include "http/server.hpp"

namespace godwit::http {

using std::chrono::seconds;

struct Pki {
  KeyPair ca = *make_ca("test CA");
  KeyPair server = *issue(ca, {.common_name = "server",
                               .organizations = {},
                               .dns_names = {"localhost"},
                               .ip_addresses = {"127.0.0.1"},
                               .for_server = true,
                               .for_client = false});
  KeyPair alice = *issue(
      ca, {.common_name = "alice", .organizations = {"group-a", "group-b"}, .dns_names = {}, .ip_addresses = {}});
};

inline const Pki& pki() {
  static const Pki made;
  return made;
}

class Http : public ::testing::Test {
 protected:
  void serve(Handler handler, ServerOptions options = {}) {
    options.tls = {pki().server.certificate_pem, pki().server.key_pem, pki().ca.certificate_pem};
    options.max_body_bytes = 100'000;
    auto started = Server::start(options, std::move(handler));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    url_ = "https://127.0.0.1:" + std::to_string(server_->port());
  }
  std::unique_ptr<Client> client(const KeyPair& identity) const {
    return std::move(*Client::create({.base_url = url_,
                                      .tls = {pki().ca.certificate_pem, identity.certificate_pem, identity.key_pem, {}},
                                      .bearer_token = {}}));
  }
  static Deadline soon() { return Deadline::after(seconds{20}); }

  std::unique_ptr<Server> server_;
  std::string url_;
};

}  // namespace godwit::http
