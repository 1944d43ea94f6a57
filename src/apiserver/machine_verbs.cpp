#include "apiserver/machine_verbs.hpp"

#include <fmt/format.h>

#include "apiserver/subresource_support.hpp"
#include "rules/objects.hpp"

namespace godwit::apiserver {
namespace {

using rules::GuestRequest;

constexpr int most_tries = 20;
constexpr std::chrono::seconds agent_patience{10};
constexpr std::chrono::milliseconds look_again{10};
constexpr std::int64_t shortest_safe_grace = 1;

Result<http::Response> done(int status) { return http::Response{.status = status, .headers = {}, .body = {}}; }

GuestRequest guest_request_of(const std::string& verb) {
  if (verb == "pause") return GuestRequest::pause;
  if (verb == "unpause") return GuestRequest::unpause;
  if (verb == "softreboot") return GuestRequest::soft_reboot;
  return verb == "reset" ? GuestRequest::reset : GuestRequest::none;
}

std::string in_words(GuestRequest request) {
  switch (request) {
    case GuestRequest::pause: return "paused";
    case GuestRequest::unpause: return "unpaused";
    case GuestRequest::soft_reboot: return "rebooted";
    case GuestRequest::reset: return "reset";
    case GuestRequest::none: break;
  }
  return "";
}

}  // namespace

std::optional<Result<http::Response>> MachineVerbs::serve(const http::Request& request, const RequestInfo& info,
                                                          const User& user, const std::stop_token& stop) const {
  if (request.method != "PUT") return std::nullopt;
  const bool vm = info.resource == "virtualmachines";
  const auto& verb = info.subresource;
  const auto for_guest = vm ? GuestRequest::none : guest_request_of(verb);
  const bool for_vm = vm && (verb == "start" || verb == "stop" || verb == "restart" || verb == "migrate");
  if (!for_vm && for_guest == GuestRequest::none) return std::nullopt;
  const auto body = body_of(request);
  if (!body) return fail(body.error());
  const WriteOptions options{
      .user = user, .fields = FieldValidation::strict, .dry_run = !json::array_at(*body, "/dryRun").empty()};
  if (for_guest != GuestRequest::none) return ask_guest(info, options, for_guest, stop);
  if (verb == "migrate") return migrate(info, options, *body);
  if (verb == "restart") return restart(info, options, number_in(*body, "/gracePeriodSeconds"));
  if (verb == "start") {
    return change_power(info, options, [&](const json::Value& machine, const json::Value* vmi) {
      return rules::start_change(machine, vmi, json::bool_at(*body, "/paused"));
    });
  }
  return change_power(info, options, [&](const json::Value& machine, const json::Value* vmi) {
    return rules::stop_change(machine, vmi, number_in(*body, "/gracePeriod"));
  });
}

std::optional<json::Value> MachineVerbs::instance_of(const RequestInfo& info) const {
  return objects_.lookup().get(kubevirt_group, "virtualmachineinstances", info.ns, info.name);
}

Result<http::Response> MachineVerbs::change_power(const RequestInfo& info, const WriteOptions& options,
                                                  const Decide& decide) const {
  const Kind& vms = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachines");
  Error last;
  for (int i = 0; i < most_tries; ++i) {
    const auto vm = objects_.get(vms, info.ns, info.name);
    if (!vm) return fail(machine_error(Code::not_found, info, {}));
    const auto vmi = instance_of(info);
    auto change = decide(*vm, vmi ? &*vmi : nullptr);
    if (!change) return fail(machine_error(change.error().code, info, change.error().message));
    const auto applied = apply(info, options, *vm, std::move(*change));
    if (applied) return done(202);
    if (applied.error().code != Code::conflict) return fail(applied.error());
    last = applied.error();  // somebody else wrote meanwhile: decide anew
  }
  return fail(last);
}

Result<> MachineVerbs::apply(const RequestInfo& info, const WriteOptions& options, const json::Value& vm,
                             rules::PowerChange change) const {
  const Kind& vms = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachines");
  const Kind& vmis = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachineinstances");
  const auto write = [&](const Kind& kind, const json::Value& patch, const char* subresource) -> Result<> {
    if (patch.is_null()) return {};
    const auto written = objects_.patch(kind, info.ns, info.name, PatchKind::merge, patch, subresource, options);
    return written ? Result<>{} : fail(written.error());
  };
  if (auto done_vmi = write(vmis, change.vmi, ""); !done_vmi) return done_vmi;
  for (auto* patch : {&change.vm, &change.vm_status}) {
    if (!patch->is_null())
      json::set(*patch, "/metadata/resourceVersion", json::Value(json::string_at(vm, "/metadata/resourceVersion")));
  }
  if (auto done_vm = write(vms, change.vm, ""); !done_vm) return done_vm;
  return write(vms, change.vm_status, "status");
}

/// A forced one also deletes the launcher pod with the shortest grace period that is safe.
Result<http::Response> MachineVerbs::restart(const RequestInfo& info, const WriteOptions& options,
                                             std::optional<std::int64_t> grace) const {
  const auto vmi = instance_of(info);
  auto answer = change_power(info, options, [&](const json::Value& vm, const json::Value* instance) {
    return rules::restart_change(vm, instance, grace);
  });
  if (!answer || !grace || !vmi) return answer;
  const Kind& pods = *objects_.kinds().find("", "v1", "pods");
  for (const auto& pod : objects_.lookup().list("", "pods", info.ns)) {
    const bool runs_it = rules::label_of(pod, "kubevirt.io/created-by") == rules::uid_of(*vmi) &&
                         json::string_at(pod, "/spec/nodeName") == json::string_at(*vmi, "/status/nodeName");
    if (!runs_it || rules::is_final(pod)) continue;
    // It may be gone by itself by now.
    (void)objects_.remove(pods, info.ns, rules::name_of_object(pod),
                          {.uid = rules::uid_of(pod),
                           .resource_version = {},
                           .grace_period_seconds = shortest_safe_grace,
                           .propagation_policy = {},
                           .dry_run = options.dry_run},
                          options.user);
  }
  return answer;
}

Result<http::Response> MachineVerbs::migrate(const RequestInfo& info, const WriteOptions& options,
                                             const json::Value& body) const {
  const Kind& vms = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachines");
  const Kind& migrations = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachineinstancemigrations");
  if (!objects_.get(vms, info.ns, info.name)) return fail(machine_error(Code::not_found, info, {}));
  const auto vmi = instance_of(info);
  if (!vmi) {
    RequestInfo instance = info;
    instance.resource = "virtualmachineinstances";
    return fail(machine_error(Code::not_found, instance, {}));
  }
  if (rules::phase_of(*vmi) != "Running") return fail(machine_error(Code::conflict, info, "VM is not running"));
  json::Value wanted = json::Object{{"apiVersion", "kubevirt.io/v1"}, {"kind", "VirtualMachineInstanceMigration"}};
  json::set(wanted, "/metadata/generateName", "kubevirt-migrate-vm-");
  json::set(wanted, "/spec/vmiName", json::Value(info.name));
  if (const auto& selector = json::object_at(body, "/addedNodeSelector"); !selector.empty())
    json::set(wanted, "/spec/addedNodeSelector", selector);
  const auto made = objects_.create(migrations, info.ns, std::move(wanted), options);
  if (!made) return fail(machine_error(Code::internal, info, made.error().message));
  return done(202);
}

/// Writes the request into the VMI, and answers once the owner's agent has dealt with it.
Result<http::Response> MachineVerbs::ask_guest(const RequestInfo& info, const WriteOptions& options,
                                               GuestRequest request, const std::stop_token& stop) const {
  const Kind& vmis = *objects_.kinds().find(kubevirt_group, "v1", "virtualmachineinstances");
  if (!instance_of(info)) return fail(machine_error(Code::not_found, info, {}));
  Error refusal;
  const auto asked =
      objects_.change(vmis, info.ns, info.name, {}, options, [&](const json::Value& vmi) -> Result<json::Value> {
        auto made = rules::with_request(vmi, request);
        if (!made) return fail(machine_error(made.error().code, info, made.error().message));
        return made;
      });
  if (!asked) return fail(asked.error());
  if (options.dry_run) return done(200);
  const auto generation = rules::read_control(asked->object).generation;
  const Deadline patience = Deadline::after(agent_patience);
  while (!patience.passed() && sleep_for(look_again, stop)) {
    const auto now = instance_of(info);
    if (!now || rules::uid_of(*now) != rules::uid_of(asked->object))
      return fail(machine_error(Code::not_found, info, {}));
    if (rules::is_final(*now)) return fail(machine_error(Code::conflict, info, "VMI is not running"));
    if (!rules::is_done(*now, generation)) continue;
    const auto why = json::string_at(*now, "/status/control/message");
    if (!why.empty()) return fail(machine_error(Code::conflict, info, why));
    return done(200);
  }
  return fail(Code::timeout, fmt::format("node {} has not answered within {} s; the guest will be {} when it does, or "
                                         "when the migration under way is over",
                                         json::string_at(asked->object, "/status/nodeName"), agent_patience.count(),
                                         in_words(request)));
}

}  // namespace godwit::apiserver
