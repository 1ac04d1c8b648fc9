# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Snapshots that a copy reads from: taken, and watched so that none fills up unseen.

# take_snapshot VG/ORIGIN -- COMMAND…: LVM suspends the origin in the midst of it, and nobody is told for how long
verb_take_snapshot() {
  local volume began
  volume=$1
  shift 2
  uptime_now
  began=$UPTIME
  run_command "$@" || return
  uptime_now
  seconds $((UPTIME - began))
  journal frozen volume "$volume" 'seconds#' "$SECONDS_TEXT"
}

watch_snapshot_fill() { # VG/SNAPSHOT LIMIT_PERCENT GROW_BYTES
  local fill free more
  ask_volume "$1" lv_attr,origin,data_percent,vg_free || {
    [ $? -ne 1 ] || says "$1 is gone"
    return 1
  }
  snapshot_valid || {
    field 3
    journal watch id "$ID" what "$1" value "${FIELD:-overflowed}" acted 'the copy is given up'
    says "$1 overflowed"
    return 1
  }
  [ "$WATCH_WHEN" = running ] || return 0
  field 3
  fill=$FIELD
  [ "${fill:-0}" != 0 ] && [ "${fill%%.*}" -ge "$2" ] || return 0
  field 4
  free=$FIELD
  # what there is, where that is less
  more=$3
  [ "$free" -ge "$more" ] || more=$free
  if [ "$more" -gt 0 ] && run_extend "$1" "$more"; then
    journal watch id "$ID" what "$1" value "$fill%" acted "grown by $more bytes"
    return 0
  fi
  journal watch id "$ID" what "$1" value "$fill%" acted 'the copy is given up'
  says "$1 is filled to $fill% and ${1%%/*} has no room to grow it"
  return 1
}

watch_pool_fill() { # VG/POOL LIMIT_PERCENT
  local fill number
  ask_volume "$1" lv_attr,data_percent,metadata_percent || {
    [ $? -ne 1 ] || says "$1 is gone"
    return 1
  }
  field 1
  case $FIELD in
    # failed, out of data space, metadata read-only (lvs(8), the ninth letter)
    ????????[FDM]*)
      journal watch id "$ID" what "$1" value "$FIELD" acted 'the copy is given up'
      says "the thin pool $1 is full or has failed"
      return 1
      ;;
  esac
  [ "$WATCH_WHEN" = running ] || return 0
  for number in 2 3; do
    field "$number"
    fill=${FIELD:-0}
    [ "${fill%%.*}" -ge "$2" ] || continue
    journal watch id "$ID" what "$1" value "$fill%" acted 'the copy is given up'
    says "the thin pool $1 is filled to $fill%: at 100% every volume in it fails"
    return 1
  done
}

run_extend() {
  lvextend --size "+${2}b" "$1" </dev/null >"$HERE/out/lvextend.log" 2>&1 9>&- ||
    # as large as a snapshot of its origin can get: it cannot overflow any more
    grep -qi 'maximum COW size' "$HERE/out/lvextend.log"
}
