# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Devices of converge's own that are not device-mapper's: md arrays (`md/…`) and DRBD resources (`drbd/…`).

# device_of NAME: sets DEVICE_NODE. 1: there is none. 2: it is not converge's, or can not be told.
device_of() {
  case $1 in
    md/*) array_of "$1" ;;
    *) resource_of "$1" ;;
  esac
}

# device_unused NAME: a guest, a mount or another device may have it
device_unused() {
  local holder
  device_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  # half made: nobody could have it
  [ -n "$DEVICE_NODE" ] || return 0
  says "/dev/$1 is in use"
  for holder in "$ROOT/sys/block/${DEVICE_NODE##*/}"/holders/*; do
    [ ! -e "$holder" ] || return 1
  done
  [ -z "$(mounts_of "$DEVICE_NODE")" ] && ! backend_says physical-device "$(stat -L -c '%t:%T' -- "$DEVICE_NODE")"
}
