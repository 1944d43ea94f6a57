#include "node/pod_status.hpp"

namespace godwit::node {
namespace {

json::Object condition(std::string_view type, bool status, const std::string& time, std::string_view reason = {}) {
  json::Object made{{"type", type}, {"status", status ? "True" : "False"}, {"lastTransitionTime", time}};
  if (!reason.empty()) made["reason"] = reason;
  return made;
}

/// The one container's status, but for its state.
json::Object container(const std::string& pod_uid, bool ready, bool started) {
  return {{"name", "compute"},
          {"ready", ready},
          {"started", started},
          {"restartCount", 0},
          {"image", "godwit/launcher"},
          {"imageID", "godwit/launcher"},
          {"containerID", "qemu://" + pod_uid}};
}

json::Object running(const PodPlace& place, bool ready, WallTime now) {
  const std::string time = format_time(now);
  json::Object compute = container(place.pod_uid, ready, true);
  compute["state"] = json::Object{{"running", json::Object{{"startedAt", time}}}};
  const std::string_view why = ready ? std::string_view{} : "WaitingForHandOver";
  return {
      {"phase", "Running"},
      {"hostIP", place.host_address},
      {"startTime", time},
      {"conditions", json::Array{condition("PodScheduled", true, time), condition("Initialized", true, time),
                                 condition("ContainersReady", ready, time, why), condition("Ready", ready, time, why)}},
      {"containerStatuses", json::Array{std::move(compute)}},
  };
}

json::Object waiting(const std::string& name, json::Object why) {
  return json::Object{{"name", name},
                      {"ready", false},
                      {"started", false},
                      {"restartCount", 0},
                      {"image", "godwit/launcher"},
                      {"imageID", ""},
                      {"state", json::Object{{"waiting", std::move(why)}}}};
}

}  // namespace

json::Value pod_creating() {
  return json::Object{
      {"status", json::Object{{"containerStatuses",
                               json::Array({json::Value(waiting("compute", {{"reason", "ContainerCreating"}}))})}}}};
}

json::Value pod_waiting(const std::string& container, const std::string& reason, const std::string& message) {
  return json::Object{
      {"status", json::Object{{"containerStatuses",
                               json::Array{waiting("compute", {{"reason", "ContainerCreating"}}),
                                           waiting(container, {{"reason", reason}, {"message", message}})}}}}};
}

json::Value pod_running(const PodPlace& place, WallTime now) {
  return json::Object{{"status", running(place, false, now)}};
}

json::Value pod_ready(const PodPlace& place, const std::string& guest_address, WallTime now) {
  json::Object status = running(place, true, now);
  if (!guest_address.empty()) {
    status["podIP"] = guest_address;
    status["podIPs"] = json::Array{json::Object{{"ip", guest_address}}};
  }
  return json::Object{{"status", std::move(status)}};
}

json::Value pod_ended(const json::Value& pod, bool succeeded, int exit_code, std::string_view reason,
                      std::string_view message, WallTime now) {
  const std::string time = format_time(now);
  const std::string_view completed = succeeded ? "PodCompleted" : "PodFailed";
  const std::string started = json::string_at(pod, "/status/containerStatuses/0/state/running/startedAt",
                                              json::string_at(pod, "/status/startTime"));
  json::Object terminated{{"exitCode", exit_code},
                          {"reason", reason},
                          {"message", message},
                          {"startedAt", started.empty() ? time : started},
                          {"finishedAt", time}};
  json::Object compute = container(json::string_at(pod, "/metadata/uid"), false, false);
  compute["state"] = json::Object{{"terminated", std::move(terminated)}};
  return json::Object{{"status", json::Object{
                                     {"phase", succeeded ? "Succeeded" : "Failed"},
                                     {"reason", reason},
                                     {"message", message},
                                     {"podIP", nullptr},
                                     {"podIPs", nullptr},
                                     {"conditions", json::Array{condition("PodScheduled", true, time),
                                                                condition("Initialized", true, time, completed),
                                                                condition("ContainersReady", false, time, completed),
                                                                condition("Ready", false, time, completed)}},
                                     {"containerStatuses", json::Array{std::move(compute)}},
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
