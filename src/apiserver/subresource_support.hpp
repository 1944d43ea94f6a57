// What all subresources need: bodies, and errors in KubeVirt's form. Internal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apiserver/request_info.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

inline constexpr std::string_view kubevirt_group = "kubevirt.io";
inline constexpr std::string_view subresource_group = "subresources.kubevirt.io";

/// {} when there is none.
[[nodiscard]] Result<json::Value> body_of(const http::Request& request);
[[nodiscard]] std::optional<std::int64_t> number_in(const json::Value& body, std::string_view pointer);

/// The error with the machine's name around it, as KubeVirt words it. `why` is the inner text.
[[nodiscard]] Error machine_error(Code code, const RequestInfo& machine, std::string_view why);

}  // namespace godwit::apiserver
