// One JSON request and what became of it; for this folder's own use.
#pragma once

#include <string_view>

#include "kube/client.hpp"

namespace godwit::kube {

/// Sends and parses the answer; a Status of failure becomes the error, with its causes.
[[nodiscard]] WriteResult<json::Value> send_json(http::Client& transport, const http::Request& request,
                                                 Deadline deadline);
/// The error that a failed answer carries: a Status, or whatever text came with the HTTP status.
[[nodiscard]] Error error_of(int http_status, std::string_view body);
[[nodiscard]] Error error_of_status(const json::Value& status, int http_status);
[[nodiscard]] std::string_view content_type_of(PatchType type);
[[nodiscard]] http::Request write_request(std::string_view method, std::string path, const json::Value& body,
                                          std::string_view content_type = "application/json");

}  // namespace godwit::kube
