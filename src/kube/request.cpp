#include "kube/request.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::kube {
namespace {

constexpr std::size_t longest_foreign_text = 300;

}  // namespace

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::json: return "application/json-patch+json";
    case PatchType::merge: return "application/merge-patch+json";
    case PatchType::strategic: return "application/strategic-merge-patch+json";
  }
  return "application/json";
}

http::Request write_request(std::string_view method, std::string path, const json::Value& body,
                            std::string_view content_type) {
  http::Request request;
  request.method = method;
  request.path = std::move(path);
  request.headers.set("Accept", "application/json");
  request.headers.set("Content-Type", std::string{content_type});
  request.body = json::write(body);
  return request;
}

Error error_of_status(const json::Value& status, int http_status) {
  const int code = static_cast<int>(json::int_at(status, "/code", http_status));
  Error error{code_of(json::string_at(status, "/reason"), code), json::string_at(status, "/message"), {}};
  if (error.message.empty()) error.message = fmt::format("the server answered {}", code);
  for (const auto& cause : json::array_at(status, "/details/causes")) {
    error.causes.push_back(
        {json::string_at(cause, "/reason"), json::string_at(cause, "/message"), json::string_at(cause, "/field")});
  }
  return error;
}

Error error_of(int http_status, std::string_view body) {
  if (const auto status = json::parse(body); status && json::string_at(*status, "/kind") == "Status") {
    return error_of_status(*status, http_status);
  }
  const auto text = trim(body.substr(0, longest_foreign_text));
  return Error{code_of("", http_status),
               text.empty() ? fmt::format("the server answered {}", http_status)
                            : fmt::format("the server answered {}: {}", http_status, text),
               {}};
}

WriteResult<json::Value> send_json(http::Client& transport, const http::Request& request, Deadline deadline) {
  auto response = transport.send(request, deadline);
  if (!response) {
    const auto& failure = response.error();
    return tl::unexpected(WriteError{failure.error, failure.sent == http::Sent::no ? Applied::no : Applied::unknown});
  }
  if (response->status >= 300) {
    return tl::unexpected(WriteError{error_of(response->status, response->body),
                                     response->status >= 500 ? Applied::unknown : Applied::no});
  }
  auto value = json::parse(response->body);
  if (!value) return tl::unexpected(WriteError{value.error().within("the server's answer"), Applied::unknown});
  return *std::move(value);
}

}  // namespace godwit::kube
