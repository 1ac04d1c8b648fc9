# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# A guest that a run could neither bring back nor start is down, and was not to be. What kept it there is often over soon: a host
# that was too busy for Xen's scripts, memory that was not free yet. A watchman in a unit of its own tries again, for an hour and
# in this boot; after a boot its unit does.

# seconds from one to the next
readonly AGAIN_PAUSES='15 30 60 120 240 480 960 1800'
# seconds from one look at the guest to the next
readonly AGAIN_LOOK=5

# try_again_later: at the end of a run that leaves something
try_again_later() {
  # by the watchman itself
  [ -z "${CONVERGE_AGAIN:-}" ] || return 0
  # one that it has not taken down is not its affair
  [ -e "$HERE/down" ] || [ -e "$HERE/migrating" ] || [ -n "$UNSTARTED" ] || return 0
  ! domain_state "$DOMAIN" || half_built "$DOMID" || return 0
  out_opens
  if systemd-run --quiet --collect --unit="converge-again-$SAFE-$$" /bin/sh "$HERE/program.sh" again </dev/null >>"$OUT" 2>&1 9>&-; then
    journal note message "$DOMAIN is down; that is mended by itself, if it can be: it is tried again for an hour"
  else
    journal note message "$DOMAIN is down, and nobody tries again, since systemd-run started no unit: run converge again, or start it by hand"
  fi
}

# still_owed: by the newest run of this guest, and nobody has seen to it meanwhile
still_owed() {
  [ "$(readlink -f "$BOOK/current")" = "$HERE" ] && [ -e "$HERE/ended" ] && { [ -e "$HERE/unfinished" ] || [ -e "$HERE/unstarted" ]; }
}

# watches SECONDS: until then, or until somebody has started the guest. What is owed is settled at once then: it may be stopped
# again, by whom it is up to, and would be taken for one that is still down.
watches() {
  local left
  left=$1
  while [ "$left" -gt 0 ]; do
    sleep "$AGAIN_LOOK"
    left=$((left - AGAIN_LOOK))
    still_owed || return 0
    [ "$SEEN_UP" -eq 0 ] || continue
    ! domain_state "$DOMAIN" || half_built "$DOMID" || {
      SEEN_UP=1
      return 0
    }
  done
}
SEEN_UP=0

# again: the watchman. Each time a process of its own, which may be given up as any other.
mode_again() {
  local pause
  for pause in $AGAIN_PAUSES; do
    watches "$pause"
    still_owed || exit 0
    CONVERGE_AGAIN=1 /bin/sh "$HERE/program.sh" recover </dev/null >/dev/null 2>&1
    still_owed || exit 0
  done
  exit 1
}
