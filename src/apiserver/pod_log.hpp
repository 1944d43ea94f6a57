// pods/log: what `kubectl logs` asks for, handed through from the agent of the pod's node.
#pragma once

#include "apiserver/objects.hpp"
#include "apiserver/request_info.hpp"
#include "http/server.hpp"
#include "http/websocket.hpp"

namespace godwit::apiserver {

/// `agents`: the server's certificate for its calls to agents.
void serve_pod_log(http::Exchange& exchange, const RequestInfo& info, const Objects& objects,
                   const http::ClientTls& agents);

}  // namespace godwit::apiserver
