#include "main/scheduling_admission.hpp"

#include <fmt/format.h>

#include "apiserver/status.hpp"
#include "rules/priority.hpp"
#include "rules/scheduling_fields.hpp"
#include "rules/taints.hpp"

namespace godwit {
namespace {

using apiserver::AdmissionRequest;
using apiserver::Operation;

constexpr std::string_view scheduling_group = "scheduling.k8s.io";
constexpr std::string_view classes = "priorityclasses";

bool is_new_pod(const AdmissionRequest& request) {
  return request.kind.group.empty() && request.kind.plural == "pods" && request.operation == Operation::create;
}

class SchedulingAdmission final : public apiserver::Admission {
 public:
  Result<> mutate(const AdmissionRequest& request, json::Value& object) override {
    if (!is_new_pod(request)) return {};
    const auto name = json::string_at(object, "/spec/priorityClassName");
    std::optional<json::Value> its_class;
    std::vector<json::Value> all;
    if (name.empty()) {
      all = request.lookup.list(scheduling_group, classes, "");
    } else {
      its_class = request.lookup.get(scheduling_group, classes, "", name);
    }
    const auto done =
        rules::set_priority(object, its_class ? &*its_class : nullptr, rules::default_priority_class(all));
    if (!done) return fail(apiserver::forbidden(request.kind, request.name, done.error().message));
    rules::add_default_tolerations(object);
    return {};
  }

  Result<> validate(const AdmissionRequest& request, const json::Value& object) override {
    if (is_new_pod(request)) {
      const auto* spec = json::find(object, "/spec");
      return refuse(request, spec == nullptr ? std::vector<FieldError>{} : rules::scheduling_errors(*spec, "spec"));
    }
    const bool is_class = request.kind.group == scheduling_group && request.kind.plural == classes;
    if (!is_class || request.operation == Operation::remove) return {};
    const auto other = rules::other_default(object, request.lookup.list(scheduling_group, classes, ""));
    if (!other.empty()) {
      return fail(apiserver::forbidden(
          request.kind, request.name,
          fmt::format("PriorityClass {} is already marked as default. Only one default can exist", other)));
    }
    return refuse(request, rules::priority_class_errors(request.old_object, object));
  }

 private:
  static Result<> refuse(const AdmissionRequest& request, std::vector<FieldError> causes) {
    if (causes.empty()) return {};
    return fail(apiserver::invalid(request.kind, request.name, std::move(causes)));
  }
};

}  // namespace

std::shared_ptr<apiserver::Admission> scheduling_admission() { return std::make_shared<SchedulingAdmission>(); }

}  // namespace godwit
