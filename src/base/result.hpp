// Errors as values: what a function that can fail returns, and the one set of error codes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace godwit {

/// The reasons of a Kubernetes Status (metav1.StatusReason), so that agent, condition and CLI show the same word.
enum class Code : std::uint8_t {
  bad_request,
  unauthorized,
  forbidden,
  not_found,
  method_not_allowed,
  already_exists,
  conflict,
  gone,
  expired,
  invalid,
  unsupported_media_type,
  too_many_requests,
  timeout,
  server_timeout,
  unavailable,
  cancelled,
  not_built_yet,
  internal,
};

/// One wrong field of an object, as in Status.details.causes.
struct FieldError {
  std::string reason;   ///< metav1.CauseType, e.g. "FieldValueInvalid"
  std::string message;  ///< without the path
  std::string field;    ///< path as kubectl shows it, e.g. "spec.template.spec.domain"

  bool operator==(const FieldError&) const = default;
};

struct Error {
  Code code = Code::internal;
  std::string message;
  std::vector<FieldError> causes = {};

  /// The same error, its message prefixed: "<what>: <message>".
  [[nodiscard]] Error within(std::string_view what) const {
    Error wrapped = *this;
    wrapped.message = std::string{what} + ": " + message;
    return wrapped;
  }
};

template <class T = void>
using Result = tl::expected<T, Error>;
using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure fail(Code code, std::string message) { return Failure{Error{code, std::move(message)}}; }
[[nodiscard]] inline Failure fail(Error error) { return Failure{std::move(error)}; }

/// errno as an error: "<what>: No such file or directory".
[[nodiscard]] Failure fail_errno(std::string_view what);
[[nodiscard]] Failure fail_errno(std::string_view what, int error_number);

/// The word of a Status: "NotFound", "Conflict", …
[[nodiscard]] std::string_view reason_of(Code code);
/// The HTTP status that carries the code: 404, 409, …
[[nodiscard]] int http_status_of(Code code);
/// The code that a reason word names; unknown words fall back on the HTTP status.
[[nodiscard]] Code code_of(std::string_view reason, int http_status);

}  // namespace godwit
