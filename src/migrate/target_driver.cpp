#include "migrate/target_driver.hpp"

#include <fmt/format.h>

#include "migrate/driver_support.hpp"
#include "migrate/stream_setup.hpp"

namespace godwit::migrate {
namespace {

constexpr auto retry_pause = std::chrono::milliseconds{20};
constexpr auto watch_patience = std::chrono::seconds{1};
constexpr auto commit_patience = std::chrono::milliseconds{250};  // a commit takes milliseconds

TargetOutcome::End end_of(TargetEnd end) {
  switch (end) {
    case TargetEnd::running: return TargetOutcome::End::running;
    case TargetEnd::abandoned: return TargetOutcome::End::abandoned;
    case TargetEnd::given_back: return TargetOutcome::End::given_back;
    case TargetEnd::guest_lost: return TargetOutcome::End::guest_lost;
    case TargetEnd::stopped: return TargetOutcome::End::stopped;
    case TargetEnd::none: break;
  }
  return TargetOutcome::End::interrupted;
}

}  // namespace

struct TargetDriver::State {
  State(TargetSpec target, TargetPorts with, std::function<void(const TargetOutcome&)> tell)
      : spec{std::move(target)},
        ports{std::move(with)},
        on_end{std::move(tell)},
        migration{migration_of(ports.qemu)},
        log{"incoming " + spec.migration_uid} {
    machine.self = spec.self;
    machine.source = spec.source;
    machine.migration_uid = spec.migration_uid;
  }

  void run(const std::stop_token& stop) {
    if (spec.adopt) {
      adopt(stop);
    } else {
      handle(Event{.kind = Event::Kind::begin}, stop);
    }
    while (!stop.stop_requested() && machine.phase != TargetPhase::ended) next(stop);
    TargetOutcome outcome;
    outcome.end = end_of(machine.end);
    if (outcome.end != TargetOutcome::End::running) outcome.reason = machine.reason;
    if (outcome.end != TargetOutcome::End::running && outcome.end != TargetOutcome::End::interrupted) tunnel.abort();
    on_end(outcome);
  }

  /// What QEMU, the marker and the API say, asked until the API answers.
  void adopt(const std::stop_token& stop) {
    const auto asked = ask_qemu(*ports.qemu, migration, Side::target);
    const auto found = tunnel.attach(spec.directory / "tunnel.sock");  // may have ended: QEMU has everything, or fails
    while (!stop.stop_requested()) {
      auto event = read_ownership_event(*ports.ownership, {});
      if (event.kind == Event::Kind::read_failed) {
        sleep_for(retry_pause * 5, stop);
        continue;
      }
      if (event.kind == Event::Kind::read) event.kind = Event::Kind::adopt;
      event.qemu = asked.kind == Event::Kind::qemu_dead ? MigrationStatus::unknown : asked.qemu;
      // QEMU waits, but the earlier agent ended before there was a tunnel.
      if (!found && event.qemu == MigrationStatus::setup) event.qemu = MigrationStatus::none;
      event.running = asked.running;
      event.marker = ports.marker->present(spec.migration_uid);
      handle(std::move(event), stop);
      return;
    }
  }

  void next(const std::stop_token& stop) {
    // After the commit QEMU's `completed` is a moment away; should its event be lost, ask.
    const bool due = machine.known.node_name == spec.self;
    const bool unclaimed =
        machine.phase == TargetPhase::loaded && !due && machine.known.loaded_uid != spec.migration_uid;
    auto message = inbox->pop(stop, due         ? Deadline::after(watch_patience)
                                    : unclaimed ? Deadline::after(commit_patience)
                                                : Deadline::never());
    if (!message && unclaimed && !stop.stop_requested()) handle(Event{.kind = Event::Kind::overdue}, stop);
    if (!message && due && !stop.stop_requested()) handle(ask_qemu(*ports.qemu, migration, Side::target), stop);
    if (!message) return;
    switch (message->kind) {
      case Message::Kind::machine: handle(std::move(message->event), stop); break;
      case Message::Kind::qemu: on_qemu(*message, stop); break;
      case Message::Kind::tunnel: on_tunnel(*message, stop); break;
    }
  }

  void handle(Event event, const std::stop_token& stop) {
    std::deque<Event> events;
    events.push_back(std::move(event));
    while (!events.empty() && !stop.stop_requested()) {
      const auto before = machine.phase;
      const auto actions = [&] {
        const std::scoped_lock lock{mutex};
        return step(machine, events.front());
      }();
      events.pop_front();
      if (before != machine.phase)
        log.info("{} -> {}{}", name_of(before), name_of(machine.phase),
                 machine.reason.empty() ? "" : ": " + machine.reason);
      // The source learns by its broken stream that it has to end the attempt.
      if (before != machine.phase && machine.phase == TargetPhase::bereft) tunnel.abort();
      for (const auto& action : actions) {
        auto result = perform(action, stop);
        if (!result) continue;
        // What is tried again takes its turn behind everything else that has happened meanwhile.
        if (action.again)
          inbox->push(std::move(*result));
        else
          events.push_back(std::move(*result));
      }
    }
  }

  std::optional<Event> perform(const Action& action, const std::stop_token& stop) {
    using Kind = Action::Kind;
    if (action.again) sleep_for(retry_pause, stop);
    switch (action.kind) {
      case Kind::write: return write(action.change);
      case Kind::read: return read_ownership_event(*ports.ownership, machine.known.uid);
      case Kind::prepare: return prepare();
      case Kind::write_marker: return write_marker();
      case Kind::cont: return cont();
      case Kind::stay_paused: return Event{.kind = Event::Kind::continued};
      case Kind::kill: return kill();
      case Kind::report_loaded: return report_loaded();
      case Kind::attach_network: complain(ports.network->attach()); return std::nullopt;
      case Kind::detach_network: complain(ports.network->detach()); return std::nullopt;
      case Kind::announce: complain(ports.network->announce()); return std::nullopt;
      case Kind::start_stream:
      case Kind::check_api:
      case Kind::continue_switchover:
      case Kind::migrate_cancel:
      case Kind::end: return std::nullopt;
    }
    return std::nullopt;
  }

  void complain(const Result<>& result) const {
    if (!result) log.warning("network: {}", result.error().message);
  }

  Event write(const Change& change) {
    const bool starts = change.transition == Transition::started && ports.started_extra;
    return write_change(*ports.ownership, machine.known, change, starts ? ports.started_extra() : json::Array{});
  }

  Event report_loaded() {
    log.info("everything is loaded, and no commit has come");
    return perform_write(*ports.ownership, machine.known, rules::report_loaded_patch(machine.known));
  }

  std::optional<Event> prepare() {
    const bool listens = ask_qemu(*ports.qemu, migration, Side::target).qemu == MigrationStatus::setup;
    auto ready = ports.marker->prepare(spec.migration_uid);
    if (ready && !listens) ready = configure_target(migration, spec);
    if (ready) ready = tunnel.start(spec.program, listen_spec(spec), spec.directory / "tunnel-target.log");
    if (ready) return std::nullopt;  // goes on when the tunnel says "listening"
    return Event{.kind = Event::Kind::failed, .reason = ready.error().message};
  }

  Event write_marker() {
    // Once it is written nobody else may ever run the guest: not for a QEMU that is dead already.
    if (!ports.qemu->alive()) return Event{.kind = Event::Kind::qemu_dead};
    if (auto written = ports.marker->write(spec.migration_uid); !written)
      return Event{.kind = Event::Kind::failed, .reason = written.error().message};
    return Event{.kind = Event::Kind::marked};
  }

  Event cont() {
    ContRequest request;
    request.reason = ContReason::target;
    request.self = spec.self;
    request.migration_uid = spec.migration_uid;
    request.ownership = machine.known;
    request.marker = machine.marker;
    request.migration = MigrationStatus::completed;
    return send_cont(*ports.qemu, std::move(request));
  }

  std::optional<Event> kill() {
    if (auto dead = ports.qemu->kill(Deadline::after(quick)); !dead) {
      log.error("QEMU does not die: {}", dead.error().message);
      return std::nullopt;  // GODWIT_EXIT will come
    }
    return Event{.kind = Event::Kind::qemu_dead};
  }

  void on_qemu(const Message& message, const std::stop_token& stop) {
    if (message.name == "GODWIT_EXIT") {
      handle(Event{.kind = Event::Kind::qemu_dead, .reason = json::string_at(message.data, "/reason")}, stop);
    } else if (message.name == "MIGRATION") {
      const auto status = qemu::migration_status_of(json::string_at(message.data, "/status"));
      if (status != MigrationStatus::completed && status != MigrationStatus::failed) return;
      auto event = ask_qemu(*ports.qemu, migration, Side::target);
      if (event.kind == Event::Kind::qemu_dead) return;  // GODWIT_EXIT brings the reason
      handle(std::move(event), stop);
    }
  }

  void on_tunnel(const Message& message, const std::stop_token& stop) {
    const auto port = static_cast<int>(json::int_at(message.data, "/port"));
    if ((message.name == "listening" || message.name == "status") && port > 0 &&
        (machine.phase == TargetPhase::preparing || machine.phase == TargetPhase::waiting)) {
      if (ports.on_listening) ports.on_listening(port);
      if (machine.phase == TargetPhase::preparing) handle(Event{.kind = Event::Kind::prepared}, stop);
    } else if (message.name == "stranger") {
      log.warning("a stranger on the migration port: {} ({})", json::string_at(message.data, "/peer"),
                  json::string_at(message.data, "/why"));
    } else if (message.name == "silent") {
      log.warning("the source has been silent for {} ms", json::int_at(message.data, "/ms"));
    } else if (message.name == "failed") {
      handle(Event{.kind = Event::Kind::failed, .reason = json::string_at(message.data, "/message")}, stop);
    } else if (message.name == "gone" && machine.phase == TargetPhase::preparing) {
      handle(Event{.kind = Event::Kind::failed, .reason = "the tunnel ended"}, stop);
    }
  }

  TargetSpec spec;
  TargetPorts ports;
  std::function<void(const TargetOutcome&)> on_end;
  qemu::Migration migration;
  Log log;
  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  TunnelHandle tunnel{inbox};
  std::mutex mutex;  ///< guards machine's changes; its own thread reads without
  TargetState machine;
  std::jthread thread;  ///< last: it uses all of the above
};

TargetDriver::TargetDriver(TargetSpec spec, TargetPorts ports, std::function<void(const TargetOutcome&)> on_end)
    : state_{std::make_shared<State>(std::move(spec), std::move(ports), std::move(on_end))} {
  state_->thread = std::jthread{[state = state_.get()](const std::stop_token& stop) { state->run(stop); }};
}

TargetDriver::~TargetDriver() {
  state_->thread.request_stop();
  state_->thread.join();
}

void TargetDriver::observe(const json::Value& vmi) {
  auto event = event_of(Event::Kind::observed, vmi, {});
  if (event.kind == Event::Kind::observed) state_->inbox->push(std::move(event));
}

void TargetDriver::abandon(std::string reason) {
  state_->inbox->push(Event{.kind = Event::Kind::cancel, .reason = std::move(reason)});
}

void TargetDriver::on_qemu_event(const std::string& name, const json::Value& data) {
  state_->inbox->push(Message{.kind = Message::Kind::qemu, .name = name, .data = data});
}

bool TargetDriver::unpause_allowed() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->machine.phase == TargetPhase::ended && state_->machine.end == TargetEnd::running;
}

}  // namespace godwit::migrate
