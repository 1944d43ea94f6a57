// Does what users ask of a running guest, and tells what became of its run state.
#include "base/files.hpp"
#include "base/text.hpp"
#include "kube/modify.hpp"
#include "migrate/handover.hpp"
#include "node/guests.hpp"
#include "qemu/guest_agent.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;
using Command = RunStep::Command;

constexpr std::chrono::seconds command_patience{10};
constexpr std::chrono::seconds quick{2};

struct Told {
  const char* reason;
  const char* message;
};

Told told_by(Command command) {
  switch (command) {
    case Command::stop: return {"Paused", "VirtualMachineInstance paused"};
    case Command::cont: return {"Unpaused", "VirtualMachineInstance unpaused"};
    case Command::soft_reboot: return {"SoftRebooted", "VirtualMachineInstance soft rebooted"};
    case Command::reset: return {"Reset", "VirtualMachineInstance reset"};
    case Command::none: break;
  }
  return {"", ""};
}

}  // namespace

/// Looks at QEMU's run state when it may have changed, or when something is asked for.
Result<> Guests::settle_run(const json::Value& vmi, Guest& guest) {
  RunView view{.control = rules::read_control(vmi), .run_state = {}};
  {
    const std::lock_guard lock{guest.mutex};
    if (!guest.run_state_changed && view.control.pending == rules::GuestRequest::none) return {};
    guest.run_state_changed = false;
    if (guest.source) view.migration = RunView::Migration::copying;
    if (guest.target) view.migration = RunView::Migration::handing_over;
  }
  const auto look_again = [&guest](Error error) {
    const std::lock_guard lock{guest.mutex};
    guest.run_state_changed = true;
    return fail(std::move(error));
  };
  const auto status = guest.machine->status(Deadline::after(command_patience));
  if (!status) return look_again(status.error());
  view.run_state = status->state;
  auto step = run_step(view);
  if (auto done = obey(vmi, guest, view, step); !done) return look_again(done.error());
  auto written = kube::modify(client_, virtual_machine_instances, guest.record.vmi, [&](json::Value& now) -> Result<> {
    if (rules::uid_of(now) != guest.record.vmi_uid || rules::is_final(now)) return {};
    if (json::string_at(now, "/status/nodeName") != options_.config.name) return {};
    set_paused(now, step.paused, format_time(std::chrono::system_clock::now()));
    if (step.done) rules::note_done(now, view.control.generation, step.refusal);
    return {};
  });
  if (!written && written.error().code != Code::not_found) return look_again(written.error());
  return {};
}

/// Performs the step's command. One that comes too late for this host is left to whoever owns the guest afterwards.
Result<> Guests::obey(const json::Value& vmi, Guest& guest, const RunView& view, RunStep& step) {
  Result<> done;
  switch (step.command) {
    case Command::none: return {};
    case Command::stop: done = guest.machine->stop(Deadline::after(command_patience)); break;
    case Command::soft_reboot:
      done = soft_reboot(guest, rules::condition_status(vmi, "AgentConnected") == "True");
      break;
    case Command::reset: done = guest.machine->system_reset(Deadline::after(command_patience)); break;
    case Command::cont: {
      const auto continued = continue_for_user(guest, view);
      if (!continued) return fail(continued.error());
      if (!*continued) step = {};  // the switch-over has begun
      break;
    }
  }
  if (!done || step.command == Command::none) return done;
  const auto told = told_by(step.command);
  tell(guest.record, told.message);
  events_.record(vmi, kube::EventType::normal, told.reason, told.message);
  return {};
}

/// The user's `cont`, on what the API says for certain. False: a switch-over has begun.
Result<bool> Guests::continue_for_user(Guest& guest, const RunView& view) {
  using migrate::ContReason;
  const auto vmi = client_.get(virtual_machine_instances, guest.record.vmi);
  if (!vmi) return fail(vmi.error());
  const auto ownership = rules::read_ownership(*vmi);
  if (!ownership) return fail(ownership.error());
  migrate::ContRequest request{.reason = ContReason::unpause,
                               .self = options_.config.name,
                               .migration_uid = {},
                               .ownership = *ownership,
                               .run_state = view.run_state};
  if (view.run_state == "prelaunch") request.reason = ContReason::start;
  if (view.run_state == "postmigrate") {
    request.reason = ContReason::roll_back;
    request.migration_uid = guest.record.last_migration_uid;
    auto earlier = guest.record;
    earlier.migration_uid = request.migration_uid;
    const auto marked = read_file(paths_.migration(earlier) / "marked-epoch");
    request.marked_epoch = marked ? parse_number<std::int64_t>(trim(*marked)).value_or(0) : 0;
  }
  if (view.migration == RunView::Migration::copying) request.migration = migrate::MigrationStatus::active;
  if (auto allowed = migrate::authorize_cont(request); !allowed) return fail(allowed.error());
  Result<> done;
  const auto go = [&] { done = guest.machine->cont(Deadline::after(quick)); };
  migrate::SourceDriver* source = nullptr;
  {
    const std::lock_guard lock{guest.mutex};  // not held during the command: QEMU's events need it
    source = guest.source.get();
  }
  if (source == nullptr) {
    go();
  } else if (!source->before_switchover(go)) {
    return false;
  }
  if (!done) return fail(done.error());
  return true;
}

/// Through the guest's agent; else the power button: once the guest has switched itself off, it starts over.
Result<> Guests::soft_reboot(Guest& guest, bool has_agent) {
  if (has_agent) {
    auto agent = qemu::GuestAgent::reach(guest.machine->paths().agent, Deadline::after(quick));
    if (agent) return agent->tell("guest-shutdown", json::Object{{"mode", "reboot"}}, Deadline::after(quick));
  }
  guest.record.reboots = true;
  if (auto saved = save(paths_, guest.record); !saved) return saved;
  return guest.machine->system_powerdown(Deadline::after(command_patience));
}

Result<> Guests::start_over(Guest& guest) {
  tell(guest.record, "the guest starts over");
  guest.record.reboots = false;
  if (auto saved = save(paths_, guest.record); !saved) return saved;
  if (auto reset = guest.machine->system_reset(Deadline::after(command_patience)); !reset) return reset;
  {
    const std::lock_guard lock{guest.mutex};
    guest.end = GuestEnd::none;
  }
  guest.starting = true;  // what is left is a start like any other
  return finish_start(guest);
}

/// Its death, when it comes, is reported.
Result<> Guests::end_qemu(Guest& guest) {
  if (guest.machine->quit(Deadline::after(command_patience))) return {};
  return guest.machine->kill(Deadline::after(command_patience));
}

}  // namespace godwit::node
