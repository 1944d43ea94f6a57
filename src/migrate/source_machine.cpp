// The source's half of the pure machine; tests/model/source.pml is its model.
#include <fmt/format.h>

#include "migrate/handover.hpp"

namespace godwit::migrate {
namespace {

using Kind = Action::Kind;

constexpr int most_refusals = 5;
constexpr int most_cont_failures = 50;
constexpr int most_waits = 60;  // for the target's report, with the pause that comes with `again`

Action act(Kind kind) { return Action{kind, {}, false}; }
Action again(Kind kind) { return Action{kind, {}, true}; }

class Source {
 public:
  Source(SourceState& state, const Event& event) : s_{state}, e_{event} {}

  Actions step() {
    if (s_.phase == SourcePhase::ended) return {};
    if (e_.kind == Event::Kind::gone) return finish(SourceEnd::superseded, "the VMI is gone");
    if (e_.paused && e_.ownership && e_.ownership->epoch >= s_.known.epoch) s_.paused = *e_.paused;
    if (e_.kind == Event::Kind::qemu_dead) return on_death();
    if (e_.kind == Event::Kind::cancel || (e_.kind == Event::Kind::observed && e_.deleted && !s_.cancelled))
      return on_cancel();
    switch (s_.phase) {
      case SourcePhase::idle: return idle();
      case SourcePhase::marking: return marking();
      case SourcePhase::streaming: return streaming();
      case SourcePhase::switching: return switching();
      case SourcePhase::committing: return committing();
      case SourcePhase::reading: return reading();
      case SourcePhase::retracting: return retracting();
      case SourcePhase::committed: return committed();
      case SourcePhase::resuming: return resuming();
      case SourcePhase::ended: break;
    }
    return {};
  }

 private:
  [[nodiscard]] bool is(Event::Kind kind) const { return e_.kind == kind; }
  [[nodiscard]] bool owns() const { return s_.known.node_name == s_.self; }
  [[nodiscard]] bool target_loaded() const { return s_.known.loaded_uid == s_.migration_uid; }
  [[nodiscard]] bool marked() const { return s_.known.migration_uid == s_.migration_uid; }

  Action write(Transition transition) const {
    Change change{transition, s_.self, {}, s_.migration_uid};
    if (transition == Transition::commit) change.peer = s_.target;
    if (transition == Transition::abort_attempt) change.migration_uid = s_.known.migration_uid;
    return Action{Kind::write, std::move(change), false};
  }

  Actions go(SourcePhase phase, Actions actions) {
    s_.phase = phase;
    return actions;
  }
  void because(const std::string& reason) {
    if (s_.reason.empty()) s_.reason = reason;
  }
  Actions finish(SourceEnd end, const std::string& reason = {}) {
    because(reason);
    s_.end = end;
    return go(SourcePhase::ended, {act(Kind::end)});
  }
  /// The guest runs here, or nowhere: take the mark away.
  Actions retract() { return go(SourcePhase::retracting, {act(Kind::read)}); }
  Actions finish_here() {
    if (s_.dead) return finish(SourceEnd::guest_lost, "QEMU ended during the migration");
    return finish(s_.cancelled ? SourceEnd::cancelled : SourceEnd::failed, "the migration failed");
  }

  Actions on_death() {
    s_.dead = true;
    switch (s_.phase) {
      case SourcePhase::idle: return finish_here();
      case SourcePhase::streaming:
      case SourcePhase::switching:
      case SourcePhase::resuming: because("QEMU ended during the migration"); return retract();
      default: return {};  // a write or a read is under way, or the target owns the guest: its answer decides
    }
  }

  Actions on_cancel() {
    if (s_.phase == SourcePhase::committed || s_.phase == SourcePhase::retracting || s_.phase == SourcePhase::resuming)
      return {};
    s_.cancelled = true;
    because(e_.deleted ? "the VMI was deleted" : e_.reason);
    if (s_.phase == SourcePhase::idle) return finish_here();
    if (s_.phase == SourcePhase::reading) s_.rolling_back = true;
    if (s_.phase == SourcePhase::streaming || s_.phase == SourcePhase::switching) return {act(Kind::migrate_cancel)};
    return {};
  }

  Actions idle() {
    if (!e_.ownership) return {};
    s_.known = *e_.ownership;
    if (is(Event::Kind::adopt)) return adopt();
    if (!is(Event::Kind::begin)) return {};
    if (!owns()) return finish(SourceEnd::superseded, "this node does not own the guest");
    return begin();
  }

  /// A mark that an earlier attempt of ours has left behind is taken away first.
  Actions begin() {
    const bool clean = s_.known.migration_uid.empty();
    return go(SourcePhase::marking, {write(clean ? Transition::begin_migration : Transition::abort_attempt)});
  }

  Actions marking() {
    if (is(Event::Kind::wrote) && e_.write == Write::applied) {
      s_.known = *e_.ownership;
      return marked() ? stream() : begin();
    }
    if (is(Event::Kind::wrote)) return {act(Kind::read)};
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (is(Event::Kind::out_of_patience)) return finish(SourceEnd::failed, "the API does not answer");
    if (!is(Event::Kind::read)) return {};
    s_.known = *e_.ownership;
    if (!owns()) return finish(SourceEnd::superseded, "this node does not own the guest");
    if (marked()) return stream();
    if (++s_.refusals >= most_refusals) return finish(SourceEnd::failed, "the API refuses the migration's mark");
    return begin();
  }

  Actions stream() {
    s_.marked_epoch = s_.known.epoch;
    s_.refusals = 0;
    if (s_.cancelled || s_.dead) return retract();
    return go(SourcePhase::streaming, {act(Kind::start_stream)});
  }

  Actions streaming() {
    if (is(Event::Kind::failed)) {
      because(e_.reason);
      return {act(Kind::migrate_cancel)};
    }
    if (is(Event::Kind::api_checked)) return api_checked();
    if (is(Event::Kind::observed)) return watch_for_rivals();
    if (!is(Event::Kind::qemu)) return {};
    switch (e_.qemu) {
      case MigrationStatus::pre_switchover:
        if (!s_.reason.empty()) return {act(Kind::migrate_cancel)};
        if (s_.checking) return {};
        s_.checking = true;
        return {act(Kind::check_api)};
      case MigrationStatus::device: return switch_over({});
      case MigrationStatus::completed: return commit();
      case MigrationStatus::none:
      case MigrationStatus::cancelled:
      case MigrationStatus::failed: because(e_.reason); return retract();
      default: return {};
    }
  }

  Actions api_checked() {
    if (!s_.checking) return {};
    s_.checking = false;
    if (!s_.reason.empty()) return {act(Kind::migrate_cancel)};
    if (e_.fresh) return switch_over({act(Kind::continue_switchover)});
    because("the API did not answer before the switch-over");
    return {act(Kind::migrate_cancel)};
  }

  Actions switch_over(Actions actions) {
    s_.all_sent = true;
    return go(SourcePhase::switching, std::move(actions));
  }

  /// Ownership that moved without us: a fence. Our guest must not go on.
  Actions watch_for_rivals() {
    if (!e_.ownership || e_.ownership->epoch <= s_.known.epoch || e_.ownership->node_name == s_.self) return {};
    return finish(SourceEnd::superseded, "another node owns the guest");
  }

  Actions switching() {
    if (is(Event::Kind::failed)) {
      because(e_.reason);
      return {act(Kind::migrate_cancel)};
    }
    if (is(Event::Kind::observed)) return watch_for_rivals();
    if (!is(Event::Kind::qemu)) return {};
    switch (e_.qemu) {
      case MigrationStatus::completed: return commit();
      case MigrationStatus::none:
      case MigrationStatus::cancelled:
      case MigrationStatus::failed: because(e_.reason); return retract();
      default: return {};
    }
  }

  Actions commit() {
    if (s_.cancelled && !s_.sent && !s_.dead) return resume();  // too late for QEMU, not for us
    return go(SourcePhase::committing, {write(Transition::commit)});
  }

  Actions committing() {
    if (!is(Event::Kind::wrote)) return {};
    if (e_.write == Write::applied) {
      s_.known = *e_.ownership;
      return go(SourcePhase::committed, {act(Kind::detach_network)});
    }
    if (e_.write == Write::unknown) s_.sent = true;
    if (e_.write == Write::refused && s_.cancelled) s_.rolling_back = true;
    because(e_.reason);
    return go(SourcePhase::reading, {act(Kind::read)});
  }

  Actions reading() {
    if (is(Event::Kind::out_of_patience)) s_.rolling_back = true;
    if (is(Event::Kind::out_of_patience) || is(Event::Kind::read_failed)) {
      // Nothing has left the host: back, without a word. Else the opposite write must win first: stay paused.
      if (s_.rolling_back && !s_.sent && !s_.dead) return resume();
      return is(Event::Kind::read_failed) ? Actions{again(Kind::read)} : Actions{};
    }
    if (is(Event::Kind::wrote)) return opposite_written();
    if (!is(Event::Kind::read)) return {};
    s_.known = *e_.ownership;
    if (!owns()) return committed_now();
    if (!marked()) return s_.dead ? finish_here() : resume();
    if (s_.dead) return retract();
    if (!s_.rolling_back && ++s_.refusals <= most_refusals) return commit();
    because("the API refuses the commit");
    s_.rolling_back = true;
    if (!s_.sent) return resume();
    return {write(Transition::abort_attempt)};
  }

  Actions opposite_written() {
    if (e_.write != Write::applied) return {again(Kind::read)};
    s_.known = *e_.ownership;
    return s_.dead ? finish_here() : resume();
  }

  /// A guest that its user paused stays in `postmigrate` until he wants it to run.
  Actions resume() {
    return go(SourcePhase::resuming, {act(Kind::attach_network), act(s_.paused ? Kind::stay_paused : Kind::cont)});
  }

  Actions resuming() {
    if (is(Event::Kind::continued)) {
      Actions out = {act(Kind::announce)};
      auto rest = owns() && marked() ? retract() : finish_here();
      out.insert(out.end(), rest.begin(), rest.end());
      return out;
    }
    if (!is(Event::Kind::cont_failed)) return {};
    because(e_.reason);
    if (++s_.refusals < most_cont_failures) return {again(Kind::cont)};
    return finish(SourceEnd::guest_lost);
  }

  Actions committed_now() {
    s_.phase = SourcePhase::committed;
    auto out = decide_committed();
    if (!owns()) out.insert(out.begin(), act(Kind::detach_network));
    return out;
  }

  Actions committed() {
    const bool news = e_.ownership && e_.ownership->uid == s_.known.uid && e_.ownership->epoch > s_.known.epoch;
    if ((!is(Event::Kind::observed) && !is(Event::Kind::read)) || !news) return {};
    s_.known = *e_.ownership;
    return decide_committed();
  }

  Actions decide_committed() {
    if (owns()) {  // given back
      because("the target could not run the guest");
      if (s_.dead || s_.known.started_epoch > s_.marked_epoch) return finish(SourceEnd::guest_lost, "QEMU ended");
      return resume();
    }
    if (marked() && s_.known.node_name == s_.target) return {};
    if (s_.known.started_epoch > s_.marked_epoch) return finish(SourceEnd::succeeded);
    return finish(SourceEnd::superseded, "nobody, or another node, owns the guest");
  }

  Actions retracting() {
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (is(Event::Kind::wrote)) {
      if (e_.write != Write::applied) return {again(Kind::read)};
      s_.known = *e_.ownership;
      return owns() ? finish_here() : committed_now();  // rule 5: the commit forward
    }
    if (!is(Event::Kind::read)) return {};
    s_.known = *e_.ownership;
    if (!owns()) return marked() && s_.known.node_name == s_.target ? committed_now() : finish(SourceEnd::superseded);
    if (!marked()) return finish_here();
    if (!s_.dead) return {write(Transition::abort_attempt)};
    // Rule 5: the target may have the guest whole, and says so when no commit comes.
    if (target_loaded()) return {write(Transition::commit)};
    if (s_.all_sent && !e_.deleted && ++s_.waits <= most_waits) return {again(Kind::read)};
    return {write(Transition::abort_attempt)};
  }

  /// The agent was away. What QEMU and the API say now decides; a commit may have been sent.
  Actions adopt() {
    const bool mine = owns();
    s_.marked_epoch = e_.marked_epoch > 0 ? e_.marked_epoch : (mine || !marked() ? s_.known.epoch : s_.known.epoch - 1);
    s_.dead = e_.qemu == MigrationStatus::unknown;
    s_.all_sent = true;
    if (!mine) return committed_now();
    if (s_.dead) return retract();
    switch (e_.qemu) {
      case MigrationStatus::setup:
      case MigrationStatus::active:
        s_.phase = SourcePhase::streaming;
        return marked() ? Actions{} : Actions{act(Kind::migrate_cancel)};
      case MigrationStatus::pre_switchover:
        because("the agent restarted during the switch-over");
        return go(SourcePhase::streaming, {act(Kind::migrate_cancel)});
      case MigrationStatus::device:
      case MigrationStatus::cancelling: return go(SourcePhase::switching, {});
      case MigrationStatus::completed: s_.sent = true; return go(SourcePhase::reading, {act(Kind::read)});
      default: because("the agent restarted and found the migration ended"); return retract();
    }
  }

  SourceState& s_;
  const Event& e_;
};

}  // namespace

Actions step(SourceState& state, const Event& event) { return Source{state, event}.step(); }

}  // namespace godwit::migrate
