// What a guest's run state and its users' word make of each other on the host that owns it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "json/value.hpp"
#include "rules/guest_control.hpp"

namespace godwit::node {

/// How a guest came to its end; its QEMU waits for us to notice (it is started with -action
/// shutdown=pause,panic=pause).
enum class GuestEnd : unsigned char { none, shut_down, panicked };
[[nodiscard]] GuestEnd end_of_event(std::string_view name, const json::Value& data);
[[nodiscard]] GuestEnd end_of_run_state(std::string_view state);
/// Whether a QMP event tells of another run state.
[[nodiscard]] bool changes_run_state(std::string_view event);

struct RunView {
  rules::GuestControl control;
  std::string run_state;  ///< query-status
  enum class Migration : unsigned char {
    none,
    copying,       ///< as source, before the switch-over
    handing_over,  ///< QEMU's run state belongs to the migration: hands off
  } migration = Migration::none;
};

struct RunStep {
  enum class Command : unsigned char { none, stop, cont, soft_reboot, reset } command = Command::none;
  enum class Paused : unsigned char { unchanged, no, by_user, io_error } paused = Paused::unchanged;  ///< afterwards
  bool done = false;         ///< the pending request is dealt with
  std::string refusal = {};  ///< why not as was asked
  bool operator==(const RunStep&) const = default;
};
/// A guest that stands still is continued only when its user asked for that; one that runs is stopped when it is wanted
/// so, whatever an agent remembers.
[[nodiscard]] RunStep run_step(const RunView& view);

/// Puts the condition Paused, and the Ready that follows from it, into the VMI.
void set_paused(json::Value& vmi, RunStep::Paused paused, std::string_view now);

}  // namespace godwit::node
