# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# A guest that took a request to shut down and did not follow it in time: it may go down any time now, long after its run has
# ended. That it is started again then is owed, for an hour and in this boot: by a watchman in a unit of its own, and by
# whatever run finds it down meanwhile. Whoever takes it down himself owes nothing any more: his own undo brings it back.

# what of an hour is left is counted from the request on
readonly LATE_CENTIS=360000
# a start that fails is tried again
readonly LATE_TRIES=10

# when this process saw it running last: from there it counts what it was down for
LATE_SEEN=

# withdraw_request DOMID: it runs on. A request that it has not read yet is taken back; one that it has read can not be.
withdraw_request() {
  uptime_now
  LATE_SEEN=$UPTIME
  if [ -n "$(xenstore-read "/local/domain/$1/control/shutdown" 2>/dev/null 9>&-)" ]; then
    run_command xenstore-write "/local/domain/$1/control/shutdown" ''
    return
  fi
  journal note message "$DOMAIN still runs on its $2 disk; if it yet goes down within an hour, it is started again"
  owe_late "$1" || journal note message "and yet nobody waits for that, since $SAYS: after that it has to be started by hand"
  return 0
}

# owe_late DOMID: written into the guest's books, for whoever comes next. 1: nobody watches it.
owe_late() {
  uptime_now
  set -- "$1" "$1 $(boot_id) $((UPTIME + LATE_CENTIS)) $HERE$LINE$CONFIG"
  says "$BOOK/owed could not be written"
  # for this boot memory does as well, where the disk has no room
  write_kept "$BOOK/owed" "$2" || write_kept "$RUN/.owed.$SAFE" "$2" || return
  says 'systemd-run started no unit'
  out_opens
  systemd-run --quiet --collect --unit="converge-late-$SAFE-$1-$$" /bin/sh "$HERE/program.sh" late "$1" \
    </dev/null >>"$OUT" 2>&1 9>&-
}

# owed_late: sets OWED, the domain that was up, OWED_BY, the run that it was asked by, and OWED_CONFIG. 1: nothing is owed.
owed_late() {
  local boot end
  OWED='' OWED_BY='' OWED_CONFIG='' boot='' end=''
  find_owed || return 1
  { read -r OWED boot end OWED_BY && IFS= read -r OWED_CONFIG; } 2>/dev/null <"$OWED_FILE" || return 1
  case $OWED-$end in -* | *- | *[!0-9-]*) return 1 ;; esac
  uptime_now
  [ "$boot" = "$(boot_id)" ] && [ "$UPTIME" -lt "$end" ]
}

# find_owed: sets OWED_FILE, where that is written
find_owed() {
  # where memory has it, the books took it no more
  for OWED_FILE in "$RUN/.owed.$SAFE" "$BOOK/owed"; do [ ! -e "$OWED_FILE" ] || return 0; done
  return 1
}

forget_late() {
  ! find_owed || rm -f "$BOOK/owed" "$RUN/.owed.$SAFE"
}

# settle_late: at the end of a run. One that has brought the guest up on its new disk has taken it down before, or found it down; or
# the disk has changed below it, and it is the domain still that may go down yet.
settle_late() {
  if ! committing; then
    pay_late
    return
  fi
  read_fact committing
  [ "${CONTENT#offline}" = "$CONTENT" ] || return 0
  if owed_late; then
    [ "$OWED_BY" != "$HERE" ] || return 0
    domid_of "$DOMAIN"
    case $? in
      0) [ "$DOMID" != "$OWED" ] || return 0 ;;
      1) ;;
      *) return 0 ;;
    esac
  fi
  forget_late
}

# pay_late: under the lock, at the end of a run or by the watchman. Sets UNPAID, why the guest is down still.
UNPAID=
pay_late() {
  UNPAID=
  find_owed || return 0
  owed_late || {
    forget_late
    return 0
  }
  domain_state "$DOMAIN"
  case $? in
    0)
      # as long as it is the same one, it may go down yet
      [ "$DOMID" != "$OWED" ] || return 0
      half_built "$DOMID" || {
        forget_late
        return 0
      }
      ;;
    1) DOMID= ;;
    *)
      UNPAID=$SAYS
      return 0
      ;;
  esac
  # what hangs is given up
  guest_away
  OUT=$HERE/out/late.log
  if { [ -z "$DOMID" ] || clear_half_built "$DOMID"; } && await_gone "$OWED" 60 &&
    start_in_scope "$DOMAIN" "${BRING_BACK_FROM:-$OWED_CONFIG}" "$LATE_SEEN"; then
    journal note message "$DOMAIN went down late, as a run had asked it to, and was started again"
    forget_late
  else
    UNPAID="$DOMAIN went down late, as a run had asked it to, and could not be started again: $SAYS"
  fi
}

# late DOMID: the watchman. While a run is at work the guest is its affair: it is down by its doing, or it is started at its end.
mode_late() {
  local tries
  tries=$LATE_TRIES
  while owed_late && [ "$OWED" = "$1" ] && [ "$OWED_BY" = "$HERE" ]; do
    domid_state "$1"
    set -- "$1" $?
    case $2$STATE in
      0*[scd]*) ;;
      0*)
        uptime_now
        LATE_SEEN=$UPTIME
        ;;
    esac
    if [ "$2" -eq 1 ] && ! lock_held && take_lock 1; then
      # one that has died, or has left something, is seen to first
      if [ -e "$BOOK/current/ended" ] && ! [ -e "$BOOK/current/unfinished" ]; then
        open_journal
        pay_late
        guest_here
        [ -n "$UNPAID" ] || exit 0
        journal note message "$UNPAID"
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
      fi
      exec 9>&-
      # each time after a longer pause
      sleep "$(((LATE_TRIES - tries) * 3))"
    fi
    sleep 2
  done
}
