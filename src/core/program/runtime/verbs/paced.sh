# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# What is done to a disk in stretches of about a second each: so a bandwidth is kept to, and a request to stop heard.

readonly MIB=1048576

# next_stretch CENTIS MOST LIMIT: sets MIBS, how long the next one is, by how long the last one of as many took: never more than
# four times as much, nor than MOST, nor than LIMIT bytes a second (0: none) let through in one
next_stretch() {
  local took
  took=$1
  [ "$took" -ge 25 ] || took=25
  MIBS=$((MIBS * 100 / took))
  [ "$MIBS" -le "$2" ] || MIBS=$2
  [ "$3" -eq 0 ] || [ $((MIBS * MIB)) -le "$3" ] || MIBS=$(($3 / MIB))
  [ "$MIBS" -ge 1 ] || MIBS=1
}

# keep_to LIMIT BYTES BEGAN WHAT: waits, by UPTIME, until so many bytes since then are no more than LIMIT a second (0: none)
keep_to() {
  local ahead
  [ "$1" -gt 0 ] || return 0
  while ahead=$(($2 * 100 / $1 - (UPTIME - $3))) && [ "$ahead" -gt 0 ]; do
    may_stop "$4"
    [ "$ahead" -le 100 ] || ahead=100
    seconds "$ahead"
    sleep "$SECONDS_TEXT"
    uptime_now
  done
}

# may_stop WHAT: between two stretches
may_stop() {
  [ "$SWITCHING" -ne 0 ] || heed_stop "in the $1 of $ID"
}

# Stretches of zeroes, in MiB: a device that makes them by itself may have long ones, and what each command costs must not be what counts
readonly LONGEST_ZEROING=1048576
readonly LEAST_ZEROING=256

# zero DEVICE FROM BYTES COMMAND…: COMMAND zeroes, with --offset, --length and DEVICE behind it
verb_zero() {
  local device from bytes at count began since next
  device=$1 from=$2 bytes=$3 at=0 MIBS=$LEAST_ZEROING
  shift 3
  uptime_now
  began=$UPTIME next=$UPTIME
  while [ "$at" -lt "$bytes" ]; do
    may_stop zeroing
    since=$UPTIME count=$((MIBS * MIB))
    [ "$count" -le $((bytes - at)) ] || count=$((bytes - at))
    run_command "$@" --offset "$((from + at))" --length "$count" "$device" || return
    at=$((at + count))
    uptime_now
    next_stretch $((UPTIME - since)) "$LONGEST_ZEROING" 0
    [ "$MIBS" -ge "$LEAST_ZEROING" ] || MIBS=$LEAST_ZEROING
    [ "$UPTIME" -ge "$next" ] || [ "$at" -ge "$bytes" ] || continue
    next=$((UPTIME + 100))
    tell_mirrored "$began" 0 "$at" "$bytes"
  done
}
