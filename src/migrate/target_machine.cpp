// The target's half of the pure machine; tests/model/target.pml is its model.
#include "migrate/handover.hpp"

namespace godwit::migrate {
namespace {

using Kind = Action::Kind;

constexpr int most_cont_failures = 50;

Action act(Kind kind) { return Action{kind, {}, false}; }
Action again(Kind kind) { return Action{kind, {}, true}; }

class Target {
 public:
  Target(TargetState& state, const Event& event) : s_{state}, e_{event} {}

  Actions step() {
    if (s_.phase == TargetPhase::ended) return {};
    s_.deleted |= e_.deleted;
    if (e_.kind == Event::Kind::gone) return s_.dead ? finish(TargetEnd::abandoned) : give_up("the VMI is gone");
    if (e_.ownership && e_.ownership->epoch >= s_.known.epoch) learn();
    if (e_.kind == Event::Kind::qemu_dead) s_.dead = true;
    switch (s_.phase) {
      case TargetPhase::idle: return idle();
      case TargetPhase::preparing:
      case TargetPhase::waiting:
      case TargetPhase::loaded: return waiting();
      case TargetPhase::marking: return marking();
      case TargetPhase::continuing: return continuing();
      case TargetPhase::reporting: return reporting();
      case TargetPhase::giving_back: return giving_back();
      case TargetPhase::killing: return is(Event::Kind::qemu_dead) ? finish_dead() : Actions{};
      case TargetPhase::bereft: return bereft();
      case TargetPhase::ended: break;
    }
    return {};
  }

 private:
  [[nodiscard]] bool is(Event::Kind kind) const { return e_.kind == kind; }
  [[nodiscard]] bool owns() const { return s_.known.node_name == s_.self; }
  [[nodiscard]] bool marked() const { return s_.known.migration_uid == s_.migration_uid; }

  void learn() {
    s_.known = *e_.ownership;
    s_.seen_marked |= marked();
    if (e_.paused) s_.paused = *e_.paused;
  }
  void because(const std::string& reason) {
    if (s_.reason.empty()) s_.reason = reason;
  }
  Action write(Transition transition) const {
    Change change{transition, s_.self, {}, s_.migration_uid};
    if (transition == Transition::give_back) change.peer = s_.source;
    return Action{Kind::write, std::move(change), false};
  }
  Actions go(TargetPhase phase, Actions actions) {
    s_.phase = phase;
    return actions;
  }
  Actions finish(TargetEnd end) {
    s_.end = end;
    return go(TargetPhase::ended, {act(Kind::end)});
  }
  Actions give_up(const std::string& reason) {
    because(reason);
    return s_.dead ? finish_dead() : go(TargetPhase::killing, {act(Kind::detach_network), act(Kind::kill)});
  }
  /// The process is dead: what follows depends on whose the guest is, and whether it may have run here.
  Actions finish_dead() {
    // A commit may be on its way: its author has a whole guest, and waits for it to be given back.
    if (!owns()) return go(TargetPhase::bereft, {act(Kind::read)});
    if (s_.deleted) return finish(TargetEnd::stopped);
    if (s_.marker || !marked()) return finish(TargetEnd::guest_lost);
    return go(TargetPhase::giving_back, {write(Transition::give_back)});
  }

  Actions idle() {
    if (is(Event::Kind::begin)) return go(TargetPhase::preparing, {act(Kind::prepare)});
    if (!is(Event::Kind::adopt)) return {};
    s_.marker = e_.marker;
    s_.dead = e_.qemu == MigrationStatus::unknown;
    if (s_.dead) return finish_dead();
    if (!owns() && e_.qemu == MigrationStatus::none) return go(TargetPhase::preparing, {act(Kind::prepare)});
    s_.everything = e_.qemu == MigrationStatus::completed;
    if (owns() && s_.marker && e_.running) return report();
    s_.phase = s_.everything ? TargetPhase::loaded : TargetPhase::waiting;
    return decide();
  }

  Actions waiting() {
    if (s_.dead) {
      because(e_.reason.empty() ? "the target's QEMU ended" : e_.reason);
      return finish_dead();
    }
    if (is(Event::Kind::failed)) return give_up(e_.reason);
    if (is(Event::Kind::cancel)) {
      // Only the owner's word counts: after the commit an abort comes too late.
      because(e_.reason);
      s_.seen_marked = true;
      return go(s_.phase, {act(Kind::read)});
    }
    if (is(Event::Kind::prepared)) s_.phase = s_.everything ? TargetPhase::loaded : TargetPhase::waiting;
    if (is(Event::Kind::qemu)) {
      if (e_.qemu == MigrationStatus::failed)
        return give_up(e_.reason.empty() ? "the incoming stream failed" : e_.reason);
      if (e_.qemu == MigrationStatus::completed) {
        s_.everything = true;
        s_.phase = TargetPhase::loaded;
      }
    }
    if (is(Event::Kind::overdue)) return report_loaded();
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (is(Event::Kind::wrote) && e_.write != Write::applied) return {again(Kind::read)};
    return decide();
  }

  /// Should the source's QEMU be dead, its agent may now commit forward (rule 5).
  Actions report_loaded() {
    const bool wanted = s_.everything && marked() && !owns() && s_.known.loaded_uid != s_.migration_uid;
    return wanted ? Actions{act(Kind::report_loaded)} : Actions{};
  }

  /// The source's word decides: read for certain, or heard by the watch.
  Actions bereft() {
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (owns()) return finish_dead();
    const bool told = is(Event::Kind::read) || is(Event::Kind::observed);
    if (!told || (marked() && !s_.known.node_name.empty())) return {};
    return finish(TargetEnd::abandoned);
  }

  /// What the ownership that we know asks of us, with QEMU alive and not yet continued.
  Actions decide() {
    if (owns() && s_.deleted) return give_up("the VMI was deleted");
    if (owns() && marked()) {
      if (!s_.everything) return {};  // QEMU's own `completed` is a moment away, or its death
      if (s_.marker) return go_on();
      return go(TargetPhase::marking, {act(Kind::write_marker)});
    }
    if (owns()) return give_up("this node owns the guest without an attempt under way");
    if (s_.known.node_name.empty() && marked() && s_.everything && !s_.deleted) {
      const bool asked =
          is(Event::Kind::observed) || is(Event::Kind::read) || is(Event::Kind::qemu) || is(Event::Kind::adopt);
      return asked ? Actions{write(Transition::take_over_after_fence)} : Actions{};
    }
    if (s_.seen_marked && (!marked() || is(Event::Kind::read))) {
      // Still under way for the source: an abandoning agent goes only when asked to.
      if (marked() && s_.reason.empty()) return {};
      return give_up("the attempt is over");
    }
    return {};
  }

  Actions marking() {
    if (s_.dead) return finish_dead();
    if (is(Event::Kind::failed)) return give_up(e_.reason);  // no marker, never continued: back it goes
    if (!is(Event::Kind::marked)) return {};
    s_.marker = true;
    return go_on();
  }

  Actions go_on() {
    return go(TargetPhase::continuing, {act(Kind::attach_network), act(s_.paused ? Kind::stay_paused : Kind::cont)});
  }

  Actions continuing() {
    if (s_.dead) return finish_dead();
    if (is(Event::Kind::continued)) {
      Actions out = {act(Kind::announce)};
      auto rest = report();
      out.insert(out.end(), rest.begin(), rest.end());
      return out;
    }
    if (!is(Event::Kind::cont_failed)) return {};
    because(e_.reason);
    if (++s_.cont_failures < most_cont_failures) return {again(Kind::cont)};
    return give_up(e_.reason);
  }

  Actions report() { return go(TargetPhase::reporting, {write(Transition::started)}); }

  Actions reporting() {
    if (is(Event::Kind::qemu_dead)) return {};  // the answer of the write decides; the agent sees the death, too
    if (is(Event::Kind::wrote) && e_.write != Write::applied) return {again(Kind::read)};
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (!is(Event::Kind::wrote) && !is(Event::Kind::read)) return {};
    if (owns() && marked()) return {write(Transition::started)};
    if (s_.dead) return finish(owns() ? TargetEnd::guest_lost : TargetEnd::abandoned);
    if (owns()) return finish(s_.deleted ? TargetEnd::stopped : TargetEnd::running);
    return give_up("another node owns the guest");
  }

  Actions giving_back() {
    if (is(Event::Kind::wrote) && e_.write != Write::applied) return {again(Kind::read)};
    if (is(Event::Kind::read_failed)) return {again(Kind::read)};
    if (!is(Event::Kind::wrote) && !is(Event::Kind::read)) return {};
    if (owns() && s_.deleted) return finish(TargetEnd::stopped);
    if (owns() && marked()) return {write(Transition::give_back)};
    return finish(TargetEnd::given_back);
  }

  TargetState& s_;
  const Event& e_;
};

}  // namespace

Actions step(TargetState& state, const Event& event) { return Target{state, event}.step(); }

}  // namespace godwit::migrate
