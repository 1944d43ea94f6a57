#include <set>

#include <fmt/format.h>

#include "rules/guest_checks.hpp"
#include "rules/guest_fields.hpp"
#include "rules/scheduling_fields.hpp"

namespace godwit::rules {
namespace {

void check_rest(Findings& f) {
  static const std::set<std::string> strategies{"", "None", "LiveMigrate", "LiveMigrateIfPossible", "External"};
  const auto* strategy = json::find(f.spec, "/evictionStrategy");
  if (strategy != nullptr && strategy->is_string()) {
    const std::string value{strategy->as_string()};
    if (value.empty() || !strategies.contains(value)) {
      f.invalid("evictionStrategy",
                fmt::format("{} is set with an unrecognized option: {}", f.at("evictionStrategy"), value));
    }
  }
  if (json::int_at(f.spec, "/terminationGracePeriodSeconds") < 0) {
    f.invalid("terminationGracePeriodSeconds",
              fmt::format("{} must not be negative", f.at("terminationGracePeriodSeconds")));
  }
  const auto architecture = json::string_at(f.spec, "/architecture", "amd64");
  if (architecture != "amd64") f.invalid("architecture", fmt::format("not built yet: architecture {}", architecture));
}

}  // namespace

std::vector<FieldError> wrong_fields(const json::Value& spec, const std::string& prefix) {
  Findings findings{spec, prefix};
  check_platform(findings);
  check_disks(findings);
  check_volumes(findings);
  check_interfaces(findings);
  check_devices(findings);
  check_rest(findings);
  for (auto& cause : scheduling_errors(spec, prefix)) {
    cause.message = fmt::format("{}: {}", cause.field, cause.message);
    findings.causes.push_back(std::move(cause));
  }
  return std::move(findings.causes);
}

}  // namespace godwit::rules
