#include "cli/guest_stream.hpp"

#include <fmt/format.h>

namespace godwit::cli {
namespace {

/// A refusal's text is a Status; its message is what people want to read.
Error readable(Error error) {
  if (const auto status = json::parse(error.message); status && json::string_at(*status, "/kind") == "Status") {
    error.message = json::string_at(*status, "/message");
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<http::WebSocket>> open_stream(const Session& session, const std::string& name,
                                                     std::string_view stream) {
  http::Request request;
  request.path = fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/{}",
                             session.ns, name, stream);
  if (!session.config.token.empty()) request.headers.set("Authorization", "Bearer " + session.config.token);
  const http::ClientTls tls{
      session.config.ca_pem, session.config.client_certificate_pem, session.config.client_key_pem, {}};
  auto socket = http::connect_websocket(session.config.server, tls, request, "plain.kubevirt.io",
                                        Deadline::after(std::chrono::seconds{10}));
  if (!socket) return fail(readable(socket.error()));
  return socket;
}

}  // namespace godwit::cli
