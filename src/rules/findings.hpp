// What is wrong with an object, as the API reports it.
#pragma once

#include <vector>

#include "base/result.hpp"

namespace godwit::rules {

/// Code::invalid with the first ten causes, their messages joined by ", ". Fine when there is none.
[[nodiscard]] Result<> settle(std::vector<FieldError> causes);
[[nodiscard]] inline Result<> settle(FieldError cause) { return settle(std::vector{std::move(cause)}); }

}  // namespace godwit::rules
