# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The kernel has one throttle for all mirrors of the host: the share of time (in per cent) that it may copy. Runs of
# several guests share it: the first keeps what it was, the last puts it back. A reboot does so by itself.

# what a mirror begins with until it is known how fast it is: a disk in memory does 100 MiB/s with half of the time
readonly FIRST_SHARE=2

# the share that this program has set
THROTTLED=''
THROTTLE=$ROOT/sys/module/dm_mirror/parameters/raid1_resync_throttle

# throttle_held COMMAND…: with the host-wide record held, by a lock of the kernel's own file: one of ours would have to stay for good
throttle_held() {
  mkdir -p "$RUN" && (flock -w 10 8 && "$@") 8<"$THROTTLE" 9>&-
}

# throttle_mirrors PER_CENT
throttle_mirrors() {
  [ -w "$THROTTLE" ] || {
    says 'the kernel has no throttle for mirrors (raid1_resync_throttle of dm_mirror)'
    return 1
  }
  THROTTLED=$1
  throttle_held take_throttle "$1" || {
    says 'cannot set the throttle of mirrors'
    return 1
  }
}

take_throttle() {
  [ -e "$RUN/throttle/before" ] || {
    mkdir -p "$RUN/throttle" && cat "$THROTTLE" >"$RUN/throttle/before.new" &&
      mv -f "$RUN/throttle/before.new" "$RUN/throttle/before" || return 1
  }
  # whole or not there: others read it
  echo "$1" >"$RUN/throttle/new.$SAFE" && mv -f "$RUN/throttle/new.$SAFE" "$RUN/throttle/guest.$SAFE" && give_least
}

# give_least: the kernel gets the least that any of the runs asks for. 1: there is none. One of an older version says nothing of what it
# asks for: for it the kernel keeps what it has.
give_least() {
  local file share least held
  least='' held=1
  for file in "$RUN"/throttle/guest.*; do
    ! is_forsaken "${file##*/guest.}" || {
      rm -f "$file"
      continue
    }
    [ -e "$file" ] || continue
    share='' held=0
    { read -r share <"$file"; } 2>/dev/null || :
    case $share in '' | *[!0-9]*) continue ;; esac
    [ -n "$least" ] && [ "$least" -le "$share" ] || least=$share
  done
  [ -z "$least" ] || echo "$least" >"$THROTTLE" || return 1
  return "$held"
}

# is_forsaken SAFE: the run of another guest that has died, and asks for nothing any more: what it left is put back by whoever comes for it
is_forsaken() {
  [ "$1" != "$SAFE" ] && [ -e "${BOOK%/*}/$1/lock" ] && flock -n -s "${BOOK%/*}/$1/lock" true 2>/dev/null 9>&-
}

# steer_mirrors RATE LIMIT: bytes a second, as measured and as allowed. What another run asks for may hold it below its own share.
steer_mirrors() {
  local share given
  share=$THROTTLED
  if [ "$1" -gt "$2" ]; then
    given=
    { read -r given <"$THROTTLE"; } 2>/dev/null || given=
    case $given in '' | *[!0-9]*) given=$share ;; esac
    [ "$given" -le "$share" ] || given=$share
    share=$((given * $2 / $1))
  elif [ $(($1 * 10)) -lt $(($2 * 9)) ]; then
    share=$((share + share / 2 + 1))
  fi
  [ "$share" -ge 1 ] || share=1
  [ "$share" -le 100 ] || share=100
  [ "$share" -ne "$THROTTLED" ] || return 0
  throttle_mirrors "$share"
}

# release_throttle: nothing, where this guest's run has not taken it
release_throttle() {
  THROTTLED=
  [ -e "$RUN/throttle/guest.$SAFE" ] || return 0
  # the module has gone, and with it what was set
  [ -e "$THROTTLE" ] || {
    rm -rf "$RUN/throttle"
    return 0
  }
  throttle_held give_throttle_back || says 'the throttle of mirrors could not be put back'
}

give_throttle_back() {
  rm -f "$RUN/throttle/guest.$SAFE" "$RUN/throttle/new.$SAFE"
  ! give_least || return 0
  [ ! -s "$RUN/throttle/before" ] || cat "$RUN/throttle/before" >"$THROTTLE" || return 1
  rm -f "$RUN/throttle/before" "$RUN/throttle/before.new" && rmdir "$RUN/throttle"
}
