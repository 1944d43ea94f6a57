// Bodies in Kubernetes' protobuf, which newer kubectl sends for a few built-in kinds (`kubectl create configmap`, …).
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

/// Decodes ConfigMap, Namespace, Secret, ServiceAccount, PriorityClass, Eviction and SelfSubjectAccessReview into their
/// JSON form. Code::unsupported_media_type for any other kind; Code::bad_request for what is no such message. Answers
/// are always JSON.
[[nodiscard]] Result<json::Value> decode_protobuf_body(std::string_view body);

}  // namespace godwit::apiserver
