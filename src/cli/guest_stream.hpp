// A stream of a running guest (console, vnc), through the API server. Internal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/session.hpp"
#include "http/websocket.hpp"

namespace godwit::cli {

/// `stream`: "console" or "vnc". A refusal is told in the server's words.
[[nodiscard]] Result<std::unique_ptr<http::WebSocket>> open_stream(const Session& session, const std::string& name,
                                                                   std::string_view stream);

}  // namespace godwit::cli
