/* The hand-over of one guest: source S, a target for each of two attempts, a third node X that may claim an ownerless guest.
 *
 * Names are those of src/rules/ownership.hpp (owner, epoch, mig, started; the transitions) and of src/migrate/handover.hpp (the
 * phases). Agents crash and restart between any two steps and lose all but QEMU, the started-marker and what the API says. A write
 * may be lost, delayed or unanswered. Disk locks, the second net, are left out on purpose.
 *
 * Checked: at most one QEMU executes; nobody resumes memory that the guest has left behind; when nothing moves any more, the outcome
 * is one of the defined ones. -DMUTANT_… plants one error each, which must be found.
 */

#ifndef CRASHES
#define CRASHES 1   /* of agents */
#endif
#ifndef LOSSES
#define LOSSES 2    /* writes whose outcome stays unknown to their author */
#endif
#ifndef KILLS
#define KILLS 1     /* QEMUs that die */
#endif

#define NONE 0
#define S 1
#define target_of(a) (1 + (a))
#define X 4

/* The API. Every change raises the epoch, so testing the epoch is testing owner and mig as well. */
byte owner = S, epoch = 1, mig = 0, started = 1;
bool deleted = false, cancel_wanted = false;

mtype = {claim, release, begin_migration, abort_attempt, commit, give_back, started_, fence, take_over};
mtype = {applied, refused, unknown};

/* QEMU at the source. run: vCPUs run, no migration. Only run and active execute. */
mtype = {q_none, q_run, q_active, q_pre_switchover, q_device, q_completed, q_dead, q_inmigrate, q_loaded};
mtype qs = q_run;
byte attempt = 0;         /* that QEMU at the source is making or made last */
bool ev_completed = false; /* an event on its way to the agent, perhaps from an earlier attempt */

/* QEMUs at the targets and at X, and what their disks remember. */
mtype qt[3] = q_none;
bool autostart[3] = false; /* QEMU was told `cont` in inmigrate: it will start by itself */
bool marker[3] = false;
bool reported[3] = false; /* in the API: the target has everything (rules::report_loaded_patch) */
mtype qx = q_none;
bool fenced_s = false;

/* Ghosts. */
bool ran_t[3] = false;     /* the guest has executed there */
byte crashes = CRASHES, losses = LOSSES, kills = KILLS;

#define executes_s (qs == q_run || qs == q_active)
#define executing ((executes_s -> 1 : 0) + (qt[1] == q_run -> 1 : 0) + (qt[2] == q_run -> 1 : 0) + (qx == q_run -> 1 : 0))

/* Writes on their way whose author knows nothing. */
chan late = [3] of {mtype, byte, byte};   /* transition, guard, attempt */

inline make(what, a) {
  epoch++;
  if
  :: what == claim -> owner = X; mig = 0; started = epoch
  :: what == release -> owner = NONE; mig = 0
  :: what == begin_migration -> mig = a
  :: what == abort_attempt -> mig = 0
  :: what == commit -> owner = target_of(a)
  :: what == started_ -> mig = 0; started = epoch
  :: what == give_back -> owner = S; mig = 0
  :: what == fence -> owner = NONE
  :: what == take_over -> owner = target_of(a)
  fi
}

#ifdef MUTANT_RETRY_WITHOUT_GUARD
#define holds(what, g) (g == epoch || what == commit)
#else
#define holds(what, g) (g == epoch)
#endif

/* Sets res. A refused write may also be one that never left the host. */
inline write(what, g, a) {
  if
  :: holds(what, g) -> make(what, a); res = applied
  :: else -> res = refused
  :: losses > 0 -> losses--; late!what, g, a; res = unknown
  fi
}

/* What was lost sight of arrives late, or never. */
active proctype Net() {
  mtype what; byte g, a;
end:
  do
  :: atomic { late?what, g, a ->
      if
      :: holds(what, g) -> make(what, a)
      :: true
      fi;
      what = 0; g = 0; a = 0 }
  od
}

active proctype QemuSource() {
end:
  do
  :: atomic { qs == q_active -> qs = q_pre_switchover }
  :: atomic { qs == q_active -> qs = q_run }                                   /* failed */
  :: atomic { qs == q_device && qt[attempt] == q_inmigrate ->
      if
      :: autostart[attempt] -> qt[attempt] = q_run; ran_t[attempt] = true
      :: else -> qt[attempt] = q_loaded
      fi }
  :: atomic { qs == q_device && qt[attempt] != q_inmigrate && qt[attempt] != q_dead -> qs = q_completed; ev_completed = true }
  :: atomic { qs == q_device -> qs = q_run }                                   /* failed, or the last acknowledgement lost */
  :: atomic { kills > 0 && qs != q_dead -> kills--; qs = q_dead }
  od
}

inline cont_source() {
  assert(!ran_t[1] && !ran_t[2]);   /* its memory must not be behind the guest's */
  qs = q_run
}

#include "source.pml"
#include "target.pml"

/* The user, and a power failure of the source's host that is confirmed. */
active proctype World() {
end:
  do
  :: atomic { !cancel_wanted -> cancel_wanted = true }
  :: atomic { !deleted -> deleted = true }
  :: atomic { !fenced_s -> fenced_s = true; qs = q_dead }
  od
}

/* After the fence is confirmed the owner is cleared; the mark stays for a target that has everything. */
active proctype Fence() {
  mtype res;
end:
  do
  :: atomic { fenced_s && owner == S -> res = unknown; make(fence, 0) }
  od
}

active proctype NodeX() {
  mtype res = refused; byte g;
end:
  do
  :: atomic { owner == NONE && !deleted && qx == q_none -> g = epoch; write(claim, g, 0);
      if
      :: res == applied -> qx = q_run
      :: else
      fi }
  :: atomic { owner == X && qx == q_none && res != applied -> g = epoch; write(release, g, 0) }
  od
}

active proctype Safety() {
end:
  do
  :: atomic { executing > 1 -> assert(false) }
  od
}

/* Nothing moves any more: the guest runs at its owner, or is gone and nobody's. */
active proctype Outcome() {
end:
  timeout ->
  assert(owner != S || executes_s);
  assert(owner != S || mig == 0);
  assert(owner != 2 || (qt[1] == q_run && marker[1]));
  assert(owner != 3 || (qt[2] == q_run && marker[2]));
  assert(owner != X || qx == q_run);
  assert(owner != NONE || (deleted && executing == 0));
  assert(qs == q_run || qs == q_active || qs == q_dead);
  assert(qt[1] == q_none || qt[1] == q_run || qt[1] == q_dead);
  assert(qt[2] == q_none || qt[2] == q_run || qt[2] == q_dead)
}
