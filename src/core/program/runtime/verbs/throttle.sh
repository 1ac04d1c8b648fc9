# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The kernel has one throttle for all mirrors of the host: the share of time (in per cent) that it may copy. Runs of
# several guests share it: the first keeps what it was, the last puts it back. A reboot does so by itself.

# what a mirror begins with until it is known how fast it is: a disk in memory does 100 MiB/s with half of the time
readonly FIRST_SHARE=2

# the share that this program has set
THROTTLED=''
THROTTLE=$ROOT/sys/module/dm_mirror/parameters/raid1_resync_throttle

# throttle_held COMMAND…: with the host-wide record held
throttle_held() {
  mkdir -p "$RUN" && (flock -w 10 8 && "$@") 8>"$RUN/throttle.lock" 9>&-
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
  printf '' >"$RUN/throttle/guest.$SAFE" && echo "$1" >"$THROTTLE"
}

# steer_mirrors RATE LIMIT: bytes a second, as measured and as allowed
steer_mirrors() {
  local share
  share=$THROTTLED
  if [ "$1" -gt "$2" ]; then
    share=$((share * $2 / $1))
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
  throttle_held give_throttle_back || says 'the throttle of mirrors could not be put back'
}

give_throttle_back() {
  local file
  rm -f "$RUN/throttle/guest.$SAFE"
  for file in "$RUN"/throttle/guest.*; do
    [ ! -e "$file" ] || return 0
  done
  [ ! -s "$RUN/throttle/before" ] || cat "$RUN/throttle/before" >"$THROTTLE" || return 1
  rm -f "$RUN/throttle/before" "$RUN/throttle/before.new" && rmdir "$RUN/throttle" && rm -f "$RUN/throttle.lock"
}
