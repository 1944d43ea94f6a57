#include "rules/guest_control.hpp"

#include <array>
#include <string>
#include <utility>

#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr std::array names = {
    std::pair{GuestRequest::pause, "Pause"},
    std::pair{GuestRequest::unpause, "Unpause"},
    std::pair{GuestRequest::soft_reboot, "SoftReboot"},
    std::pair{GuestRequest::reset, "Reset"},
};

GuestRequest request_of(std::string_view name) {
  for (const auto& [request, known] : names) {
    if (name == known) return request;
  }
  return GuestRequest::none;
}

std::string_view name_of(GuestRequest request) {
  for (const auto& [known, name] : names) {
    if (request == known) return name;
  }
  return "";
}

/// Why it can't be asked; "" when it can.
std::string_view obstacle(const json::Value& vmi, GuestRequest request) {
  const auto control = read_control(vmi);
  const bool stands = condition_status(vmi, "Paused") == "True";
  const bool runs = phase_of(vmi) == "Running";
  switch (request) {
    case GuestRequest::pause:
      if (!runs) return "VM is not running";
      return control.paused || (stands && control.pending != GuestRequest::unpause) ? "VMI is already paused" : "";
    case GuestRequest::unpause:
      if (!runs) return "VMI is not running";
      return control.paused || stands ? "" : "VMI is not paused";
    case GuestRequest::soft_reboot:
      if (!runs) return "VMI is not running";
      if (control.paused || stands) return "VMI is paused";
      if (condition_status(vmi, "AgentConnected") != "True" &&
          !json::bool_at(vmi, "/spec/domain/features/acpi/enabled", true))
        return "VMI neither have the agent connected nor the ACPI feature enabled";
      return "";
    case GuestRequest::reset:
      if (!runs) return "VMI is not running";
      return control.paused || stands ? "VMI is paused" : "";
    case GuestRequest::none: break;
  }
  return "nothing is asked for";
}

}  // namespace

GuestControl read_control(const json::Value& vmi) {
  const auto* control = json::find(vmi, "/status/control");
  if (control == nullptr) return {.paused = json::string_at(vmi, "/spec/startStrategy") == "Paused"};
  GuestControl read{.paused = json::bool_at(*control, "/paused"), .generation = json::int_at(*control, "/generation")};
  if (json::int_at(*control, "/observedGeneration") < read.generation)
    read.pending = request_of(json::string_at(*control, "/request"));
  return read;
}

bool wants_pause(const json::Value& vmi) { return read_control(vmi).paused; }

Result<json::Value> with_request(json::Value vmi, GuestRequest request) {
  if (const auto why = obstacle(vmi, request); !why.empty()) return fail(Code::conflict, std::string{why});
  const auto before = read_control(vmi);
  const bool paused = request == GuestRequest::pause || (request != GuestRequest::unpause && before.paused);
  json::set(vmi, "/status/control/paused", paused);
  json::set(vmi, "/status/control/request", json::Value(name_of(request)));
  json::set(vmi, "/status/control/generation", before.generation + 1);
  return vmi;
}

void note_done(json::Value& vmi, std::int64_t generation, std::string_view refusal) {
  if (json::find(vmi, "/status/control") == nullptr || is_done(vmi, generation)) return;
  json::set(vmi, "/status/control/observedGeneration", generation);
  json::set(vmi, "/status/control/message", json::Value(refusal));
}

bool is_done(const json::Value& vmi, std::int64_t generation) {
  return json::int_at(vmi, "/status/control/observedGeneration") >= generation;
}

}  // namespace godwit::rules
