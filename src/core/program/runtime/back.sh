# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What is told of a guest that comes back without a step that waits for it: by the way back, or after a commit that went wrong.
# Nobody waits until it answers then, so this is no `ready`: how it came back is told, and how long it was down until then.

# when this process let the guest run, in its switch
RAN_AT=

# tell_back HOW [SINCE]: as docs/reference/events.md has HOW. SINCE: the uptime at which it went; else it is what the run knows of
# that. No downtime is told where it knows nothing: somebody else had taken it down, or Dom0 went down with it.
tell_back() {
  local how took
  how=$1 took=''
  find_down
  [ -z "${2:-}" ] || DOWN_SINCE=$2
  case $how in
    started | restored) ;;
    *) [ -n "$DOWN_OPEN${2:-}" ] || return 0 ;;
  esac
  epoch
  if [ "$how" = stayed ]; then
    took=0
  elif [ -n "$DOWN_SINCE" ]; then
    took=$((UPTIME - DOWN_SINCE))
    [ "$how" != resumed ] || [ "${RAN_AT:-0}" -lt "$DOWN_SINCE" ] || took=$((RAN_AT - DOWN_SINCE))
  elif [ -n "$DOWN_OPEN" ]; then
    # by the clock: with Dom0's reboot the uptime began anew
    hundredths "$NOW"
    took=$CENTIS
    hundredths "$DOWN_OPEN"
    took=$((took - CENTIS))
  fi
  set -- domain "$DOMAIN" how "$how"
  if [ -n "$took" ] && [ "$took" -ge 0 ]; then
    hundredths "$DOWN_TOLD"
    seconds $((CENTIS + took))
    set -- "$@" 'downtime#' "$SECONDS_TEXT"
  fi
  COUNTED=${DOWN_AT:-}
  journal_kept back "$@" || :
}

# tell_running NAME [frozen]: it runs already, where it was about to be brought up. One that was to be frozen may have stood still.
tell_running() {
  find_down
  [ -n "$DOWN_OPEN" ] && runs "$1" || return 0
  if asked_to_go "$DOMID"; then
    if [ "${2:-}" = frozen ]; then tell_back found; else tell_back stayed; fi
  elif [ -n "$RAN_AT" ]; then
    tell_back resumed
  else
    tell_back found
  fi
}

# find_down: sets DOWN_OPEN, when this run took the guest down by the journal's clock, where it has not told since that it is up, else
# empty; DOWN_SINCE, the same by the uptime, where it is of this boot; DOWN_TOLD, the downtime that was told last.
find_down() {
  local event boot since
  DOWN_OPEN='' DOWN_SINCE='' DOWN_TOLD=0
  while read -r event; do
    case $event in
      *',"event":"down",'*)
        DOWN_OPEN=${event#*:}
        DOWN_OPEN=${DOWN_OPEN%%,*}
        ;;
      ?*)
        DOWN_OPEN=''
        case $event in
          *',"downtime":'*)
            DOWN_TOLD=${event##*:}
            DOWN_TOLD=${DOWN_TOLD%\}}
            ;;
        esac
        ;;
    esac
  done <<LIST
$(grep -E '^[{]"at":[0-9.]+,"seq":[0-9]+,"event":"(down|ready|back)",.*[}]$' "$JOURNAL" 2>/dev/null)
LIST
  # a migration tells nothing of its beginning
  if [ -n "${DOWN_AT:-}" ] && [ "$DOWN_AT" != "$COUNTED" ]; then
    epoch
    DOWN_OPEN=${DOWN_OPEN:-$NOW} DOWN_SINCE=$DOWN_AT
    return
  fi
  [ -n "$DOWN_OPEN" ] || return 0
  since='' boot=''
  { read -r _ since boot <"$HERE/down"; } 2>/dev/null
  [ "$boot" != "$(boot_id)" ] || DOWN_SINCE=$since
}
