/* The source's agent: a loop over its phase. Every option is one step; a crash may come between any two. */

mtype = {s_idle, s_marking, s_streaming, s_switching, s_committing, s_reading, s_retracting, s_committed, s_restarting};

/* Our QEMU is dead, and the target has the whole guest, or had it before it died. */
inline commit_forward() {
  assert(qt[mig] == q_loaded || qt[mig] == q_dead);
  attempt = mig; write(commit, g, mig)
}

#define give_up (cancel_wanted || deleted)

active proctype Source() {
  mtype phase = s_idle, res = refused;
  byte g = 1, made = 0;       /* guard: the epoch as last read; attempts made */
  bool sent = false;          /* a commit may be on its way */
  bool rolling_back = false;
end:
  do
  /* rule 9: deletion before the commit: cancel (below), then stop, then nobody's */
  :: atomic { !fenced_s && phase == s_idle && owner == S && qs == q_run && deleted -> qs = q_dead }
#ifdef MUTANT_RELEASE_BEFORE_DEAD
  :: atomic { !fenced_s && phase == s_idle && owner == S && qs == q_run -> g = epoch; write(release, g, 0) }   /* its Pod vanished */
#endif
  :: atomic { !fenced_s && phase == s_idle && owner == S && qs == q_dead -> g = epoch; write(release, g, 0) }
  :: atomic { !fenced_s && phase == s_idle && owner != S && qs != q_dead -> qs = q_dead }   /* stale: somebody else owns the guest */

  :: atomic { !fenced_s && phase == s_idle && owner == S && qs == q_run && mig == 0 && made < 2 && !deleted ->
      made++; g = epoch; phase = s_marking; sent = false; rolling_back = false }
  :: atomic { !fenced_s && phase == s_marking && qt[made] == q_inmigrate -> write(begin_migration, g, made);
      if
      :: res == applied -> g = epoch; attempt = made; phase = (qs == q_run -> s_streaming : s_retracting);
         if
         :: qs == q_run -> qs = q_active
         :: else
         fi
      :: else -> phase = s_retracting
      fi }

  :: atomic { !fenced_s && phase == s_marking && qt[made] == q_dead -> phase = s_idle }

  :: atomic { !fenced_s && phase == s_streaming && qs == q_active && give_up -> qs = q_run; phase = s_retracting }   /* migrate_cancel */
  :: atomic { !fenced_s && phase == s_streaming && qs == q_pre_switchover ->
      if
      :: true -> qs = q_run; phase = s_retracting        /* cancelled, or the API was silent for a second */
      :: !give_up -> qs = q_device; phase = s_switching  /* migrate-continue */
      fi }
  :: atomic { !fenced_s && phase == s_streaming && (qs == q_run || qs == q_dead) -> phase = s_retracting }

  :: atomic { !fenced_s && phase == s_switching && qs == q_completed -> ev_completed = false; phase = s_committing }
#ifdef MUTANT_TRUST_EVENT
  :: atomic { !fenced_s && phase == s_switching && ev_completed -> ev_completed = false; phase = s_committing }
#endif
#ifdef MUTANT_COMMIT_ON_TARGETS_COMPLETED
  :: atomic { !fenced_s && phase == s_switching && qt[attempt] == q_loaded -> phase = s_committing }
#endif
  :: atomic { !fenced_s && phase == s_switching && (qs == q_run || qs == q_dead) -> phase = s_retracting }

  /* rule 2: the commit, and rule 3: the ways back from it */
  :: atomic { !fenced_s && phase == s_committing && !rolling_back -> write(commit, g, attempt);
      if
      :: res == applied -> g = epoch; phase = s_committed
      :: res == unknown -> sent = true; phase = s_reading
      :: res == refused -> phase = s_reading
      fi }
  :: atomic { !fenced_s && phase == s_committing && !rolling_back -> rolling_back = true }   /* the API is away, or a cancel */
  :: atomic { !fenced_s && phase == s_committing && rolling_back && qs == q_dead -> phase = s_retracting }
#ifdef MUTANT_ROLL_BACK_WITHOUT_OPPOSITE_WRITE
  :: atomic { !fenced_s && phase == s_committing && rolling_back && qs == q_completed -> cont_source(); phase = s_retracting }
#else
  :: atomic { !fenced_s && phase == s_committing && rolling_back && !sent && qs == q_completed -> cont_source(); phase = s_retracting }
#endif
  :: atomic { !fenced_s && phase == s_committing && rolling_back && sent && qs == q_completed -> write(abort_attempt, g, attempt);
      if
      :: res == applied -> cont_source(); phase = s_idle
      :: else -> phase = s_reading
      fi }
  :: atomic { !fenced_s && phase == s_reading ->
      if
      :: owner == S && mig == attempt -> g = epoch; phase = s_committing
      :: owner == S && mig != attempt ->        /* our opposite write applied after all: no commit can any more */
         if
         :: qs == q_completed -> cont_source()
         :: else
         fi;
         phase = s_idle
      :: owner != S -> phase = s_committed
      fi }

  /* rule 4: keep the paused QEMU until the target has started */
  :: atomic { !fenced_s && phase == s_committed && owner == S ->
      if
      :: qs == q_completed && started <= g -> cont_source()
      :: else
      fi;
      phase = s_idle }
  :: atomic { !fenced_s && phase == s_committed && owner != S && mig != attempt -> qs = q_dead; phase = s_idle }
#ifdef MUTANT_RESUME_ON_SILENCE
  :: atomic { !fenced_s && phase == s_committed && qs == q_completed -> qs = q_run; phase = s_idle }
#endif

  /* the guest runs here (or is dead): take the mark away, so that the target and late words give up */
  :: atomic { !fenced_s && phase == s_retracting ->
      g = epoch;
      if
      :: owner == S && mig != 0 ->
         if
#ifdef MUTANT_COMMIT_FORWARD_UNREPORTED
         :: qs == q_dead -> commit_forward()
#endif
         :: qs == q_dead && reported[mig] -> commit_forward()   /* rule 5 */
         :: else -> write(abort_attempt, g, mig)
         fi
      :: else -> phase = s_idle
      fi }

  /* rule 7: a user's unpause goes through the one check, which refuses in all these states */
#ifdef MUTANT_UNPAUSE_UNCHECKED
  :: atomic { !fenced_s && (qs == q_pre_switchover || qs == q_completed) -> qs = q_run }
#endif

  :: atomic { !fenced_s && crashes > 0 -> crashes--; phase = s_restarting; g = 0; sent = false; rolling_back = false }
  :: atomic { !fenced_s && phase == s_restarting ->
      g = epoch; sent = true; rolling_back = false;
      if
      :: owner == S && qs == q_active -> phase = (mig == attempt -> s_streaming : s_retracting);
         if
         :: mig != attempt -> qs = q_run
         :: else
         fi
      :: owner == S && qs == q_pre_switchover -> qs = q_run; phase = s_retracting
      :: owner == S && qs == q_device -> phase = s_switching
#ifdef MUTANT_ADOPT_PAUSED_AS_RUNNING
      :: owner == S && qs == q_completed -> qs = q_run; phase = s_retracting
#else
      :: owner == S && qs == q_completed -> phase = s_reading
#endif
      :: owner == S && (qs == q_run || qs == q_dead) -> phase = s_retracting
      :: owner != S -> phase = s_committed
      fi }
  od
}
