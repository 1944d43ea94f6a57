// Verbs on objects that are more than reads and writes: binding and eviction of pods, KubeVirt's start, stop, console.
#pragma once

#include <memory>
#include <string>

#include "apiserver/objects.hpp"
#include "apiserver/request_info.hpp"
#include "http/server.hpp"
#include "http/websocket.hpp"

namespace godwit::apiserver {

class Subresources {
 public:
  /// `agents`: how the server speaks to the nodes' agents (its client certificate).
  Subresources(Objects& objects, http::ClientTls agents) : objects_{objects}, agents_{std::move(agents)} {}

  /// Answers when the path is a subresource other than status; false when it is none of ours.
  [[nodiscard]] bool serve(http::Exchange& exchange, const RequestInfo& info, const User& user) const;

 private:
  [[nodiscard]] Result<http::Response> bind_pod(const http::Request& request, const RequestInfo& info,
                                                const User& user) const;
  [[nodiscard]] Result<http::Response> evict_pod(const http::Request& request, const RequestInfo& info,
                                                 const User& user) const;
  [[nodiscard]] Result<http::Response> start_vm(const http::Request& request, const RequestInfo& info,
                                                const User& user) const;
  [[nodiscard]] Result<http::Response> stop_vm(const http::Request& request, const RequestInfo& info,
                                               const User& user) const;
  void open_console(http::Exchange& exchange, const RequestInfo& info) const;

  Objects& objects_;
  http::ClientTls agents_;
};

}  // namespace godwit::apiserver
