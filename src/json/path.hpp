// The JSONPath of CRD printer columns: ".status.conditions[?(@.type=="Ready")].status", ".spec.disks[0].name", "[*]".
#pragma once

#include <string_view>
#include <vector>

#include "json/value.hpp"

namespace godwit::json {

class Path {
 public:
  /// With or without the leading "$" or "{…}".
  [[nodiscard]] static Result<Path> parse(std::string_view text);
  /// Everything the path selects, in order. Pointers into `root`.
  [[nodiscard]] std::vector<const Value*> select(const Value& root) const;

 private:
  friend class PathParser;
  struct Step {
    enum class Kind : unsigned char { member, index, wildcard, filter } kind;
    std::string name = {};  ///< member name, or the filter's member
    std::int64_t index = 0;
    std::string equals = {};  ///< the filter's literal
  };
  std::vector<Step> steps_;
};

}  // namespace godwit::json
