/* A target's agent. It acts on what it reads of the API, its QEMU and its disk, and so has nothing to lose in a crash. */

inline kill_target(a) { qt[a] = q_dead; autostart[a] = false }

proctype Target(byte a) {
  mtype res = refused;
  byte g;
end:
  do
  /* the incoming QEMU is started once, for an attempt that is about to be made */
  :: atomic { qt[a] == q_none && owner == S && mig == 0 && !deleted -> qt[a] = q_inmigrate }

  /* rule 2 and 4: the commit is read; the marker is on disk before the first cont */
  :: atomic { owner == target_of(a) && qt[a] == q_loaded && !deleted && !marker[a] ->
#ifdef MUTANT_MARKER_AFTER_CONT
      qt[a] = q_run; ran_t[a] = true
#else
      marker[a] = true
#endif
    }
#ifdef MUTANT_MARKER_AFTER_CONT
  :: atomic { owner == target_of(a) && qt[a] == q_run && !marker[a] -> marker[a] = true }
#endif
  :: atomic { owner == target_of(a) && qt[a] == q_loaded && marker[a] && !deleted -> qt[a] = q_run; ran_t[a] = true }
  :: atomic { owner == target_of(a) && qt[a] == q_run && marker[a] && mig == a -> g = epoch; write(started_, g, a) }

#ifdef MUTANT_CONT_BEFORE_COMMIT
  :: atomic { qt[a] == q_loaded && mig == a -> marker[a] = true; qt[a] = q_run; ran_t[a] = true }
#endif
#ifdef MUTANT_TAKE_OVER_ON_SILENCE
  :: atomic { qt[a] == q_loaded && owner == S && mig == a -> g = epoch; write(take_over, g, a) }
#endif

  /* rule 4: back, only without the marker and only when dead */
  :: atomic { owner == target_of(a) && mig == a && qt[a] == q_loaded && !marker[a] -> kill_target(a) }   /* cont would fail */
#ifdef MUTANT_IGNORE_MARKER
  :: atomic { owner == target_of(a) && mig == a && qt[a] == q_dead && !deleted -> g = epoch; write(give_back, g, a) }
#else
  :: atomic { owner == target_of(a) && mig == a && qt[a] == q_dead && !marker[a] && !deleted -> g = epoch;
      if
      :: fenced_s -> write(release, g, a)
      :: else -> write(give_back, g, a)
      fi }
  :: atomic { owner == target_of(a) && qt[a] == q_dead && (marker[a] || deleted) -> g = epoch; write(release, g, a) }
#endif
  /* rule 9: deletion after the commit: the target stops the guest */
  :: atomic { owner == target_of(a) && deleted && qt[a] != q_dead -> kill_target(a) }

  /* rule 5: its own word, for a source whose QEMU is dead */
  :: atomic { owner == S && mig == a && qt[a] == q_loaded && !reported[a] -> reported[a] = true }

  /* rule 5: the source is fenced and we have everything */
  :: atomic { owner == NONE && mig == a && qt[a] == q_loaded && !deleted -> g = epoch; write(take_over, g, a) }

  /* the attempt is over, or never began: away with it */
  :: atomic { qt[a] != q_none && qt[a] != q_dead && owner != target_of(a) && mig != a -> kill_target(a) }
  :: atomic { qt[a] != q_none && qt[a] != q_dead && owner == NONE && (mig != a || qt[a] == q_inmigrate || deleted) -> kill_target(a) }
  :: atomic { kills > 0 && qt[a] != q_none && qt[a] != q_dead -> kills--; kill_target(a) }

  /* rule 7: QEMU accepts cont in inmigrate */
#ifdef MUTANT_CONT_IN_INMIGRATE
  :: atomic { qt[a] == q_inmigrate -> autostart[a] = true }
#endif
  od
}

init {
  atomic { run Target(1); run Target(2) }
}
