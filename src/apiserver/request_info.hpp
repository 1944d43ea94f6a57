// What a request of the Kubernetes API asks for, read from its method, path and query. Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace godwit::apiserver {

struct RequestInfo {
  std::string path;   ///< as asked for
  std::string verb;   ///< get, list, watch, create, update, patch, delete, deletecollection
  std::string group;  ///< "" for the core group
  std::string version;
  std::string ns;        ///< "" : cluster scope, or all namespaces
  std::string resource;  ///< plural; "" for paths that name none (discovery)
  std::string name;
  std::string subresource;   ///< the rest of the path, "evacuate/cancel" included
  bool is_resource = false;  ///< below /api or /apis, with a resource
};

[[nodiscard]] RequestInfo parse_request_info(const http::Request& request);

}  // namespace godwit::apiserver
