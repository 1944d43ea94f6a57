#include "migrate/source_driver.hpp"

#include <fmt/format.h>

#include <atomic>

#include "base/files.hpp"
#include "base/text.hpp"
#include "migrate/convergence.hpp"
#include "migrate/driver_support.hpp"
#include "migrate/source_figures.hpp"
#include "migrate/stream_setup.hpp"

namespace godwit::migrate {
namespace {

constexpr auto tick_period = std::chrono::milliseconds{200};
constexpr auto retry_pause = std::chrono::milliseconds{50};
constexpr auto paused_patience = std::chrono::seconds{3};
constexpr auto marking_patience = std::chrono::seconds{10};
constexpr auto watch_patience = std::chrono::seconds{1};
constexpr auto tunnel_patience = std::chrono::seconds{15};

SourceOutcome::End end_of(SourceEnd end) {
  switch (end) {
    case SourceEnd::succeeded: return SourceOutcome::End::succeeded;
    case SourceEnd::failed: return SourceOutcome::End::failed;
    case SourceEnd::cancelled: return SourceOutcome::End::cancelled;
    case SourceEnd::guest_lost: return SourceOutcome::End::guest_lost;
    case SourceEnd::superseded: return SourceOutcome::End::superseded;
    case SourceEnd::none: break;
  }
  return SourceOutcome::End::interrupted;
}

}  // namespace

struct SourceDriver::State {
  State(SourceSpec source, SourcePorts with, std::function<void(const SourceOutcome&)> tell)
      : spec{std::move(source)},
        ports{std::move(with)},
        on_end{std::move(tell)},
        migration{migration_of(ports.qemu)},
        log{"migrate " + spec.migration_uid} {
    machine.self = spec.self;
    machine.target = spec.target;
    machine.migration_uid = spec.migration_uid;
    limits.completion_timeout_per_gib = spec.completion_timeout_per_gib;
    limits.progress_timeout = spec.progress_timeout;
    limits.memory_bytes = spec.memory_bytes;
    if (spec.most_downtime_ms) limits.most_downtime_ms = *spec.most_downtime_ms;
    convergence = begin_convergence(limits);
  }

  void run(const std::stop_token& stop) {
    if (begin(stop)) {
      while (!stop.stop_requested() && machine.phase != SourcePhase::ended) next(stop);
    }
    SourceOutcome outcome;
    outcome.end = end_of(machine.end);
    outcome.reason = machine.reason;
    if (outcome.end == SourceOutcome::End::succeeded) {
      outcome.reason.clear();
      // The final figures come a moment after `completed`; QEMU may be dead already.
      if (const auto info = migration.query_final(Deadline::after(std::chrono::milliseconds{500})))
        figures.final(*info);
    } else if (outcome.end != SourceOutcome::End::interrupted) {
      tunnel.abort();
      if (outcome.end == SourceOutcome::End::failed || outcome.end == SourceOutcome::End::cancelled)
        make_sure_it_runs(stop);
    }
    outcome.summary = figures.summary();
    on_end(outcome);
  }

  /// QEMU continues by itself after a failure or a cancel. Should it have completed just then, it is for us to do, now
  /// that the mark is gone. One that its user has paused stays so, in whatever run state.
  void make_sure_it_runs(const std::stop_token& stop) {
    const auto patience = Deadline::after(quick);
    if (machine.paused) return;
    for (auto state = run_state(*ports.qemu); state == "postmigrate" || state == "finish-migrate";
         state = run_state(*ports.qemu)) {
      if (const auto event = cont(); event.kind == Event::Kind::continued || patience.passed() || stop.stop_requested())
        return;
      sleep_for(retry_pause, stop);
    }
  }

  /// The first event. False when told to stop before the API answered.
  bool begin(const std::stop_token& stop) {
    const auto patience = Deadline::after(marking_patience);
    while (!stop.stop_requested()) {
      auto event = read_ownership_event(*ports.ownership, {});
      if (event.kind == Event::Kind::gone) return handle(std::move(event), stop);
      if (event.kind == Event::Kind::read) {
        if (spec.adopt) return handle(adopted(std::move(event)), stop);
        event.kind = Event::Kind::begin;
        return handle(std::move(event), stop);
      }
      if (!spec.adopt && patience.passed()) {
        machine.phase = SourcePhase::ended;
        machine.end = SourceEnd::failed;
        machine.reason = "the API does not answer: " + event.reason;
        return true;
      }
      sleep_for(retry_pause, stop);
    }
    return false;
  }

  Event adopted(Event event) {
    event.kind = Event::Kind::adopt;
    migrating = true;
    const auto asked = ask();
    event.qemu = asked.qemu;
    event.running = asked.running;
    if (asked.kind == Event::Kind::qemu_dead) event.qemu = MigrationStatus::unknown;
    if (const auto text = read_file(marked_file()))
      event.marked_epoch = parse_number<std::int64_t>(trim(*text)).value_or(0);
    if (const auto found = tunnel.attach(spec.directory / "tunnel.sock");
        !found && asked.qemu == MigrationStatus::active)
      inbox->push(Event{.kind = Event::Kind::failed, .reason = found.error().message});
    return event;
  }

  void next(const std::stop_token& stop) {
    const bool streams = machine.phase == SourcePhase::streaming || machine.phase == SourcePhase::switching;
    const bool waits = machine.phase == SourcePhase::committed;
    const auto until = streams ? Deadline::after(tick_period)
                       : waits ? Deadline::after(watch_patience)
                               : Deadline::never();
    auto message = inbox->pop(stop, until);
    if (!message && waits && !stop.stop_requested()) handle(read(), stop);  // should the watch be late
    if (streams && std::chrono::steady_clock::now() >= next_tick) tick(stop);
    if (!message || machine.phase == SourcePhase::ended) return;
    switch (message->kind) {
      case Message::Kind::machine: handle(std::move(message->event), stop); break;
      case Message::Kind::qemu: on_qemu(*message, stop); break;
      case Message::Kind::tunnel: on_tunnel(*message, stop); break;
    }
  }

  bool handle(Event event, const std::stop_token& stop) {
    std::deque<Event> events;
    events.push_back(std::move(event));
    while (!events.empty() && !stop.stop_requested()) {
      const auto before = machine.phase;
      const auto actions = [&] {
        const std::scoped_lock lock{mutex};
        return step(machine, events.front());
      }();
      events.pop_front();
      if (before != machine.phase) {
        log.info("{} -> {}{}", name_of(before), name_of(machine.phase),
                 machine.reason.empty() ? "" : ": " + machine.reason);
        figures.phase(machine.phase);
        trouble_since.reset();
      }
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
    return true;
  }

  std::optional<Event> perform(const Action& action, const std::stop_token& stop) {
    using Kind = Action::Kind;
    if (action.again) sleep_for(retry_pause, stop);
    switch (action.kind) {
      case Kind::write: return write_change(*ports.ownership, machine.known, action.change, {});
      case Kind::read: return read();
      case Kind::start_stream: return start_stream();
      case Kind::check_api: return check_api();
      case Kind::continue_switchover: return continue_switchover();
      case Kind::migrate_cancel: return cancel_stream();
      case Kind::cont: return cont();
      case Kind::stay_paused: return Event{.kind = Event::Kind::continued};
      case Kind::announce: complain(ports.network->announce()); return std::nullopt;
      case Kind::attach_network: complain(ports.network->attach()); return std::nullopt;
      case Kind::detach_network: complain(ports.network->detach()); return std::nullopt;
      case Kind::kill:
      case Kind::prepare:
      case Kind::write_marker:
      case Kind::report_loaded:
      case Kind::end: return std::nullopt;
    }
    return std::nullopt;
  }

  void complain(const Result<>& result) const {
    if (!result) log.warning("network: {}", result.error().message);
  }

  Event read() {
    auto event = read_ownership_event(*ports.ownership, machine.known.uid);
    if (event.kind != Event::Kind::read_failed) {
      trouble_since.reset();
      return event;
    }
    if (!trouble_since) trouble_since = std::chrono::steady_clock::now();
    const auto patience =
        machine.phase == SourcePhase::marking ? Duration{marking_patience} : Duration{paused_patience};
    if (std::chrono::steady_clock::now() - *trouble_since < patience) return event;
    trouble_since.reset();
    inbox->push(Event{.kind = Event::Kind::out_of_patience});
    return event;
  }

  std::optional<Event> start_stream() {
    complain(write_file(marked_file(), std::to_string(machine.marked_epoch)));
    stream_deadline = Deadline::after(tunnel_patience);
    auto ready = tunnel.start(spec.program, dial_spec(spec), spec.directory / "tunnel-source.log");
    if (ready) ready = configure_source(migration, spec, convergence.downtime_limit_ms);
    if (ready) return std::nullopt;  // goes on when the tunnel says "ready"
    return Event{.kind = Event::Kind::failed, .reason = ready.error().message};
  }

  /// Before `migrate` QEMU only knows of earlier migrations.
  Event ask() {
    auto out = ask_qemu(*ports.qemu, migration, Side::source);
    if (!migrating && out.kind == Event::Kind::qemu) out.qemu = MigrationStatus::none;
    return out;
  }

  Event check_api() {
    Event out{.kind = Event::Kind::api_checked};
    constexpr auto fresh = std::chrono::seconds{1};
    out.fresh = std::chrono::steady_clock::now() - ports.ownership->last_answer() < fresh;
    if (!out.fresh) out.fresh = ports.ownership->read(Deadline::after(fresh)).has_value();
    return out;
  }

  std::optional<Event> continue_switchover() {
    if (auto done = migration.continue_from_pre_switchover(Deadline::after(quick)); done) return std::nullopt;
    return ask();
  }

  std::optional<Event> cancel_stream() {
    if (!migration.cancel(Deadline::after(std::chrono::seconds{2})))
      (void)migration.yank(Deadline::after(std::chrono::seconds{2}));  // the in-band monitor may hang in `device`
    return ask();
  }

  Event cont() {
    ContRequest request;
    request.self = spec.self;
    request.migration_uid = spec.migration_uid;
    request.ownership = machine.known;
    request.reason = machine.known.migration_uid == spec.migration_uid ? ContReason::roll_back : ContReason::take_back;
    request.marked_epoch = machine.marked_epoch;
    request.commit_perhaps_sent = machine.sent;
    request.migration = MigrationStatus::completed;
    return send_cont(*ports.qemu, std::move(request));
  }

  void on_qemu(const Message& message, const std::stop_token& stop) {
    if (message.name == "GODWIT_EXIT") {
      handle(Event{.kind = Event::Kind::qemu_dead}, stop);
      return;
    }
    if (message.name == "STOP") figures.stopped(message.at);
    if (message.name == "MIGRATION_PASS") figures.pass(json::int_at(message.data, "/pass"));
    if (message.name != "MIGRATION" || !migrating) return;
    const auto status = qemu::migration_status_of(json::string_at(message.data, "/status"));
    figures.status(status, message.at);
    // In the pause every millisecond counts, and QEMU itself refuses to continue from anywhere else. Any other word is
    // checked by asking: the event may be late.
    const bool trusted = status == MigrationStatus::pre_switchover;
    handle(trusted ? Event{.kind = Event::Kind::qemu, .qemu = status} : ask(), stop);
  }

  void on_tunnel(const Message& message, const std::stop_token& stop) {
    const auto& name = message.name;
    if (name == "ready" || (name == "status" && json::bool_at(message.data, "/ready"))) {
      if (machine.phase != SourcePhase::streaming || migrating) return;
      migrating = true;
      stream_deadline.reset();
      if (const auto begun = migration.migrate(fmt::format("unix:{}", (spec.directory / "outgoing.sock").string()),
                                               Deadline::after(quick));
          !begun)
        handle(Event{.kind = Event::Kind::failed, .reason = begun.error().message}, stop);
    } else if (name == "silent") {
      log.warning("the target has been silent for {} ms", json::int_at(message.data, "/ms"));
    } else if (name == "failed") {
      tunnel_words = json::string_at(message.data, "/message");
    } else if (name == "gave-up") {
      tunnel_words = "the target was silent for too long";
    } else if (name == "gone") {
      tunnel_gone(stop);
    }
  }

  /// Its end is no news once everything has been carried; before, QEMU may wait for ever.
  void tunnel_gone(const std::stop_token& stop) {
    if (machine.phase != SourcePhase::streaming && machine.phase != SourcePhase::switching) return;
    const auto asked = ask();
    const bool ended = asked.qemu == MigrationStatus::completed || asked.qemu == MigrationStatus::failed ||
                       asked.qemu == MigrationStatus::cancelled || asked.kind == Event::Kind::qemu_dead;
    const auto why = tunnel_words.empty() ? std::string{"the connection to the target broke"} : tunnel_words;
    handle(ended ? asked : Event{.kind = Event::Kind::failed, .reason = why}, stop);
  }

  void tick(const std::stop_token& stop) {
    next_tick = std::chrono::steady_clock::now() + tick_period;
    if (stream_deadline && stream_deadline->passed()) {
      stream_deadline.reset();
      handle(Event{.kind = Event::Kind::failed, .reason = "the tunnel did not reach the target in time"}, stop);
      return;
    }
    if (!migrating) return;
    const auto info = migration.query(Deadline::after(std::chrono::seconds{1}));
    if (!info) return;
    if (info->status == MigrationStatus::active) {
      if (ports.progress) ports.progress->progress(figures.progress(*info));
      converge(*info, stop);
    } else if (info->status != MigrationStatus::setup) {
      handle(ask(), stop);  // an event may have been lost, or come before we listened
    }
  }

  void converge(const qemu::MigrationInfo& info, const std::stop_token& stop) {
    const auto elapsed = std::max(figures.elapsed_ms(), info.total_ms);  // an agent that adopted it came late
    const auto advice = advise(convergence, limits, {elapsed, info.ram.dirty_sync_count, info.ram.remaining});
    if (advice.downtime_limit_ms) {
      log.info("passes stopped shrinking: downtime limit {} ms", *advice.downtime_limit_ms);
      (void)migration.adjust({.downtime_limit_ms = advice.downtime_limit_ms}, Deadline::after(quick));
    }
    if (advice.give_up) handle(Event{.kind = Event::Kind::failed, .reason = *advice.give_up}, stop);
  }

  [[nodiscard]] std::filesystem::path marked_file() const { return spec.directory / "marked-epoch"; }

  SourceSpec spec;
  SourcePorts ports;
  std::function<void(const SourceOutcome&)> on_end;
  qemu::Migration migration;
  Log log;
  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  TunnelHandle tunnel{inbox};
  std::mutex mutex;  ///< guards machine's changes; its own thread reads without
  SourceState machine;
  SourceFigures figures;
  ConvergenceLimits limits;
  ConvergenceState convergence;
  bool migrating = false;
  std::string tunnel_words;
  std::optional<Deadline> stream_deadline;
  std::optional<Instant> trouble_since;
  Instant next_tick = std::chrono::steady_clock::now();
  std::jthread thread;  ///< last: it uses all of the above
};

SourceDriver::SourceDriver(SourceSpec spec, SourcePorts ports, std::function<void(const SourceOutcome&)> on_end)
    : state_{std::make_shared<State>(std::move(spec), std::move(ports), std::move(on_end))} {
  state_->thread = std::jthread{[state = state_.get()](const std::stop_token& stop) { state->run(stop); }};
}

SourceDriver::~SourceDriver() {
  state_->thread.request_stop();
  state_->thread.join();
}

void SourceDriver::observe(const json::Value& vmi) {
  // The uid is not compared here: a VMI of another uid is no news of ours.
  auto event = event_of(Event::Kind::observed, vmi, {});
  if (event.kind == Event::Kind::observed) state_->inbox->push(std::move(event));
}

void SourceDriver::on_qemu_event(const std::string& name, const json::Value& data) {
  state_->inbox->push(Message{.kind = Message::Kind::qemu, .name = name, .data = data});
}

void SourceDriver::cancel(std::string reason) {
  state_->inbox->push(Event{.kind = Event::Kind::cancel, .reason = std::move(reason)});
}

bool SourceDriver::before_switchover(const std::function<void()>& act) const {
  // Its thread goes on to the switch-over in a step, which needs the mutex.
  const std::scoped_lock lock{state_->mutex};
  const auto phase = state_->machine.phase;
  const bool early = phase == SourcePhase::idle || phase == SourcePhase::marking || phase == SourcePhase::streaming;
  if (phase != SourcePhase::ended && (!early || state_->machine.checking)) return false;
  act();
  return true;
}

}  // namespace godwit::migrate
