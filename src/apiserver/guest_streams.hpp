// The streams of a guest (serial console, VNC): carried between the client and the agent of the guest's owner.
#pragma once

#include "apiserver/objects.hpp"
#include "apiserver/request_info.hpp"
#include "http/server.hpp"
#include "http/websocket.hpp"

namespace godwit::apiserver {

class GuestStreams {
 public:
  /// `agents`: how the server speaks to the nodes' agents (its client certificate).
  GuestStreams(Objects& objects, http::ClientTls agents) : objects_{objects}, agents_{std::move(agents)} {}

  /// False when the subresource is no stream. Returns when the stream has ended.
  [[nodiscard]] bool serve(http::Exchange& exchange, const RequestInfo& info) const;

 private:
  [[nodiscard]] Result<std::unique_ptr<http::WebSocket>> reach(const RequestInfo& info) const;

  Objects& objects_;
  http::ClientTls agents_;
};

}  // namespace godwit::apiserver
