// Reading other objects while one request is decided upon.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.hpp"

namespace godwit::apiserver {

/// Objects as they are at this moment; within a write, as every write before it leaves them.
struct Lookup {
  std::function<std::optional<json::Value>(std::string_view group, std::string_view plural, const std::string& ns,
                                           const std::string& name)>
      get;
  std::function<std::vector<json::Value>(std::string_view group, std::string_view plural, const std::string& ns)> list;
};

}  // namespace godwit::apiserver
