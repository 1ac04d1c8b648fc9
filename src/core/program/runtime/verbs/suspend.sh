# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# A guest that is frozen instead of being shut down: its memory goes to a file, and is restored from there just once.

verb_save_guest() { # NAME FILE BEFORE -- COMMAND…
  local name file before domid loops began
  name=$1 file=$2 before=$3
  shift 4
  domid_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  loops_of "$domid"
  loops=$LOOPS
  forget_take_over
  uptime_now
  began=$UPTIME
  write_kept "$HERE/down" "$domid $UPTIME $(boot_id)" || return 1
  DOWN_AT=$UPTIME SWITCH=suspend
  guest_away
  journal_kept down domain "$name"
  # xl lets the guest run on when this fails; where xl is killed, see clear_away
  run_command "$@" || return
  write_kept "$HERE/saved" "$file $before" || return 1
  await_gone "$domid" 60 "$loops" || {
    says "$name is saved, and yet: $SAYS"
    return 1
  }
  uptime_now
  SHUTDOWN_CENTIS=$((UPTIME - began))
}

# thaw NAME CONFIG BEFORE FILE: the undo of save_guest. Its memory knows the disk as it was: it is used once, and only
# before the guest has run again.
verb_thaw() {
  ! given_back || {
    tell_running "$1"
    return 0
  }
  domain_state "$1"
  case $? in
    0)
      case $STATE in
        *[scd]*) clear_away "$DOMID" "$KEPT_SECONDS" || return 1 ;;
        *p*)
          half_built "$DOMID" || return 0
          clear_half_built "$DOMID" || return 1
          ;;
        *)
          tell_running "$1" frozen
          return 0
          ;;
      esac
      ;;
    1) ;;
    *) return 1 ;;
  esac
  thaw_or_start "$1" "${BRING_BACK_FROM:-$2}"
}

# thaw_or_start NAME CONFIG: one that is down is restored from its memory, if that can be used still, or else started
thaw_or_start() {
  local file before BRINGS_BACK
  BRINGS_BACK=1
  read -r file before 2>/dev/null <"$HERE/saved" || file=''
  if [ -n "$file" ] && ! [ -e "$HERE/thawed" ] && ! [ -e "$HERE/resumed" ] && [ -s "$file" ] && [ -s "$before" ]; then
    spend_memory "$file" || return
    if [ -e "$file" ] && build_scoped xl restore "$before" "$file"; then
      forget_built
      rm -f -- "$file"
      tell_back restored
      return 0
    fi
    journal note message "$1 could not be thawed ($SAYS): it is started anew, as after a power failure"
    domain_state "$1" && case $STATE in
      *[scd]*) await_gone "$DOMID" 60 ;;
      *p*) ! half_built "$DOMID" || clear_half_built "$DOMID" || return ;;
    esac
  fi
  start_in_scope "$1" "$2"
}

# spend_memory FILE: so that it is never used again, whatever becomes of this program. By a rename, which a full disk takes too.
# Where even that can not be written, the memory is given up: it is worth less than a guest that runs.
spend_memory() {
  mv -f "$HERE/saved" "$HERE/thawed" && kept "$HERE" && return 0
  says "cannot write that its memory is used"
  rm -f -- "$1" && kept "${1%/*}"
}

# forget_take_over: the guest is about to be taken down (once more, perhaps), and what was noted of an earlier time says
# nothing of this one
forget_take_over() {
  rm -f "$HERE/resumed" "$HERE/down" "$HERE/saved" "$HERE/thawed" "$HERE/migrating" "$HERE/built"
  RAN_AT=
}

# given_back: it ran again after the switch, and what became of it since is its owner's business; but for a reboot of
# Dom0, which the run answers for
given_back() {
  [ -e "$HERE/resumed" ] && [ "$(cat "$HERE/resumed")" = "$(boot_id)" ]
}

# resume_guest NAME FILE -- COMMAND…: where it may have run by that, whatever the command says, its memory is spent
verb_resume_guest() {
  local name file
  name=$1 file=$2
  shift 3
  write_kept "$HERE/resumed" "$(boot_id)" || {
    says "cannot write that $name is let run"
    return 1
  }
  let_run "$name" "$@" || return
  [ "$file" = - ] || rm -f -- "$file"
}

# let_run NAME COMMAND…: after `resumed` was written. It stays unless it is seen that it has not run: what its memory was before is never used again
let_run() {
  local name status
  name=$1
  shift
  run_command "$@"
  status=$?
  uptime_now
  RAN_AT=$UPTIME
  [ "$status" -ne 0 ] || {
    forget_built
    return 0
  }
  set -- "$SAYS"
  if has_not_run "$name"; then
    rm -f "$HERE/resumed"
    RAN_AT=
  elif [ "$status" -ne "$GIVEN_UP" ] && runs "$name"; then
    forget_built
    journal note message "$1, and had done it: $name runs"
    return 0
  fi
  says "$1"
  return "$status"
}
