# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What mirrors have in common, whoever in the kernel makes them.

# complete_disk IMAGE VOLUME: sets DEVICE, the one that holds every write: the volume from the commit on, else a loop over the image
complete_disk() {
  DEVICE=$2
  ! committing || return 0
  run_answer losetup --find --show "$1" && DEVICE=$SAID
}

# await_last BYTES LOOK WHOLE [ARGUMENT…]: the last of a copy, until WHOLE holds. LOOK is where a disk that fails is seen.
await_last() {
  local bytes look tries
  bytes=$1 look=$2 tries=600
  shift 2
  # once the volume has it all, an image that fails is no obstacle any more
  until "$@"; do
    "$look" || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the last of it is not in sync after a minute"
      return 1
    }
    sleep 0.1
  done
  journal progress id "$ID" 'bytes#' "$bytes" 'percent#' 100 'rate#' 0 'left#' 0
}

# begins NAME: a copy from nothing begins now. One that is there before anybody waits for it has carried its bytes too.
MIRROR='' MIRROR_AT=0
begins() {
  uptime_now
  MIRROR=$1 MIRROR_AT=$UPTIME
}

# since_when NAME: sets MIRROR_BEGAN and MIRROR_BASE. Begun by this program: then, from nothing. Else what has come since it is looked at:
# MIRROR_BASE is empty until the first look.
since_when() {
  uptime_now
  MIRROR_BEGAN=$UPTIME MIRROR_BASE=
  [ "$MIRROR" != "$1" ] || MIRROR_BEGAN=$MIRROR_AT MIRROR_BASE=0
  MIRROR=
}

# tell_mirrored BEGAN BASE DONE TOTAL: by UPTIME. BASE: what was there already when it was first looked at
tell_mirrored() {
  local rate left
  rate=0 left=0
  [ "$UPTIME" -le "$1" ] || rate=$((($3 - $2) * 100 / (UPTIME - $1)))
  [ "$rate" -le 0 ] || left=$((($4 - $3) / rate))
  journal progress id "$ID" 'bytes#' "$3" 'percent#' "$(($3 * 100 / $4))" 'rate#' "$rate" 'left#' "$left"
}

# mirrored BEGAN BASE DONE [TOTAL]: for the figures that later forecasts are made from. What is held back until the switch counts
# as carried too, for a run that comes to its end has carried it, and says nothing of a rate.
mirrored() {
  printf 'first %s %s %s\n' "$((UPTIME - $1 + 1))" "$(($3 - $2))" "$((${4:-$3} - $3))" >>"$HERE/copies/$ID"
}
