# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# One program a domain: a lock that the kernel drops with the last process that holds it, so a dead holder needs no human.

# take_lock SECONDS: waits that long at most. Followers hold it (shared) for an instant when a program ends.
take_lock() {
  local tries
  if opens "$BOOK/lock"; then
    exec 9>>"$BOOK/lock"
  else
    # read-only by now; a guest may have to be brought back all the same
    [ -r "$BOOK/lock" ] || return 1
    exec 9<"$BOOK/lock"
  fi
  tries=$(($1 * 5))
  until flock -n 9; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# lock_held: by a program that runs
lock_held() {
  [ -e "$BOOK/lock" ] || return 1
  ! flock -n -s "$BOOK/lock" true 2>/dev/null
}
