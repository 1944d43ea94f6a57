// A pod's log as an HTTP answer of the agent's TLS port.
#pragma once

#include <functional>

#include "http/server.hpp"
#include "node/pod_log.hpp"

namespace godwit::node {

/// What a query asks for: follow, timestamps, tailLines, sinceSeconds, sinceTime, limitBytes. Code::bad_request.
[[nodiscard]] Result<LogSelection> log_selection_of(const http::Request& request, WallTime now);

void serve_pod_log(http::Exchange& exchange, const PodLogs& logs, const std::string& pod_uid,
                   const std::function<bool()>& is_live);

}  // namespace godwit::node
