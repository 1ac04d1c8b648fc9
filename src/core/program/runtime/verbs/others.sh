# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What others on this host are at, and is waited for before a guest is touched: they are sure to be done with it.

# a quarter of an hour at most
readonly OTHERS_CENTIS=90000

# await_others IS_BUSY: as long as that says so (0), and in BUSY who is at what; 2: that is not to be found out, says BUSY
await_others() {
  local deadline told status
  told=0
  uptime_now
  deadline=$((UPTIME + OTHERS_CENTIS))
  while
    "$1"
    status=$?
    [ "$status" -ne 1 ]
  do
    uptime_now
    if [ "$status" -eq 2 ]; then
      says "$BUSY"
      return 1
    elif [ "$UPTIME" -ge "$deadline" ]; then
      says "$BUSY, still: $DOMAIN is not touched while that goes on"
      return 1
    fi
    [ "$told" -eq 1 ] || journal note message "$BUSY: it is waited for, before $DOMAIN is touched"
    told=1
    committing || heed_stop 'in the wait for others on the host'
    sleep 1
  done
}

# await_turn: one run at a time takes its guest over, or builds a clone. What a guest that is away leaves free, of the hypervisor's memory
# and, where it is saved, of Dom0's, is needed to bring it back: two that look at the same free memory would both find enough.
verb_await_turn() {
  await_others has_no_turn
}

# has_no_turn: sets BUSY. 1: it is this run's turn, until give_turn or its end.
has_no_turn() {
  local other
  BUSY="$RUN cannot be locked, or not be written to"
  # the directory is locked: a file for it would have to stay for good
  mkdir -p "$RUN" && other=$({ flock -w 10 8 && take_turn; } 8<"$RUN" 9>&-) || return 2
  [ -n "$other" ] || return 1
  BUSY="a run of $other is taking its guest over"
}

# take_turn: says whose it is, where it is another's
take_turn() {
  local other
  other=
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || :
  # a run that has died has no turn any more, and books that are gone have no run
  if [ -z "$other" ] || [ "$other" = "$SAFE" ] || [ ! -e "${BOOK%/*}/$other/lock" ] || is_forsaken "$other"; then
    printf '%s\n' "$SAFE" >"$RUN/.turn.$SAFE" && mv -f "$RUN/.turn.$SAFE" "$RUN/.turn"
  else
    printf '%s\n' "$other"
  fi
}

# give_turn: it is the next one's, where it was this run's
give_turn() {
  local other
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || return 0
  [ "$other" != "$SAFE" ] || rm -f "$RUN/.turn"
}

# await_xl: xl has one lock for the host, around whatever builds a guest (acquire_lock in tools/xl/xl_utils.c): a migration to this host
# has it as long as it takes. A guest that is taken down meanwhile could not be brought up before that is over.
verb_await_xl() {
  await_others xl_is_locked
}

# xl_is_locked: sets BUSY. A lock of POSIX (fcntl), which only the kernel's list shows.
xl_is_locked() {
  local file line device inode kind access holder
  file=$ROOT/var/lock/xl
  while IFS= read -r line; do
    case $line in lockfile*=*\"*\"*) ;; *) continue ;; esac
    file=${line#*\"}
    file=$ROOT${file%%\"*}
  done 2>/dev/null <"$ROOT/etc/xen/xl.conf"
  [ -e "$file" ] && [ -r "$ROOT/proc/locks" ] || return 1
  read -r device inode <<LINE
$(stat -L -c '%d %i' -- "$file" 2>/dev/null 9>&-)
LINE
  [ -n "${inode:-}" ] || return 1
  device_number "$device"
  # as the kernel has it: in hexadecimal, and the inode as it is
  device=$(printf '%02x:%02x:%s' "${DEVNO%:*}" "${DEVNO#*:}" "$inode")
  while read -r _ kind _ access holder file _; do
    [ "$kind $access $file" = "POSIX WRITE $device" ] || continue
    BUSY="xl is building or receiving another guest (process $holder)"
    return 0
  done <"$ROOT/proc/locks"
  return 1
}
