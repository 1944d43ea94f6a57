#include "node/pod_status.hpp"

namespace godwit::node {
namespace {

json::Object condition(std::string_view type, bool status, const std::string& time, std::string_view reason = {}) {
  json::Object made{{"type", type}, {"status", status ? "True" : "False"}, {"lastTransitionTime", time}};
  if (!reason.empty()) made["reason"] = reason;
  return made;
}

json::Object running(const std::string& host_address, bool ready, WallTime now) {
  const std::string time = format_time(now);
  const std::string_view why = ready ? std::string_view{} : "WaitingForHandOver";
  return {
      {"phase", "Running"},
      {"hostIP", host_address},
      {"startTime", time},
      {"conditions", json::Array{condition("PodScheduled", true, time), condition("Initialized", true, time),
                                 condition("ContainersReady", ready, time, why), condition("Ready", ready, time, why)}},
      {"containerStatuses",
       json::Array{json::Object{{"name", "compute"},
                                {"ready", ready},
                                {"started", true},
                                {"restartCount", 0},
                                {"image", "godwit/launcher"},
                                {"imageID", ""},
                                {"state", json::Object{{"running", json::Object{{"startedAt", time}}}}}}}},
  };
}

}  // namespace

json::Value pod_running(const std::string& host_address, WallTime now) {
  return json::Object{{"status", running(host_address, false, now)}};
}

json::Value pod_ready(const std::string& host_address, const std::string& guest_address, WallTime now) {
  json::Object status = running(host_address, true, now);
  if (!guest_address.empty()) {
    status["podIP"] = guest_address;
    status["podIPs"] = json::Array{json::Object{{"ip", guest_address}}};
  }
  return json::Object{{"status", std::move(status)}};
}

json::Value pod_ended(bool succeeded, int exit_code, std::string_view reason, std::string_view message, WallTime now) {
  const std::string time = format_time(now);
  const std::string_view completed = succeeded ? "PodCompleted" : "PodFailed";
  json::Object terminated{{"exitCode", exit_code}, {"reason", reason}, {"message", message}, {"finishedAt", time}};
  return json::Object{
      {"status", json::Object{
                     {"phase", succeeded ? "Succeeded" : "Failed"},
                     {"reason", reason},
                     {"message", message},
                     {"podIP", nullptr},
                     {"podIPs", nullptr},
                     {"conditions", json::Array{condition("PodScheduled", true, time),
                                                condition("Initialized", true, time, completed),
                                                condition("ContainersReady", false, time, completed),
                                                condition("Ready", false, time, completed)}},
                     {"containerStatuses",
                      json::Array{json::Object{{"name", "compute"},
                                               {"ready", false},
                                               {"started", false},
                                               {"restartCount", 0},
                                               {"image", "godwit/launcher"},
                                               {"imageID", ""},
                                               {"state", json::Object{{"terminated", std::move(terminated)}}}}}},
                 }}};
}

bool pod_is_terminal(const json::Value& pod) {
  const std::string phase = json::string_at(pod, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

std::string migration_uid_of(const json::Value& pod) {
  return json::string_at(pod, "/metadata/labels/kubevirt.io~1migrationJobUID");
}

std::string vmi_uid_of(const json::Value& pod) {
  return json::string_at(pod, "/metadata/labels/kubevirt.io~1created-by");
}

std::string vmi_name_of(const json::Value& pod) {
  return json::string_at(pod, "/metadata/annotations/kubevirt.io~1domain");
}

}  // namespace godwit::node
