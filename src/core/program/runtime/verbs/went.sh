# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# How a guest went that was asked to shut down: it may have crashed meanwhile, or somebody has destroyed it who was tired of waiting.
# xl looks after each domain that it has created, and writes down what becomes of it (tools/xl/xl_vmcontrol.c, create_domain).

# in words, that it did not shut down; empty: it did, as far as is known
NOT_SHUT_DOWN=
# this program has asked it to, and has seen it go
SEEN_GOING=0

# find_xl_log NAME DOMID: sets XL_LOG, where xl writes of a domain that is up. Empty: nowhere. The xl that looks after it is alive: a log
# may be of a domain that had this number before a boot.
find_xl_log() {
  local log line pid program
  XL_LOG=
  for log in "$ROOT/var/log/xen/xl-$1.log" "$ROOT/var/log/xen/xl-$1--incoming.log"; do
    [ -r "$log" ] || continue
    pid=
    while IFS= read -r line; do
      case $line in *"(domid $2) to die [pid "*) pid=${line##*\[pid } pid=${pid%%\]*} ;; esac
    done <"$log"
    case $pid in '' | *[!0-9]*) continue ;; esac
    program=
    { read -r program <"$ROOT/proc/$pid/comm"; } 2>/dev/null || continue
    [ "$program" = xl ] || continue
    # which of two it is nobody knows
    [ -z "$XL_LOG" ] || { XL_LOG='' && return; }
    XL_LOG=$log
  done
}
XL_LOG=

# look_how_it_went NAME DOMID: of one that is gone
look_how_it_went() {
  local line how tries
  [ -n "$XL_LOG" ] || return 0
  tries=10
  while :; do
    how=
    while IFS= read -r line; do
      case $line in
        *"(domid $2) to die"*) how=waits ;;
        "Domain $2 has shut down, reason code "*) how=${line##*reason code } how=${how%% *} ;;
        "Domain $2 has been destroyed"*) [ "$how" != waits ] || how=destroyed ;;
      esac
    done 2>/dev/null <"$XL_LOG"
    # it may not have come to it yet
    [ "$how" = waits ] && [ "$tries" -gt 0 ] || break
    tries=$((tries - 1))
    sleep 0.1
    uptime_now
  done
  case $how in
    # SHUTDOWN_poweroff and SHUTDOWN_reboot of xen/include/public/sched.h; or the log is gone
    '' | 0 | 1) ;;
    # where the xl that looked after it has not seen it shut down, it was taken away
    destroyed | waits) NOT_SHUT_DOWN="$1 was destroyed by somebody before it had shut down" ;;
    3 | 4) NOT_SHUT_DOWN="$1 has crashed" ;;
    *) NOT_SHUT_DOWN="$1 did not shut down (xl: reason code $how)" ;;
  esac
}
