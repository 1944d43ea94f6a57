#include "node/vmi_status.hpp"

#include "rules/objects.hpp"

namespace godwit::node {
namespace {

void set_condition(json::Value& vmi, std::string_view type, bool status, std::string_view reason,
                   std::string_view message, WallTime now) {
  json::Object condition{{"type", type}, {"status", status ? "True" : "False"}};
  if (!reason.empty()) condition["reason"] = reason;
  if (!message.empty()) condition["message"] = message;
  json::set(vmi, "/status/conditions",
            rules::with_condition(json::array_at(vmi, "/status/conditions"), std::move(condition), format_time(now)));
}

json::Array interfaces_of(const RunningGuest& guest) {
  json::Array interfaces;
  for (std::size_t i = 0; i < guest.record.ports.size(); ++i) {
    const hostnet::PortSpec& port = guest.record.ports[i];
    interfaces.push_back(json::Object{{"name", guest.record.interface_names.at(i)},
                                      {"mac", port.mac},
                                      {"ipAddress", port.pod_ip},
                                      {"ipAddresses", json::Array{json::Value(port.pod_ip)}},
                                      {"infoSource", "domain"},
                                      {"queueCount", 1}});
  }
  return interfaces;
}

/// The amount as the spec writes it.
json::Value guest_memory(const json::Value& vmi) {
  for (const auto* pointer : {"/spec/domain/memory/guest", "/spec/domain/resources/requests/memory",
                              "/spec/domain/resources/limits/memory"}) {
    if (const auto* amount = json::find(vmi, pointer); amount != nullptr && !amount->is_null()) return *amount;
  }
  return "0";
}

/// What the guest has, and what its CPU became: a migration's target makes the same of it.
void set_hardware(json::Value& vmi, const InstanceRecord& record) {
  json::set(vmi, "/status/machine", json::Object{{"type", record.machine_type}});
  const json::Value memory = guest_memory(vmi);
  json::set(vmi, "/status/memory",
            json::Object{{"guestAtBoot", memory}, {"guestCurrent", memory}, {"guestRequested", memory}});
  json::set(vmi, "/status/currentCPUTopology",
            json::Object{{"cores", json::int_at(vmi, "/spec/domain/cpu/cores", 1)},
                         {"sockets", json::int_at(vmi, "/spec/domain/cpu/sockets", 1)},
                         {"threads", json::int_at(vmi, "/spec/domain/cpu/threads", 1)}});
  if (!record.cpu.empty()) {
    json::set(vmi, "/metadata/annotations/" + json::escape(cpu_annotation), json::Value(record.cpu));
  }
}

}  // namespace

void set_running(json::Value& vmi, const RunningGuest& guest, WallTime now) {
  const std::string phase = json::string_at(vmi, "/status/phase");
  json::set(vmi, "/status/phase", "Running");
  if (phase != "Running") {
    json::Array transitions = json::array_at(vmi, "/status/phaseTransitionTimestamps");
    transitions.push_back(json::Object{{"phase", "Running"}, {"phaseTransitionTimestamp", format_time(now)}});
    json::set(vmi, "/status/phaseTransitionTimestamps", std::move(transitions));
  }
  json::set(vmi, "/status/interfaces", interfaces_of(guest));
  json::set(vmi, "/status/activePods", json::Object{{guest.record.pod_uid, guest.node}});
  set_hardware(vmi, guest.record);
  json::set(vmi, "/status/migrationTransport", "Unix");
  json::set(vmi, "/status/migrationMethod", "LiveMigration");
  json::set(vmi, "/metadata/labels/kubevirt.io~1nodeName", guest.node);
  if (rules::condition_status(vmi, "Paused") != "True") set_condition(vmi, "Ready", true, {}, {}, now);
}

void set_ended(json::Value& vmi, bool succeeded, std::string_view reason, WallTime now) {
  json::set(vmi, "/status/phase", succeeded ? "Succeeded" : "Failed");
  json::set(vmi, "/status/reason", json::Value(reason));
  set_condition(vmi, "Ready", false, "GuestNotRunning", reason, now);
}

json::Array migration_completed(WallTime now) {
  const std::string time = format_time(now);
  return {rules::patch_operation("add", "/status/migrationState/targetNodeDomainDetected", true),
          rules::patch_operation("add", "/status/migrationState/targetNodeDomainReadyTimestamp", json::Value(time)),
          rules::patch_operation("add", "/status/migrationState/endTimestamp", json::Value(time)),
          rules::patch_operation("add", "/status/migrationState/completed", true)};
}

void set_migration_failed(json::Value& vmi, const std::string& migration_uid, std::string_view reason, bool aborted,
                          WallTime now) {
  if (json::string_at(vmi, "/status/migrationState/migrationUid") != migration_uid ||
      json::bool_at(vmi, "/status/migrationState/completed")) {
    return;
  }
  const std::string time = format_time(now);
  if (json::find(vmi, "/status/migrationState/startTimestamp") == nullptr) {
    json::set(vmi, "/status/migrationState/startTimestamp", time);
  }
  json::set(vmi, "/status/migrationState/endTimestamp", time);
  json::set(vmi, "/status/migrationState/completed", true);
  json::set(vmi, "/status/migrationState/failed", true);
  json::set(vmi, "/status/migrationState/failureReason", json::Value(reason));
  if (aborted) {
    json::set(vmi, "/status/migrationState/abortRequested", true);
    json::set(vmi, "/status/migrationState/abortStatus", "Succeeded");
  }
}

}  // namespace godwit::node
