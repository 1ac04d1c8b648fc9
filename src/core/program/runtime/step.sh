# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Steps. A step is a function of `goal`, `act` and `watch` lines, called in several modes: each mode runs its lines only.

MODE=idle
STEP=0
ID=program
PASS=0
SWITCHING=0
TOLD_STOP=0
SURVEY=0
# ids of steps that this run does without
PASSED_OVER=

# step N ID KIND PHASE TITLE
step() {
  local began
  STEP=$1 ID=$2 DISKS=
  OUT=$HERE/out/$STEP.log
  [ "$PASS" -eq 0 ] || OUT=$HERE/out/$STEP.$PASS.log
  case $SURVEY in
    1)
      survey_step "$4"
      return 0
      ;;
    3)
      MODE=origins
      "step_$STEP"
      MODE=idle
      return 0
      ;;
    2)
      MODE=targets
      "step_$STEP"
      MODE=idle
      return 0
      ;;
  esac
  case " $PASSED_OVER " in
    *" $ID "*)
      journal skip id "$ID" why 'the guest has left by itself'
      return 0
      ;;
  esac
  # after a switch that commits nothing the guest runs on, and the way back is open again
  [ "$4" != prepare ] || SWITCHING=0
  if [ "$SWITCHING" -eq 0 ]; then
    heed_stop "before $ID"
    [ "$4" = prepare ] || SWITCHING=1
  else
    tell_stop
  fi
  is_done_always || look
  case $VERDICT in
    conflict) fail 0 "$WHY" ;;
    done)
      if [ "$GOALS" -gt 0 ]; then
        # an earlier run has made it. After a reboot of Dom0 this one answers for it: see take_back
        ! can_be_undone "$STEP" || { printf '%s\n' "$STEP" >>"$HERE/skipped" && kept "$HERE/skipped"; } ||
          fail 1 "cannot write $HERE/skipped"
        journal skip id "$ID" why 'holds already'
        return 0
      fi
      ;;
  esac
  out_opens
  # before anything is touched: whoever finds this run dead knows what to take back
  if can_be_undone "$STEP"; then
    { printf '%s\n' "$STEP" >>"$HERE/started" && kept "$HERE/started"; } || fail 1 "cannot write $HERE/started"
  fi
  journal step id "$ID" kind "$3" phase "$4" title "$5"
  uptime_now
  began=$UPTIME
  MODE=act STEP_RC=0 SAYS='' SEEN=0
  "step_$STEP"
  MODE=idle
  [ "$STEP_RC" -eq 0 ] || fail "$STEP_RC" "$SAYS"
  if [ "$GOALS" -gt 0 ] && [ "$SEEN" -eq 0 ]; then
    look
    [ "$VERDICT" = "done" ] || fail 0 "it ran, and yet: $WHY"
  fi
  uptime_now
  seconds $((UPTIME - began))
  journal "done" id "$ID" 'seconds#' "$SECONDS_TEXT"
}

# look: VERDICT over all goals of the step, GOALS their number, WHY the first that does not hold
look() {
  MODE=look VERDICT="done" GOALS=0 WHY=''
  "step_$STEP"
  MODE=idle
}

# is_done_always: this step is not skipped where its goals hold already, so there is no need to look whether they do
is_done_always() {
  MODE=ask VERDICT=pending GOALS=0 ALWAYS=0
  "step_$STEP"
  MODE=idle
  [ "$ALWAYS" -eq 1 ]
}

always() {
  ALWAYS=1
}

# seen: the verb has seen for itself, as the last thing that it did, that the goals hold
seen() {
  SEEN=1
}
SEEN=0

# goal NAME ARGUMENTS…
goal() {
  local name verdict
  [ "$MODE" != ask ] || GOALS=$((GOALS + 1))
  case $MODE:$1 in
    targets:attached | targets:on_volumes)
      shift 2
      TARGETS=$*
      return 0
      ;;
  esac
  [ "$MODE" = look ] || return 0
  GOALS=$((GOALS + 1))
  name=$1
  shift
  SAYS="$name $*"
  "goal_$name" "$@"
  verdict=$?
  ! asked_in_vain || verdict=2
  case $verdict in
    0) ;;
    1)
      [ "$VERDICT" != "done" ] || WHY=$SAYS
      [ "$VERDICT" = conflict ] || VERDICT=pending
      ;;
    *)
      [ "$VERDICT" = conflict ] || WHY=$SAYS
      VERDICT=conflict
      ;;
  esac
  return 0
}

# act VERB ARGUMENTS… [-- COMMAND…]
act() {
  local verb
  case $MODE in
    act) ;;
    origins)
      [ "$1" != take_snapshot ] || case " $ORIGINS " in *" $2 "*) ;; *) ORIGINS="$ORIGINS $2" ;; esac
      return 0
      ;;
    undo)
      [ "$UNDO_GOES" -eq 1 ] || return 0
      if [ "$UNDO_TOLD" -eq 0 ]; then
        UNDO_TOLD=1
        journal undo id "$ID" what "$UNDO_TITLE"
      fi
      ;;
    *) return 0 ;;
  esac
  [ "$STEP_RC" -eq 0 ] || return 0
  verb=$1
  shift
  SAYS=
  "verb_$verb" "$@"
  STEP_RC=$?
  ! asked_in_vain || STEP_RC=$GIVEN_UP
  [ "$STEP_RC" -eq 0 ] || [ -n "$SAYS" ] || says "$verb failed ($STEP_RC)"
  return 0
}

# watch NAME ARGUMENTS…: looked at while a copy of the same step runs
watch() {
  local name
  [ "$MODE" = watch ] && [ "$WATCH_RC" -eq 0 ] || return 0
  name=$1
  shift
  "watch_$name" "$@" || WATCH_RC=1
  return 0
}

# run_watches WHEN: `running` or `ended`; not 0: the copy is worth nothing or is about to be
run_watches() {
  WATCH_WHEN=$1 WATCH_RC=0 MODE=watch
  "step_$STEP"
  MODE=act
  return "$WATCH_RC"
}

# ---- requests to stop

stop_asked() {
  [ -e "$HERE/stop" ]
}

# heed_stop WHERE: a safe point
heed_stop() {
  stop_asked || return 0
  journal stopping why "stopped $1: what was done is taken back"
  abandon stopped "stopped on request $1"
}

# tell_stop: no safe point any more
tell_stop() {
  [ "$TOLD_STOP" -eq 0 ] && stop_asked || return 0
  TOLD_STOP=1
  journal stopping why 'the switch has begun: it is finished first'
}

# ---- ends

# fail EXIT MESSAGE: the step failed, and with it the run
fail() {
  journal failed id "$ID" 'exit#' "$1" message "$2" tail "${TAIL-$(tail_of "$OUT")}"
  abandon failed "$ID: $2"
}

# abandon OUTCOME MESSAGE: takes everything back, or goes forward where there is no way back. Does not return.
abandon() {
  MODE=idle
  if committing; then
    forward "$2"
  else
    # so that whoever has to finish this knows how it was to end
    write_kept "$HERE/abandoned" "$1 $2"
    go_back "$1" "$2"
  fi
}

# remove_run_directories: those that are empty; whatever is left in one keeps it
remove_run_directories() {
  [ -d "$RUN/$SAFE" ] && [ ! -L "$RUN/$SAFE" ] || return 0
  # made from the guest's config, for single commands
  rm -f "$RUN/$SAFE/out" "$RUN/$SAFE/out.err" "$RUN/$SAFE/before.cfg" "$RUN/$SAFE/next.cfg" "$RUN/$SAFE/stored.cfg" "$RUN/$SAFE/rehearsal.cfg"
  find "$RUN/$SAFE" -xdev -depth -type d -exec rmdir -- {} + 2>/dev/null || :
}

# finish OUTCOME MESSAGE: all is in its place, and nobody but this run was at it. Does not return.
finish() {
  # what an earlier run owed the guest is seen to before the lock goes
  settle_late
  [ -z "${LEFT:-}$UNSTARTED" ] || try_again_later
  guest_here
  give_turn
  release_throttle
  [ -n "${LEFT:-}" ] && ! committing || forget_former
  remove_run_directories
  end_run "$1" "$2${UNPAID:+; $UNPAID}"
}

# end_run OUTCOME MESSAGE: the file that says that nothing is left to do, and then the last event: whoever followed until
# there finds everything in its place. Does not return.
end_run() {
  # what nobody knows to be left would stay so: then it is better found dead
  # Where the books are read-only by now it is known until Dom0's next boot
  [ "$UNTOLD" -eq 1 ] || write_kept "$HERE/ended" "$1" || write_kept "$RUN/.ended.$SAFE" "${HERE##*/} $1"
  # room for the event, too
  give_up_aside
  journal_kept end outcome "$1" message "$2"
  case $1 in done) exit 0 ;; refused) exit 3 ;; stopped) exit 4 ;; *) exit 1 ;; esac
}
