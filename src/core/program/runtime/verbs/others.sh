# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What others on this host are at, and is waited for before a guest is touched: as a rule they are done with it soon.

# of each of them, a quarter of an hour at most
readonly OTHERS_CENTIS=90000

# await_others IS_BUSY: as long as that says so (0), and in BUSY who is at what; 2: that is not to be found out, says BUSY
await_others() {
  local deadline told status
  told=
  while
    "$1"
    status=$?
    [ "$status" -ne 1 ]
  do
    uptime_now
    if [ "$status" -eq 2 ]; then
      says "$BUSY"
      return 1
    elif [ "$BUSY" != "$told" ]; then
      journal note message "$BUSY: it is waited for, before $DOMAIN is touched"
      told=$BUSY deadline=$((UPTIME + OTHERS_CENTIS))
    elif [ "$UPTIME" -ge "$deadline" ]; then
      says "$BUSY, still: $DOMAIN is not touched while that goes on"
      return 1
    fi
    committing || heed_stop 'in the wait for others on the host'
    sleep 1
  done
}

# await_turn: one run at a time has its guest's memory in Dom0's. Two that look at what is free there would both find enough.
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
  BUSY="a run of $other has its guest's memory in Dom0's"
}

# take_turn: says whose it is, where it is another's
take_turn() {
  local other
  other=
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || :
  if [ -z "$other" ] || [ "$other" = "$SAFE" ] || ! is_at_work "$other"; then
    printf '%s\n' "$SAFE" >"$RUN/.turn.$SAFE" && mv -f "$RUN/.turn.$SAFE" "$RUN/.turn"
  else
    printf '%s\n' "$other"
  fi
}

# give_turn: it is the next one's, where it was this run's
give_turn() {
  [ ! -e "$RUN/.turn" ] || ({ ! flock -w 10 8 || drop_turn; } 8<"$RUN" 9>&-)
}

drop_turn() {
  local other
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || return 0
  [ "$other" != "$SAFE" ] || rm -f "$RUN/.turn"
}

# is_at_work SAFE: the run of another guest. One that has died is not, and books that are gone have no run.
is_at_work() {
  [ -e "${BOOK%/*}/$1/lock" ] && ! is_forsaken "$1"
}

# other_is_away: sets BUSY. A run has its guest away, be it down or frozen: what that leaves of the hypervisor's memory it needs to come back.
other_is_away() {
  local beat safe
  for beat in "$RUN"/*/beat; do
    [ -e "$beat" ] || continue
    safe=${beat%/beat}
    safe=${safe##*/}
    [ "$safe" != "$SAFE" ] && is_at_work "$safe" || continue
    BUSY="a run of $safe has its guest away"
    return 0
  done
  return 1
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
