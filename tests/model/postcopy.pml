/* The hand-over of a post-copy migration: one attempt, source S and target T (rule 6).
 *
 * After migrate-start-postcopy there is no way back to the source's memory once the target has run; before that there is. S commits when
 * T reports its device state loaded and S, asked after that, says postcopy-active or postcopy-paused: then S can no longer resume by
 * itself. From there only forward, or paused and recovered.
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LOSSES
#define LOSSES 2
#endif

#define NONE 0
#define S 1
#define T 2

mtype = {q_active, q_device, q_run, q_postcopy, q_postcopy_paused, q_dead, q_inmigrate, q_loaded, q_completed};
mtype = {p_streaming, p_switching, p_committing, p_reading, p_committed, p_done};
mtype = {commit, abort_attempt, started_};
mtype = {applied, refused, unknown};

byte owner = S, epoch = 1;
bool marked = true, started = false;   /* the attempt is under way; the target has written "started" */
mtype qs = q_active, qt = q_inmigrate;
bool loaded_report = false;            /* T's agent has said that its QEMU has the device state */
bool marker = false, ran_t = false, all_pages = false;
byte crashes = CRASHES, losses = LOSSES;
chan late = [2] of {mtype, byte};

#define beyond_return (qs == q_postcopy || qs == q_postcopy_paused || qs == q_completed)
#define executes_s (qs == q_active || qs == q_run)
#define executes_t (qt == q_run)

inline make(what) {
  epoch++;
  if
  :: what == commit -> owner = T
  :: what == abort_attempt -> marked = false
  :: what == started_ -> marked = false; started = true
  fi
}

inline write(what, g) {
  if
  :: g == epoch -> make(what); res = applied
  :: else -> res = refused
  :: losses > 0 -> losses--; late!what, g; res = unknown
  fi
}

active proctype Net() {
  mtype what; byte g;
end:
  do
  :: atomic { late?what, g ->
      if
      :: g == epoch -> make(what)
      :: true
      fi;
      what = 0; g = 0 }
  od
}

/* Until the source is in postcopy-active, it may fail and resume by itself, whatever the target has received. */
active proctype Qemu() {
  bool cut = true;
end:
  do
  :: atomic { qs == q_device && qt == q_inmigrate -> qt = q_loaded }
  :: atomic { qs == q_device && qt == q_loaded -> qs = q_postcopy }
  :: atomic { qs == q_device -> qs = q_run }
  :: atomic { qs == q_active -> qs = q_run }
  :: atomic { qs == q_postcopy && cut -> cut = false; qs = q_postcopy_paused }   /* the line broke */
  :: atomic { qs == q_postcopy_paused -> qs = q_postcopy }                       /* recovered */
  :: atomic { qs == q_postcopy && qt == q_run -> qs = q_completed; all_pages = true }   /* every page is there */
  od
}

active proctype Source() {
  mtype phase = p_streaming, res = refused;
  byte g = 1;
end:
  do
  :: atomic { phase == p_streaming && qs == q_active -> qs = q_device; phase = p_switching }   /* migrate-start-postcopy */
  :: atomic { (phase == p_streaming || phase == p_switching) && qs == q_run -> g = epoch;
      if
      :: owner == S && marked -> write(abort_attempt, g)
      :: else -> phase = p_done
      fi }
#ifdef MUTANT_COMMIT_ON_REPORT_ALONE
  :: atomic { phase == p_switching && loaded_report -> g = epoch; phase = p_committing }
#else
  :: atomic { phase == p_switching && loaded_report && beyond_return -> g = epoch; phase = p_committing }
#endif
  :: atomic { phase == p_committing -> write(commit, g);
      if
      :: res == applied -> phase = p_committed
      :: else -> phase = p_reading
      fi }
#ifdef MUTANT_ROLL_BACK_IN_POSTCOPY
  :: atomic { phase == p_reading && qs != q_completed -> qs = q_run; phase = p_done }
#endif
  :: atomic { phase == p_reading -> g = epoch; phase = (owner == S -> p_committing : p_committed) }
  :: atomic { phase == p_committed && started && qs == q_completed -> qs = q_dead; phase = p_done }
#ifdef MUTANT_END_BEFORE_LAST_PAGE
  :: atomic { phase == p_committed && started && qs != q_completed -> qs = q_dead; phase = p_done }
#endif
  :: atomic { crashes > 0 -> crashes--; g = epoch;
      if
      :: owner != S -> phase = p_committed
      :: owner == S && (qs == q_device || beyond_return) -> phase = p_switching
      :: else -> phase = p_streaming
      fi }
  od
}

active proctype Target() {
  mtype res = refused; byte g;
end:
  do
  :: atomic { qt == q_loaded && !loaded_report -> loaded_report = true }
  :: atomic { owner == T && qt == q_loaded && !marker -> marker = true }
  :: atomic { owner == T && qt == q_loaded && marker -> qt = q_run; ran_t = true }
#ifdef MUTANT_CONT_BEFORE_COMMIT
  :: atomic { qt == q_loaded -> qt = q_run; marker = true; ran_t = true }
#endif
  :: atomic { owner == T && qt == q_run && !started -> g = epoch; write(started_, g) }
  :: atomic { owner == S && !marked && (qt == q_inmigrate || qt == q_loaded) -> qt = q_dead }
  od
}

active proctype Safety() {
end:
  do
  :: atomic { executes_s && executes_t -> assert(false) }
  :: atomic { ran_t && executes_s -> assert(false) }
  :: atomic { qs == q_dead -> assert(started && all_pages) }
  od
}

active proctype Outcome() {
end:
  timeout ->
  assert(owner != S || (executes_s && qt == q_dead && !marked));
  assert(owner != T || (qt == q_run && marker && started));
  assert(owner != T || qs == q_dead)
}
