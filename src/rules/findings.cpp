#include "rules/findings.hpp"

#include "base/text.hpp"

namespace godwit::rules {

Result<> settle(std::vector<FieldError> causes) {
  constexpr std::size_t most_causes = 10;
  if (causes.empty()) return {};
  if (causes.size() > most_causes) causes.resize(most_causes);
  std::vector<std::string> messages;
  for (const auto& cause : causes) messages.push_back(cause.message);
  return fail(Error{Code::invalid, join(messages, ", "), std::move(causes)});
}

}  // namespace godwit::rules
