# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The wait for a window of time. The host's wall clock is asked anew each time, and nothing is reckoned from the time
# before: so a clock that is set, a host that was suspended, and the ends of summer time need no thought.

# in seconds; and how often one pauses between two looks. A request to stop is seen after each pause.
readonly WAIT_PAUSE=2 WAIT_PAUSES=5

# week_now: sets WEEK, seconds since Monday 00:00 by the host's clock, and CLOCK, the same for people
week_now() {
  local day hour minute second
  read -r day hour minute second CLOCK <<LINE
$(date '+%u %H %M %S %a %H:%M %Z' 2>/dev/null 9>&-)
LINE
  case $day:$hour:$minute:$second in
    [1-7]:[0-2][0-9]:[0-5][0-9]:[0-6][0-9]) ;;
    *)
      says 'date does not say what time it is'
      return 1
      ;;
  esac
  WEEK=$(((day - 1) * 86400 + (1$hour - 100) * 3600 + (1$minute - 100) * 60 + 1$second - 100))
}

# window_opens NEEDED SPANS: sets OPENS, seconds until a window begins that has NEEDED of it; 0: there is so much left of one
window_opens() {
  local span since length
  OPENS=604800
  for span in $2; do
    since=$(((WEEK - ${span%+*} * 60 + 604800) % 604800)) length=$((${span#*+} * 60))
    if [ "$since" -lt "$length" ] && [ $((length - since)) -ge "$1" ]; then
      OPENS=0
    elif [ $((604800 - since)) -lt "$OPENS" ]; then
      OPENS=$((604800 - since))
    fi
  done
}

# still_on NAME VDEV TARGET…: 0: the guest is on all of them. 1: on something else. 2: nobody can say. 3: it is not there.
still_on() {
  domid_of "$1"
  case $? in
    0) ;;
    1) return 3 ;;
    *) return 2 ;;
  esac
  goal_attached "$@" && return 0
  # while it is built, or taken down, it has some of its disks, or none
  domain_state "$1"
  case $?$STATE in
    0*[scd]* | 1*) return 3 ;;
    0*) return 1 ;;
    *) return 2 ;;
  esac
}

# await_window NAME WINDOW NEEDED SPANS STEPS turn|- VDEV TARGET…: a span is MINUTE+MINUTES, the minute is one of the week. The
# STEPS are passed over where the guest has left the TARGETs by itself. turn: it has to be this run's (await_turn) as well. Others wait
# for the same window, and who comes last may find too little of it.
verb_await_window() {
  local name window needed spans steps turn began told pauses gone off busy
  name=$1 window=$2 needed=$3 spans=$4 steps=$5 turn=$6
  shift 6
  told='' pauses=0 gone=0 off=0 busy=''
  # days may go by, and nothing is to lie beside the config that nobody goes back to
  ! committing || forget_former
  uptime_now
  began=$UPTIME
  while :; do
    heed_stop_waiting "$window"
    if [ "$pauses" -le 0 ]; then
      pauses=$WAIT_PAUSES
      week_now || return
      window_opens "$needed" "$spans"
      still_on "$name" "$@"
      case $? in
        0)
          gone=0 off=0
          forget_gone
          if [ "$OPENS" -eq 0 ]; then
            [ "$turn" = turn ] && has_no_turn || break
            [ "$BUSY" = "$busy" ] || journal note message "$BUSY: it is waited for, while there is enough left of the window"
            busy=$BUSY
          fi
          ;;
        1)
          off=$((off + 1))
          forget_gone
          # it may be half built at the first look
          if [ "$off" -ge 2 ]; then
            pass_over "$steps" "$name is on its volume by itself meanwhile"
            break
          fi
          ;;
        3)
          gone=$((gone + 1)) off=0
          note_gone
          # in its own reboot it is not there for a moment
          if [ "$OPENS" -eq 0 ] && [ "$gone" -ge 3 ]; then
            pass_over "$steps" "$name is down: its next start is on its volume"
            break
          fi
          ;;
      esac
      # told once, and again when a window has passed by
      if [ "$OPENS" -gt "${told:-0}" ]; then
        BASE=''
        write_kept "$HERE/waiting" "$window" || return
        journal_kept waiting id "$ID" domain "$name" window "$window" 'opens#' "$OPENS" clock "$CLOCK"
      fi
      told=$OPENS
    fi
    pauses=$((pauses - 1))
    sleep "$WAIT_PAUSE" 9>&-
  done
  rm -f "$HERE/waiting"
  forget_gone
  # the clock may have been set: the journal's times go by it again
  BASE=''
  uptime_now
  WAITED=$((UPTIME - began))
}

# pass_over STEPS WHY: this plan does without them
pass_over() {
  PASSED_OVER=$1
  journal note message "$2: nothing is left to switch"
}

# heed_stop_waiting WINDOW: a safe point, also after the commit: the guest runs, and nobody has to be brought anywhere
heed_stop_waiting() {
  stop_asked || return 0
  committing || heed_stop 'in the wait for its window'
  journal stopping why "stopped in the wait for $1: $DOMAIN stays where it is"
  STOPPED_WAITING=1
  abandon stopped "stopped on request in the wait for $1: $DOMAIN runs on its volume, by way of the device that mirrored it, until its next start"
}
