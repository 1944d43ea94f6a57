// Verbs on objects that are more than reads and writes: binding and eviction of pods; those of machines are passed on.
#pragma once

#include <memory>
#include <string>

#include "apiserver/guest_streams.hpp"
#include "apiserver/machine_verbs.hpp"
#include "apiserver/objects.hpp"
#include "apiserver/request_info.hpp"
#include "http/server.hpp"

namespace godwit::apiserver {

class Subresources {
 public:
  /// `agents`: how the server speaks to the nodes' agents (its client certificate).
  Subresources(Objects& objects, http::ClientTls agents)
      : objects_{objects}, agents_{std::move(agents)}, machines_{objects}, streams_{objects, agents_} {}

  /// Answers when the path is a subresource other than status; false when it is none of ours.
  [[nodiscard]] bool serve(http::Exchange& exchange, const RequestInfo& info, const User& user) const;

 private:
  [[nodiscard]] Result<http::Response> bind_pod(const http::Request& request, const RequestInfo& info,
                                                const User& user) const;
  [[nodiscard]] Result<http::Response> evict_pod(const http::Request& request, const RequestInfo& info,
                                                 const User& user) const;

  Objects& objects_;
  http::ClientTls agents_;
  MachineVerbs machines_;
  GuestStreams streams_;
};

}  // namespace godwit::apiserver
