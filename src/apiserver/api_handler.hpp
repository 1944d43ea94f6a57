// From an HTTP request to its answer: authentication, authorization, routing, encoding.
#pragma once

#include <string>

#include "apiserver/objects.hpp"
#include "apiserver/pages.hpp"
#include "apiserver/request_info.hpp"
#include "apiserver/subresources.hpp"
#include "apiserver/user.hpp"
#include "base/log.hpp"
#include "http/server.hpp"

namespace godwit::apiserver {

/// Thread-safe; one for the server's life.
class ApiHandler {
 public:
  ApiHandler(Objects& objects, const Authenticator& authenticator, const Subresources& subresources,
             const Clock& clock);
  void serve(http::Exchange& exchange) const;

 private:
  /// What one request needs on its way down.
  struct Call {
    http::Exchange& exchange;
    const http::Request& request;
    const RequestInfo& info;
    const User& user;
    const Kind& kind;
  };
  void serve_resource(http::Exchange& exchange, const RequestInfo& info, const User& user) const;
  [[nodiscard]] bool serve_document(http::Exchange& exchange) const;
  [[nodiscard]] Result<http::Response> answer(const Call& call) const;
  [[nodiscard]] Result<http::Response> read_one(const Call& call) const;
  [[nodiscard]] Result<http::Response> list(const Call& call) const;
  [[nodiscard]] Result<http::Response> write(const Call& call) const;
  [[nodiscard]] Result<http::Response> remove(const Call& call) const;
  [[nodiscard]] Result<http::Response> remove_all(const Call& call) const;

  Objects& objects_;
  const Authenticator& authenticator_;
  const Subresources& subresources_;
  const Clock& clock_;
  mutable Pages pages_;
  Log log_{"apiserver"};
  std::string openapi_v2_protobuf_;
};

/// Streams changes until the client goes, the time is over or the watch falls behind (watch.cpp).
void serve_watch(http::Exchange& exchange, const Kind& kind, const RequestInfo& info, const Objects& objects,
                 const Clock& clock);

}  // namespace godwit::apiserver
