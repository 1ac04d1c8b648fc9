# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# md arrays of converge's own: the guest's disk on one member, on two, on the other.

# build_array NAME -- COMMAND…
verb_build_array() {
  local name
  name=$1
  shift 2
  run_command "$@" && await_node "$name"
}

# await_node NAME: udev makes the link, where mdadm does not
await_node() {
  local tries
  tries=100
  until array_of "$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# two_members NAME -- COMMAND…: mdadm refuses to grow to the number that there is
verb_two_members() {
  raid_disks "$1" || return
  [ "$DISKS" != 2 ] || return 0
  shift 2
  run_command "$@"
}

# one_member NAME -- COMMAND…: an array that misses nothing is reported by nobody
verb_one_member() {
  local name tries
  name=$1
  shift 2
  tries=50
  # busy while the thread of a copy that was given up still ends
  while :; do
    raid_disks "$name" || return
    # an earlier try may have done it, whatever mdadm said of that
    [ "$DISKS" != 1 ] || return 0
    drop_bitmap "$name" && run_command "$@" && return 0
    [ $? -ne "$GIVEN_UP" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

raid_disks() { # NAME: sets DISKS
  local rest
  array_of "$1" || return
  read -r DISKS rest <"$MD/raid_disks"
}

# hold_array NAME SECTORS [KIB]: the copy waits there; what it may take is this array's own affair
verb_hold_array() {
  array_of "$1" || return
  set_md sync_max "$2" || return
  [ -z "${3:-}" ] || { set_md sync_speed_min 1 && set_md sync_speed_max "$3"; }
}

set_md() { # FILE VALUE
  printf '%s\n' "$2" 2>>"$OUT" >"$MD/$1" || {
    says "cannot write $2 to $MD/$1"
    return 1
  }
}

# add_member NAME DEVICE -- COMMAND…
verb_add_member() {
  array_of "$1" || return
  member_state "$2" || return
  # left over from a run that died: not in sync, or the goals would have held
  [ -z "$MEMBER" ] || take_out_held "$1" "$2" || return
  begins "$1"
  shift 3
  run_command "$@"
}

# both_alive FROM TO: neither member has failed, and the copy has not been given up. IDLE_LOOKS counts looks, since md's
# thread takes a member up only a moment after it was added.
both_alive() {
  local action
  member_state "$2" || return 1
  case ,$MEMBER, in
    ,, | *,faulty,*)
      says "the volume gives errors (md says: ${MEMBER:-no member})"
      return 1
      ;;
  esac
  if [ "$SLOT" = none ]; then
    # md gives up where it can not read, and lets the member go without calling it faulty
    read -r action <"$MD/sync_action"
    [ "$action" = idle ] || IDLE_LOOKS=0
    IDLE_LOOKS=$((IDLE_LOOKS + 1))
    [ "$IDLE_LOOKS" -lt 20 ] || {
      says 'the image gives errors: md has given up the copy'
      return 1
    }
  fi
  member_state "$1" || return 1
  case ,$MEMBER, in
    ,, | *,faulty,* | *,write_error,*)
      says "the image gives errors (md says: ${MEMBER:-no member})"
      return 1
      ;;
  esac
}

# await_array NAME FROM TO BYTES HELD IMAGE
verb_await_array() {
  since_when "$1"
  await_held "$@" tell_whole || return
  mirrored "$MIRROR_BEGAN" "$MIRROR_BASE" "$((HELD_SECTORS * 512))" "$4"
}

# tell_whole SECTORS BYTES: of a copy of everything
tell_whole() {
  tell_mirrored "$MIRROR_BEGAN" "$MIRROR_BASE" "$(($1 * 512))" "$2"
}

# await_held NAME FROM TO BYTES HELD IMAGE TELL: until the copy is where it is held; TELL tells how far it is. Sets HELD_SECTORS.
await_held() {
  local name from to bytes held tell next done_sectors total rest
  name=$1 from=$2 to=$3 bytes=$4 held=$5 tell=$7 done_sectors=0 IDLE_LOOKS=0
  uptime_now
  next=$UPTIME
  keep_watched "$name" "$6" "$from" "$ROOT/dev/$name" || return
  while :; do
    array_of "$name" && both_alive "$from" "$to" || return 1
    # `202752 / 204800`, `none` before it begins and after it has ended, `delayed` while another array is copied
    read -r done_sectors rest total <"$MD/sync_completed"
    case $done_sectors in
      *[!0-9]* | '') if is_in_sync "$to"; then done_sectors=$held; else done_sectors=0; fi ;;
    esac
    [ -n "$MIRROR_BASE" ] || MIRROR_BASE=$((done_sectors * 512))
    uptime_now
    if [ "$UPTIME" -ge "$next" ] || [ "$done_sectors" -ge "$held" ]; then
      next=$((UPTIME + 100))
      nobody_around || return
      "$tell" "$done_sectors" "$bytes"
    fi
    [ "$done_sectors" -lt "$held" ] || break
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  HELD_SECTORS=$done_sectors
}

# complete_array NAME FROM TO BYTES
verb_complete_array() {
  BOTH_FROM=$2 BOTH_TO=$3 IDLE_LOOKS=0
  array_of "$1" && set_md sync_max max && await_last "$4" both_members is_in_sync "$3"
}

# both_members: those that are being completed
both_members() {
  both_alive "$BOTH_FROM" "$BOTH_TO"
}

# both_in_sync NAME FROM TO: an image that failed after the last look is no obstacle any more, for the volume has it all
verb_both_in_sync() {
  array_of "$1" || return 1
  is_in_sync "$3" || {
    says "the volume gives errors (md says: ${MEMBER:-no member})"
    return 1
  }
  is_in_sync "$2" ||
    journal note message "the image behind /dev/$1 gives errors (md says: ${MEMBER:-no member}): the volume holds everything, and takes over"
}

# remove_member NAME DEVICE -- COMMAND…: what is still under way to it ends first
verb_remove_member() {
  local name device tries
  name=$1 device=$2 tries=50
  shift 3
  while :; do
    array_of "$name" && member_state "$device" || return 1
    [ -n "$MEMBER" ] || return 0
    run_command "$@" && return 0
    [ $? -ne "$GIVEN_UP" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# take_out NAME DEVICE: fails it where md still uses it. Never the last one that is in sync: see both_in_sync.
take_out() {
  member_state "$2" || return
  case ,$MEMBER, in
    ,, | *,faulty,*) ;;
    *) [ "$SLOT" = none ] || run_command mdadm "/dev/$1" --fail "$2" || return ;;
  esac
  # a copy that is held back does not notice, and the member stays busy as long (seen); nothing is copied to it any more
  set_md sync_max max || return
  verb_remove_member "$1" "$2" -- mdadm "/dev/$1" --remove "$2"
}

# take_out_held NAME DEVICE: and the next copy is to be held where this one was
take_out_held() {
  local held
  read -r held <"$MD/sync_max" && take_out "$1" "$2" && array_of "$1" && set_md sync_max "$held"
}

# collapse_array NAME FROM TO: the complete member alone
verb_collapse_array() {
  local stays goes
  stays=$2 goes=$3
  if committing; then stays=$3 goes=$2; fi
  array_of "$1" || return 1
  takes_apart
  is_in_sync "$stays" || {
    says "$stays gives errors (md says: ${MEMBER:-no member}): $DOMAIN runs on $goes alone"
    return 1
  }
  take_out "$1" "$goes" || return
  # what the guest writes is noted, for the run that goes on with it
  ! has_bitmap "$1" || committing || return 0
  # taken out already: the last step of it is still to be done
  verb_one_member "$1" -- mdadm --grow "/dev/$1" --raid-devices=1 --force
}

stop_array() { # NAME
  local tries
  tries=25
  # udev may have it open for an instant
  until run_command mdadm --stop "/dev/$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] && [ "$HUNG" -eq 0 ] || return 1
    array_of "$1" || break
    sleep 0.2
  done
  forget_bitmap "$1"
}
