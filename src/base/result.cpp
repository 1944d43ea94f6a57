#include "base/result.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace godwit {
namespace {

struct Row {
  Code code;
  std::string_view reason;
  int http_status;
};

constexpr std::array rows{
    Row{Code::bad_request, "BadRequest", 400},
    Row{Code::unauthorized, "Unauthorized", 401},
    Row{Code::forbidden, "Forbidden", 403},
    Row{Code::not_found, "NotFound", 404},
    Row{Code::method_not_allowed, "MethodNotAllowed", 405},
    Row{Code::already_exists, "AlreadyExists", 409},
    Row{Code::conflict, "Conflict", 409},
    Row{Code::gone, "Gone", 410},
    Row{Code::expired, "Expired", 410},
    Row{Code::invalid, "Invalid", 422},
    Row{Code::unsupported_media_type, "UnsupportedMediaType", 415},
    Row{Code::too_many_requests, "TooManyRequests", 429},
    Row{Code::timeout, "Timeout", 504},
    Row{Code::server_timeout, "ServerTimeout", 500},
    Row{Code::unavailable, "ServiceUnavailable", 503},
    Row{Code::cancelled, "Cancelled", 499},
    Row{Code::not_built_yet, "NotImplemented", 501},
    Row{Code::internal, "InternalError", 500},
};

const Row& row_of(Code code) {
  for (const Row& row : rows) {
    if (row.code == code) return row;
  }
  return rows.back();
}

}  // namespace

Failure fail_errno(std::string_view what) { return fail_errno(what, errno); }

Failure fail_errno(std::string_view what, int error_number) {
  const Code code = error_number == ENOENT                            ? Code::not_found
                    : error_number == EACCES || error_number == EPERM ? Code::forbidden
                    : error_number == EEXIST                          ? Code::already_exists
                    : error_number == ECONNREFUSED || error_number == EPIPE || error_number == ECONNRESET
                        ? Code::unavailable
                    : error_number == ETIMEDOUT ? Code::timeout
                                                : Code::internal;
  return fail(code, std::string{what} + ": " + std::generic_category().message(error_number));
}

std::string_view reason_of(Code code) { return row_of(code).reason; }
int http_status_of(Code code) { return row_of(code).http_status; }

Code code_of(std::string_view reason, int http_status) {
  for (const Row& row : rows) {
    if (row.reason == reason) return row.code;
  }
  for (const Row& row : rows) {
    if (row.http_status == http_status) return row.code;
  }
  return Code::internal;
}

}  // namespace godwit
