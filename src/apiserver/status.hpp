// Kubernetes' Status objects and the exact wording of its errors.
#pragma once

#include <string>
#include <string_view>

#include "apiserver/kinds.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

[[nodiscard]] Error not_found(const Kind& kind, std::string_view name);
[[nodiscard]] Error already_exists(const Kind& kind, std::string_view name);
[[nodiscard]] Error modified_meanwhile(const Kind& kind, std::string_view name);
[[nodiscard]] Error cannot_fulfil(const Kind& kind, std::string_view name, std::string_view why);
[[nodiscard]] Error forbidden(const Kind& kind, std::string_view name, std::string_view why);
/// `VirtualMachine.kubevirt.io "x" is invalid: …`, listing the causes.
[[nodiscard]] Error invalid(const Kind& kind, std::string_view name, std::vector<FieldError> causes);

/// metav1.Status of kind Failure.
[[nodiscard]] json::Value status_of(const Error& error);
[[nodiscard]] json::Value success_status(const Kind& kind, std::string_view name, std::string_view uid);
[[nodiscard]] http::Response error_response(const Error& error);
/// The same, naming the object that it is about: kubectl begins with it.
[[nodiscard]] http::Response error_response(const Error& error, const Kind& kind, const std::string& name);
[[nodiscard]] http::Response json_response(int status, std::string body);
[[nodiscard]] http::Response json_response(int status, const json::Value& body);

}  // namespace godwit::apiserver
