# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What a program can be told: run, recover, follow [FIRST_LINE], stop, status.

main() {
  local status
  # whoever starts the guest looks there
  find_saved "$DOMAIN" || :
  case ${1:-} in run | recover) find_origins ;; esac
  case ${1:-} in
    run) mode_run ;;
    recover)
      # which ends the shell that it runs in
      rebooted && [ -s "$HERE/before" ] || mode_recover
      (mode_recover)
      status=$?
      recover_earlier
      exit "$status"
      ;;
    follow) mode_follow "${2:-1}" ;;
    stop) mode_stop ;;
    status) mode_status ;;
    late) mode_late "$2" ;;
    again) mode_again ;;
    retire) mode_retire "$2" ;;
    *)
      echo "usage: sh program.sh run|recover|follow [FIRST_LINE]|stop|status" >&2
      exit 64
      ;;
  esac
}

read_fact() { # NAME: of this run, in CONTENT
  CONTENT=$(cat "$HERE/$1" 2>/dev/null) || CONTENT=
}

mode_run() {
  local owner
  take_lock 3 || {
    # by this very run, which somebody has started twice: its books are its own
    ! [ -s "$JOURNAL" ] || exit 3
    # the journal of this run, not that of who has the lock; and all else that lies about is the guest's, which who has it sees to
    open_journal
    end_run refused 'another run has the lock of this guest'
  }
  open_journal
  if [ "$SEQ" -gt 0 ]; then
    # a run runs once
    recover_locked
  fi
  # whoever finds this run dead goes by these
  printf '%s' "$DOMAIN" >"$HERE/domain" && boot_id >"$HERE/boot" && kept "$HERE/domain" "$HERE/boot" && set_aside ||
    finish refused "cannot write into $HERE: is the disk full?"
  read_fact owner
  owner=$CONTENT
  uptime_now
  BEGAN_AT=$UPTIME
  journal_kept begin run "${HERE##*/}" domain "$DOMAIN" digest "$DIGEST" owner "$owner"
  plan
  complete_run
}

# complete_run: all steps are done
complete_run() {
  local message
  message='all steps are done'
  if [ -n "$COUNTED" ]; then
    seconds $((DOWNTIME + HELD_CENTIS))
    message="all steps are done; $DOMAIN was down for $SECONDS_TEXT s"
  elif [ "$HELD_CENTIS" -gt 0 ]; then
    seconds "$HELD_CENTIS"
    message="all steps are done; $DOMAIN waited for its disks for $SECONDS_TEXT s"
  fi
  remember_history
  finish "done" "$message"
}

mode_recover() {
  # before anything is looked for in the books
  resume_origins
  if [ -e "$HERE/ended" ] && ! [ -e "$HERE/unfinished" ] && ! [ -e "$HERE/unstarted" ] && journal_ended; then
    # after a reboot of Dom0: a guest that was saved on a mapping needs it again
    rebooted && [ -e "$UNITS/converge-boot-$SAFE.service" ] || exit 0
    take_lock 60 || exit 75
    open_journal
    guest_away
    take_back temporary
    exit 0
  fi
  take_lock 60 || exit 75
  open_journal
  recover_locked
}

# recover_locked: finds a run dead, in whatever state; may itself die anywhere and be called again. Does not return.
recover_locked() {
  local outcome
  [ -e "$HERE/ended" ] || recall_end
  # it may be down
  guest_away
  tell_resumed
  await_scoped
  FOUND_DEAD=1
  if [ -e "$HERE/ended" ]; then
    # it died right before its last event
    read_fact ended
    journal_ended || journal_kept end outcome "$CONTENT" message 'the run ended'
    # or something could not be taken back then, or the guest not be brought up
    [ -e "$HERE/unfinished" ] || [ -e "$HERE/unstarted" ] || exit 0
    if committing; then
      start_owed
      take_back temporary
    else
      take_back all left
      # it has its new disk, or had: whether it is up is its owner's affair
      ! committing || take_back temporary
    fi
    ! committing || [ -e "$HERE/unstarted" ] || [ -e "$HERE/committed" ] || write_kept "$HERE/committed" "$(date +%s)"
    [ -z "$LEFT$UNSTARTED" ] || {
      try_again_later
      exit 1
    }
    guest_here
    remove_run_directories
    journal note message 'what was left has been taken back now'
    exit 0
  fi
  if [ "$SEQ" -gt 0 ] && ! journal_ended; then
    journal note message 'the run was interrupted'
  fi
  if committing; then
    forward 'the run was interrupted after the commit'
  fi
  read_fact abandoned
  outcome=${CONTENT%% *}
  case $outcome in
    failed | refused | stopped) go_back "$outcome" "${CONTENT#* }" ;;
    *) go_back failed 'the run was interrupted; what it had done is taken back' ;;
  esac
}

# recall_end: it has ended in this boot, and could not write so. Where it still can not there is nothing else to do.
recall_end() {
  local run outcome
  { read -r run outcome <"$RUN/.ended.$SAFE"; } 2>/dev/null && [ "$run" = "${HERE##*/}" ] || return 0
  write_kept "$HERE/ended" "$outcome" || exit 0
  rm -f "$RUN/.ended.$SAFE"
  give_up_aside
}

mode_stop() {
  local last status
  status=0
  if [ -e "$HERE/ended" ]; then
    json_object stopping 'it has ended already'
  else
    if opens "$HERE/stop"; then
      last=$(last_step)
      json_object stopping "asked; the last step that began is ${last:-none}"
    else
      json_object stopping "cannot write $HERE/stop"
      status=1
    fi
  fi
  printf '%s\n' "$JSON"
  return "$status"
}

last_step() {
  sed -n 's/.*,"event":"step","id":"\([^"]*\)".*/\1/p' "$JOURNAL" 2>/dev/null | tail -n 1
}

mode_status() {
  local owner since outcome
  read_fact owner
  owner=$CONTENT
  read_fact since
  since=$CONTENT
  read_fact ended
  outcome=$CONTENT
  if [ -z "$outcome" ]; then
    if lock_held; then outcome=running; else outcome=dead; fi
  fi
  json_object run "${HERE##*/}" domain "$DOMAIN" digest "$DIGEST" owner "$owner" 'since#' "$since" \
    step "$(last_step)" outcome "$outcome"
  printf '%s\n' "$JSON"
}

# follow FIRST_LINE: lines as they come; from the first one on where those before FIRST_LINE are not there any more. Ends with the `end` event; `lost` if the program ended without one.
mode_follow() {
  local first total
  first=$1
  case $first in '' | *[!0-9]* | 0) first=1 ;; esac
  [ -e "$JOURNAL" ] || opens "$JOURNAL"
  lines_in "$JOURNAL"
  total=$LINES_IN
  # who follows has read more than there is, or all of it, and no end: a power cut has taken lines, and others stand in their places
  if [ "$total" -lt "$((first - 1))" ] || { [ "$total" -lt "$first" ] && journal_ended; }; then first=1; fi
  if [ "$total" -ge "$first" ]; then
    tail -n "+$first" "$JOURNAL" | head -n "$((total - first + 1))" || exit 0
  fi
  if journal_ended "$total"; then
    exit 0
  fi
  [ "$total" -ge "$first" ] || total=$((first - 1))
  # the first line that comes is tail's own number, so that it can be ended
  sh -c 'echo "$$"; exec tail -n "+$1" -f "$2"' sh "$((total + 1))" "$JOURNAL" </dev/null 2>/dev/null | follow_lines
}

follow_lines() {
  local tail_pid guard line status
  IFS= read -r tail_pid
  await_end "$tail_pid" &
  guard=$!
  status=lost
  while IFS= read -r line; do
    # the reader went away
    printf '%s\n' "$line" 2>/dev/null || {
      status=gone
      break
    }
    case $line in
      *',"event":"end",'*)
        # not one that a full disk has cut short
        printf '%s\n' "$line" | grep -q "$END_EVENT" || continue
        status=ended
        break
        ;;
    esac
  done
  [ "$status" != lost ] || printf '{"event":"lost"}\n'
  kill "$tail_pid" "$guard" 2>/dev/null
  exit 0
}

# await_end PID: waits (in flock) for the program to end. Gone without an end, and nobody who recovers it: ends tail.
await_end() {
  local tries
  tries=0
  while [ "$tries" -lt 5 ]; do
    flock -s "$BOOK/lock" true
    # told: the reader of the journal sees it
    if journal_ended; then
      exit 0
    fi
    tries=$((tries + 1))
    sleep 1
  done
  kill "$1"
}
