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

# take_back SCOPE [left]: all | temporary; left: only what an earlier try has left, as the guest is its owner's by now. Sets LEFT
# (numbers of steps) and LEFT_WHY. Where it turns out that there is no way back it ends there: what is taken back then, the boot
# unit too, is taken back once the guest is seen to.
take_back() {
  local number tries list of
  of=started
  [ "${2:-}" != left ] || [ -z "$(newest_first left)" ] || of=left
  UNDO_SCOPE=$1
  resume_origins
  adopt_loops
  forget_draft
  list=$(newest_first "$of")
  TURNED=0
  for tries in 1 2 3; do
    [ "$tries" -eq 1 ] || sleep 1
    LEFT='' LEFT_WHY=
    for number in $list; do
      undo_step "$number"
      [ "$TURNED" -eq 0 ] || return 0
    done
    [ -n "$LEFT" ] || break
    list=$LEFT
  done
  # what was there already when the run came to it. Dom0's reboot took it, and a guest that was saved on it needs it again
  if rebooted; then
    UNDO_SCOPE=temporary
    for number in $(newest_first skipped) $([ "$of" = started ] || newest_first started); do
      undo_step "$number"
    done
    UNDO_SCOPE=$1
  fi
  tell_resumed
  if [ -n "$LEFT$UNSTARTED" ]; then
    list=
    for number in $LEFT; do list=$number$LINE$list; done
    # all of it is taken back once more, where this can not be written
    write_kept "$HERE/left" "$list" || rm -f "$HERE/left"
    # that it is there counts: a longer text may have no room
    UNTOLD=0
    write_kept "$HERE/unfinished" "$UNSTARTED${UNSTARTED:+${LEFT_WHY:+; }}$LEFT_WHY" ||
      write_kept "$HERE/unfinished" 'not everything could be taken back: see the journal' || UNTOLD=1
  else
    rm -f "$HERE/unfinished" "$HERE/left"
  fi
}
TURNED=0
# something is left, and could not be written down
UNTOLD=0

# can_be_undone NUMBER
can_be_undone() {
  command -v "undo_$1" >/dev/null 2>&1
}

undo_step() {
  can_be_undone "$1" || return 0
  STEP=$1 OUT=$HERE/out/$1.undo.log
  out_opens
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
  TURNED=1
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
  out_opens
  read_fact committing
  if [ "${CONTENT#offline}" != "$CONTENT" ]; then
    # the guest was down and stays so
    SAYS=
  elif is_gone; then
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
    if is_gone; then
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

# note_gone: somebody else took the guest down. This program goes by it where no file can be made, too.
GONE=0
note_gone() {
  GONE=1
  [ -e "$HERE/gone" ] || mark_kept "$HERE/gone"
}

forget_gone() {
  GONE=0
  rm -f "$HERE/gone"
}

is_gone() {
  [ "$GONE" -eq 1 ] || [ -e "$HERE/gone" ]
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
      start_as_named
      return
      ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*)
      clear_away "$DOMID" "$KEPT_SECONDS" && start_as_named
      ;;
    *p*)
      if half_built "$DOMID"; then
        # a start after the commit that was cut short: there is nothing yet that could run
        clear_half_built "$DOMID" && start_as_named
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

start_as_named() {
  names_what_stayed && thaw_or_start "$DOMAIN" "$CONFIG"
}

# asked_to_go DOMID: this run has asked this very domain to shut down
asked_to_go() {
  local old boot
  read -r old _ boot 2>/dev/null <"$HERE/down" && [ "$old" = "$1" ] && [ "$boot" = "$(boot_id)" ]
}
