#include "node/guest_run.hpp"

#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using Command = RunStep::Command;
using Paused = RunStep::Paused;
using rules::GuestRequest;

RunStep step_of_running(const RunView& view) {
  if (view.control.paused) return {.command = Command::stop, .paused = Paused::by_user, .done = true};
  const bool reboots = view.control.pending == GuestRequest::soft_reboot || view.control.pending == GuestRequest::reset;
  if (reboots && view.migration != RunView::Migration::none) return {.paused = Paused::no};  // afterwards
  if (view.control.pending == GuestRequest::soft_reboot)
    return {.command = Command::soft_reboot, .paused = Paused::no, .done = true};
  if (view.control.pending == GuestRequest::reset)
    return {.command = Command::reset, .paused = Paused::no, .done = true};
  return {.paused = Paused::no, .done = true};
}

RunStep step_of_standing(const RunView& view, Paused why) {
  if (view.control.pending != GuestRequest::unpause) {
    const bool reboots =
        view.control.pending == GuestRequest::soft_reboot || view.control.pending == GuestRequest::reset;
    return {.paused = why, .done = true, .refusal = reboots ? "VMI is paused" : ""};
  }
  // A QEMU that has not run yet, or that has sent its guest away before, is continued with nothing else under way.
  const bool needs_quiet = view.run_state == "prelaunch" || view.run_state == "postmigrate";
  if (needs_quiet && view.migration != RunView::Migration::none) return {.paused = why};
  return {.command = Command::cont, .paused = Paused::no, .done = true};
}

}  // namespace

GuestEnd end_of_event(std::string_view name, const json::Value& data) {
  if (name == "GUEST_PANICKED") return GuestEnd::panicked;
  if (name != "SHUTDOWN") return GuestEnd::none;
  const auto reason = json::string_at(data, "/reason");
  if (reason == "guest-panic") return GuestEnd::panicked;
  return reason == "guest-shutdown" ? GuestEnd::shut_down : GuestEnd::none;
}

GuestEnd end_of_run_state(std::string_view state) {
  if (state == "guest-panicked") return GuestEnd::panicked;
  return state == "shutdown" ? GuestEnd::shut_down : GuestEnd::none;
}

bool changes_run_state(std::string_view event) {
  return event == "STOP" || event == "RESUME" || event == "BLOCK_IO_ERROR" || event == "SHUTDOWN" ||
         event == "GUEST_PANICKED";
}

RunStep run_step(const RunView& view) {
  if (view.migration == RunView::Migration::handing_over) return {};
  if (view.run_state == "running") return step_of_running(view);
  if (view.run_state == "io-error") return step_of_standing(view, Paused::io_error);
  // postmigrate: it had sent a paused guest away that came back.
  if (view.run_state == "paused" || view.run_state == "prelaunch" || view.run_state == "postmigrate")
    return step_of_standing(view, Paused::by_user);
  return {};  // finish-migrate, shutdown, …: others see to it
}

void set_paused(json::Value& vmi, RunStep::Paused paused, std::string_view now) {
  if (paused == Paused::unchanged) return;
  auto conditions = json::array_at(vmi, "/status/conditions");
  const bool stands = paused != Paused::no;
  if (stands) {
    const bool by_user = paused == Paused::by_user;
    conditions = rules::with_condition(
        std::move(conditions),
        json::Object{{"type", "Paused"},
                     {"status", "True"},
                     {"reason", by_user ? "PausedByUser" : "PausedIOError"},
                     {"message", by_user ? "VMI was paused by user" : "VMI was paused, low-level IO error detected"}},
        now);
  } else {
    conditions = rules::without_condition(std::move(conditions), "Paused");
  }
  json::Object ready{{"type", "Ready"}, {"status", stands ? "False" : "True"}};
  if (stands) {
    ready["reason"] = "ReadinessGatesNotReady";
    ready["message"] =
        R"(the status of pod readiness gate "kubevirt.io/virtual-machine-unpaused" is not "True", but False)";
  }
  json::set(vmi, "/status/conditions", rules::with_condition(std::move(conditions), std::move(ready), now));
}

}  // namespace godwit::node
