// Label and field selectors. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apiserver/kinds.hpp"
#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

struct Requirement {
  enum class Operator : unsigned char { in, not_in, exists, not_exists } op = Operator::exists;
  std::string key;
  std::vector<std::string> values;
};

class Selector {
 public:
  /// "a=b,c!=d,e in (f,g),!h,i". Code::bad_request tells what is wrong.
  [[nodiscard]] static Result<Selector> labels(std::string_view text);
  /// "metadata.name=x,status.phase!=Running", of the kind's selectable fields.
  [[nodiscard]] static Result<Selector> fields(std::string_view text, const Kind& kind);

  [[nodiscard]] bool empty() const { return requirements_.empty(); }
  [[nodiscard]] bool matches(const json::Value& object) const;

 private:
  [[nodiscard]] std::vector<std::string> values_of(const json::Value& object, const std::string& key,
                                                   bool& present) const;
  bool of_fields_ = false;
  std::vector<Requirement> requirements_;
};

}  // namespace godwit::apiserver
