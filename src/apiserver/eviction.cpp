#include "apiserver/eviction.hpp"

#include "rules/eviction.hpp"
#include "rules/objects.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view kubevirt_group = "kubevirt.io";
constexpr std::string_view vmis_plural = "virtualmachineinstances";

Failure denied(const std::string& why) {
  return fail(Code::too_many_requests,
              "admission webhook \"virt-launcher-eviction-interceptor.kubevirt.io\" denied the request: " + why);
}

}  // namespace

Result<> allow_eviction(Objects& objects, const json::Value& pod, bool dry_run, const User& user) {
  const std::string ns = json::string_at(pod, "/metadata/namespace");
  const std::string name = rules::annotation_of(pod, "kubevirt.io/domain");
  std::optional<json::Value> vmi;
  if (rules::is_living_launcher(pod)) vmi = objects.lookup().get(kubevirt_group, vmis_plural, ns, name);
  const auto answer = rules::answer_eviction(pod, vmi ? &*vmi : nullptr);
  if (!answer.mark_node.empty()) {
    const Kind& vmis = *objects.kinds().find(kubevirt_group, "v1", vmis_plural);
    json::Value mark = json::Object{};
    json::set(mark, "/metadata/uid", rules::uid_of(*vmi));
    json::set(mark, "/status/evacuationNodeName", answer.mark_node);
    const auto marked = objects.patch(vmis, ns, name, PatchKind::merge, mark, {},
                                      {.user = user, .fields = FieldValidation::ignore, .dry_run = dry_run});
    if (!marked) return denied("kubevirt failed marking the vmi for eviction: " + marked.error().message);
  }
  return answer.refusal.empty() ? Result<>{} : denied(answer.refusal);
}

}  // namespace godwit::apiserver
