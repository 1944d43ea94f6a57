// Read, change, write: for fields of an object that several parties write.
#pragma once

#include <functional>
#include <string_view>

#include "kube/client.hpp"

namespace godwit::kube {

/// Reads the object, lets `change` edit it, and patches just what it changed, guarded by the version that was read;
/// tries again when somebody else was faster. An edit that changes nothing writes nothing. Returns the object as it
/// then is.
[[nodiscard]] Result<json::Value> modify(const Client& client, const Resource& resource, const Key& key,
                                         const std::function<Result<>(json::Value&)>& change,
                                         std::string_view subresource = {});

}  // namespace godwit::kube
