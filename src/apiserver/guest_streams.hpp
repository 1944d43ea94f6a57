// What only the agent of a guest's owner can serve: the streams (serial console, VNC) and what the agent inside the
// guest says.
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

  /// False when the subresource is none of these. Returns when the stream has ended.
  [[nodiscard]] bool serve(http::Exchange& exchange, const RequestInfo& info) const;

 private:
  [[nodiscard]] Result<std::unique_ptr<http::WebSocket>> reach(const RequestInfo& info) const;
  [[nodiscard]] Result<http::Response> ask_agent(const RequestInfo& info) const;

  Objects& objects_;
  http::ClientTls agents_;
};

}  // namespace godwit::apiserver
