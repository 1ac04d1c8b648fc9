# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The way back, from whatever point: only from what is on disk (`started`) and what is seen, never from variables.

# undoing ID temporary|kept TITLE: the first line of each undo
undoing() {
  ID=$1 UNDO_TITLE=$3
  [ "$UNDO_SCOPE" = all ] || [ "$2" = temporary ] || UNDO_GOES=0
}

# when GOAL ARGUMENTS…: the undo is needed only where this holds
when() {
  local name
  [ "$MODE" = undo ] && [ "$UNDO_GOES" -eq 1 ] && [ "$STEP_RC" -eq 0 ] || return 0
  name=$1
  shift
  SAYS="$name $*"
  "goal_$name" "$@"
  set -- $?
  ! asked_in_vain || set -- 2
  case $1 in
    0) ;;
    1) UNDO_GOES=0 ;;
    # unknown is not absent: tried again, and told if it stays so
    *) STEP_RC=1 ;;
  esac
}

# take_back SCOPE: all | temporary. Sets LEFT (numbers of steps) and LEFT_WHY.
take_back() {
  local number tries list
  UNDO_SCOPE=$1
  resume_origins
  adopt_loops
  forget_draft
  list=$(newest_first started)
  for tries in 1 2 3; do
    [ "$tries" -eq 1 ] || sleep 1
    LEFT='' LEFT_WHY=
    for number in $list; do
      undo_step "$number"
    done
    [ -n "$LEFT" ] || break
    list=$LEFT
  done
  # what was there already when the run came to it. Dom0's reboot took it, and a guest that was saved on it needs it again
  if rebooted; then
    UNDO_SCOPE=temporary
    for number in $(newest_first skipped); do
      undo_step "$number"
    done
    UNDO_SCOPE=$1
  fi
  tell_resumed
  if [ -n "$LEFT$UNSTARTED" ]; then
    write_kept "$HERE/unfinished" "$UNSTARTED${UNSTARTED:+${LEFT_WHY:+; }}$LEFT_WHY"
  else
    rm -f "$HERE/unfinished"
  fi
}

# can_be_undone NUMBER
can_be_undone() {
  command -v "undo_$1" >/dev/null 2>&1
}

undo_step() {
  can_be_undone "$1" || return 0
  STEP=$1 OUT=$HERE/out/$1.undo.log
  MODE=undo UNDO_GOES=1 UNDO_TOLD=0 STEP_RC=0 SAYS=
  "undo_$1"
  MODE=idle
  [ "$STEP_RC" -ne 0 ] || return 0
  LEFT="$LEFT $1"
  LEFT_WHY="${LEFT_WHY:+$LEFT_WHY; }$ID: $SAYS"
}

rebooted() {
  read_fact boot
  [ -n "$CONTENT" ] && [ "$CONTENT" != "$(boot_id)" ]
}

newest_first() { # FILE: numbers of steps, each once
  [ -e "$HERE/$1" ] || return 0
  awk '/^[0-9]+$/ { list[++n] = $1 }
    END { for (; n > 0; n--) if (!(list[n] in seen)) { seen[list[n]] = 1; print list[n] } }' "$HERE/$1"
}

# no_way_back WHY: found while all is taken back: the guest has its new disk, and has written to it. Written down before
# anything else is done: whoever has to finish this, should it die now, must not come to another end.
no_way_back() {
  epoch
  write_kept "$HERE/committing" "$NOW" || {
    rm -f "$HERE/committing"
    says 'cannot write that the guest stays on its new disk'
    return 1
  }
  journal note message "$1"
  # what the new disk needs stays from here on
  UNDO_SCOPE=temporary
}

# go_back OUTCOME MESSAGE: the guest is on its old disk afterwards, unless it is found on its new one. Does not return.
go_back() {
  take_back all
  ! committing || forward "$2"
  if [ -n "$LEFT" ]; then
    finish "$1" "$2; could not be taken back: $LEFT_WHY"
  fi
  finish "$1" "$2"
}

# committing: the commit was begun. From here on the new disk may hold writes that the old one has not.
committing() {
  [ -s "$HERE/committing" ]
}

# forward MESSAGE: makes sure that the guest runs on its new disk, and tidies up. Does not return.
forward() {
  local message
  message=$1
  ID=commit OUT=$HERE/out/forward.log
  read_fact committing
  if [ "${CONTENT#offline}" != "$CONTENT" ]; then
    # the guest was down and stays so
    SAYS=
  elif [ -e "$HERE/gone" ]; then
    # somebody else took it down, in a wait in which all it did was its own affair
    SAYS=
  elif ! run_on_new_disk; then
    owe_start "$SAYS"
    message="$message; $UNSTARTED"
  else
    rm -f "$HERE/unstarted"
  fi
  if ! [ -e "$HERE/committed" ] && [ "$message" = "$1" ]; then
    write_kept "$HERE/committed" "$(date +%s)"
    journal_kept commit domain "$DOMAIN"
  fi
  take_back temporary
  [ -z "$LEFT" ] || message="$message; left: $LEFT_WHY"
  # in its wait nothing but the second switch was left to do
  [ -z "${STOPPED_WAITING:-}" ] || [ "$message" != "$1" ] || finish stopped "$message"
  REMAINS=
  SURVEY=1
  plan
  SURVEY=0
  if [ -z "$REMAINS$LEFT" ] && [ "$message" = "$1" ] && [ -n "${FOUND_DEAD:-}" ]; then
    if [ -e "$HERE/gone" ]; then
      finish "done" "$DOMAIN is down, and its next start is on its new disk; $message"
    fi
    finish "done" "$DOMAIN runs on its new disk; $message"
  fi
  if [ -n "$REMAINS" ]; then
    read_fact waiting
    message="$message; to be done:${CONTENT:+ the second switch, which waited for $CONTENT,}$REMAINS"
  fi
  finish stuck "$message"
}

# survey_step PHASE: is something of it left to do?
survey_step() {
  case $1 in settle | finish) ;; *) return 0 ;; esac
  look
  [ "$VERDICT" = "done" ] || REMAINS="$REMAINS $ID"
}

run_on_new_disk() {
  if migrates; then
    verb_settle_migration "$DOMAIN" "$CONFIG"
    return
  fi
  domain_state "$DOMAIN"
  case $? in
    0) ;;
    1)
      # saved after the commit, it knows its disk as it is
      thaw_or_start "$DOMAIN" "$CONFIG"
      return
      ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*)
      clear_away "$DOMID" "$KEPT_SECONDS" && thaw_or_start "$DOMAIN" "$CONFIG"
      ;;
    *p*)
      if half_built "$DOMID"; then
        # a start after the commit that was cut short: there is nothing yet that could run
        clear_half_built "$DOMID" && thaw_or_start "$DOMAIN" "$CONFIG"
      else
        run_command xl unpause -- "$DOMID" || return
        # what a comparison has paused is told where its disks are given back
        held_here || tell_back resumed
      fi
      ;;
    *)
      # of a second switch that it did not follow in time
      ! asked_to_go "$DOMID" || withdraw_request "$DOMID" new || :
      # a run that is dead can not say whether it was about to be frozen
      if [ -n "${FOUND_DEAD:-}" ] || [ "${SWITCH:-}" = suspend ]; then set -- frozen; else set --; fi
      tell_running "$DOMAIN" "$@"
      ;;
  esac
}

# asked_to_go DOMID: this run has asked this very domain to shut down
asked_to_go() {
  local old boot
  read -r old _ boot 2>/dev/null <"$HERE/down" && [ "$old" = "$1" ] && [ "$boot" = "$(boot_id)" ]
}
