# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Blocks copied beforehand, beside an array that notes in a bitmap what is written meanwhile.

# forget_bitmap NAME: with its array it is worth nothing any more, and neither is a copy beside it
forget_bitmap() {
  bitmap_file "$1"
  rm -f -- "$BITMAP" "$BOOK/${1##*/}.copied"
}

# drop_bitmap NAME: the array goes on without it
drop_bitmap() {
  local where
  where=none
  array_of "$1" || return
  [ ! -r "$MD/bitmap/location" ] || read -r where <"$MD/bitmap/location"
  [ "$where" != file ] || set_md bitmap/location none || return
  forget_bitmap "$1"
}

# build_tracked NAME -- mdadm --build … --bitmap=FILE …
verb_build_tracked() {
  local name tries
  name=$1
  array_of "$name"
  case $? in
    0)
      device_unused "$name" || {
        says "/dev/$name is in use, and was not built with a bitmap"
        return 1
      }
      stop_array "$name" || return
      ;;
    1) ;;
    *) return 1 ;;
  esac
  # mdadm takes up a file that is there, with what it says of another time
  forget_bitmap "$name"
  shift 2
  run_command "$@" && await_node "$name" || return
  has_bitmap "$name" || {
    says "/dev/$name was built without its bitmap"
    return 1
  }
  # a bit is cleared at the second look of md's after its last write, and one a second is enough of them
  set_md bitmap/time_base 1 || return
  # mdadm begins with all of them set; once all are clear, those that are set are the guest's
  tries=120
  until dirty_chunks "$name" && [ "$DIRTY" -eq 0 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the bitmap of /dev/$name does not become clear: ${DIRTY:-unknown} of its chunks are dirty"
      return 1
    }
    sleep 0.5
  done
}

# dirty_chunks NAME: sets DIRTY
dirty_chunks() {
  bitmap_file "$1"
  DIRTY=$(mdadm --examine-bitmap "$BITMAP" 2>>"$OUT" </dev/null 9>&- | sed -n 's/^ *Bitmap : [0-9]* bits (chunks), \([0-9]*\) dirty.*/\1/p')
  [ -n "$DIRTY" ] && return 0
  says "mdadm does not say what is dirty in $BITMAP"
  return 1
}

# ---- the copy

# copy_identity NAME DEVICE BYTES: sets IDENTITY_OF_COPY, what has to be as it was for a copy to be gone on with. A domain has
# its disks for all of its life, so that one and the same has not been started around the array. 1: there is nothing to tell by.
copy_identity() {
  local uuid inode
  IDENTITY_OF_COPY=
  case $WATCHED_DOMID in '' | -) return 1 ;; esac
  bitmap_file "$1"
  inode=$(stat -c %i -- "$BITMAP" 2>/dev/null) && node_number "$2" && [ -r "$ROOT/sys/dev/block/$NODE/dm/uuid" ] &&
    read -r uuid <"$ROOT/sys/dev/block/$NODE/dm/uuid" && [ -n "$uuid" ] || return 1
  IDENTITY_OF_COPY="$(boot_id) ${DEVICE_NODE##*/} $inode $uuid $3 $WATCHED_DOMID"
}

# copied_before NAME DEVICE BYTES: sets COPIED, how far an earlier run has come, where it can be gone on from there
copied_before() {
  local offset identity
  COPIED=0
  copy_identity "$1" "$2" "$3" || return 0
  [ -e "$BOOK/${1##*/}.copied" ] && read -r offset identity <"$BOOK/${1##*/}.copied" && [ "$identity" = "$IDENTITY_OF_COPY" ] || return 0
  case $offset in '' | *[!0-9]*) return 0 ;; esac
  [ "$offset" -le "$3" ] || return 0
  COPIED=$offset
}

# preseed NAME FROM TO BYTES RATE IMAGE -- COMMAND…: RATE in bytes a second, 0: none. COMMAND copies, with skip, seek and
# count behind it, in stretches of about a second.
verb_preseed() {
  local name from to bytes limit image at base count began since next
  name=$1 from=$2 to=$3 bytes=$4 limit=$5 image=$6
  shift 7
  tracked_alone "$name" "$from" || return
  keep_watched "$name" "$image" "$from" "$ROOT/dev/$name" && nobody_around || return
  copied_before "$name" "$to" "$bytes"
  at=$COPIED base=$COPIED MIBS=1
  [ "$at" -eq 0 ] || journal note message "the copy goes on behind $(mib "$at"), where an earlier run had come to"
  uptime_now
  began=$UPTIME next=$UPTIME
  while [ "$at" -lt "$bytes" ]; do
    may_stop copy
    since=$UPTIME count=$MIBS
    # whole MiBs, so that a stretch begins where one has ended
    run_command "$@" "skip=$((at / MIB))" "seek=$((at / MIB))" "count=$count" || {
      copy_failed "$at"
      return 1
    }
    at=$((at + count * MIB))
    [ "$at" -le "$bytes" ] || at=$bytes
    uptime_now
    next_stretch $((UPTIME - since)) 256 "$limit"
    keep_to "$limit" $((at - base)) "$began" copy
    if [ "$UPTIME" -ge "$next" ] || [ "$at" -ge "$bytes" ]; then
      next=$((UPTIME + 100))
      tracked_alone "$name" "$from" && nobody_around || return
      tell_mirrored "$began" "$base" "$at" "$bytes"
      ! copy_identity "$name" "$to" "$bytes" || write_kept "$BOOK/${name##*/}.copied" "$at $IDENTITY_OF_COPY" || {
        says "cannot write to $BOOK how far the copy has come"
        return 1
      }
    fi
  done
  [ "$base" -ge "$bytes" ] || mirrored "$began" "$base" "$at"
}

# copy_failed BYTES: whose fault it was, by what dd says
copy_failed() {
  local said
  said=$SAYS
  case $(tail -n 3 "$OUT") in
    *'error reading'*) said='the image gives errors' ;;
    *'error writing'* | *'fsync failed'*) said='the volume gives errors' ;;
  esac
  says "the copy could not go on behind $(mib "$1"): $said"
}

# tracked_alone NAME FROM: the array lies on FROM, and notes what it alone gets
tracked_alone() {
  array_of "$1" || return 1
  is_in_sync "$2" || {
    says "the image gives errors (md says: ${MEMBER:-no member})"
    return 1
  }
  members
  [ "$MEMBERS" -eq 1 ] && has_bitmap "$1" && return 0
  says "/dev/$1 has no bitmap any more, or another member: what is written meanwhile is not noted"
  return 1
}

# ---- what changed meanwhile

# readd_member NAME DEVICE BYTES CHUNK -- mdadm … --re-add DEVICE
verb_readd_member() {
  local name device bytes chunk changed
  name=$1 device=$2 bytes=$3 chunk=$4
  shift 5
  array_of "$name" && member_state "$device" || return
  # left over from a run that died: it may have failed, and the bitmap knows of what it missed
  [ -z "$MEMBER" ] || take_out_held "$name" "$device" || return
  has_bitmap "$name" || {
    says "/dev/$name has no bitmap any more: what was written meanwhile is not known"
    return 1
  }
  dirty_chunks "$name" || return
  changed=$((DIRTY * chunk))
  [ "$changed" -le "$bytes" ] || changed=$bytes
  journal delta id "$ID" 'bytes#' "$changed" 'of#' "$bytes"
  run_command "$@"
}

# await_changes NAME FROM TO BYTES HELD IMAGE
verb_await_changes() {
  since_when "$1"
  CHANGES_DEVICE=$3
  # 0 where the kernel does not say: nothing but what is shown depends on it
  sectors_written "$CHANGES_DEVICE"
  CHANGES_BASE=$WRITTEN
  await_held "$@" tell_changes
}

# tell_changes SECTORS BYTES: how far along the disk md is; most of it is passed over
tell_changes() {
  local rate left percent
  sectors_written "$CHANGES_DEVICE"
  rate=0 left=0 percent=$(($1 * 51200 / $2))
  if [ "$UPTIME" -gt "$MIRROR_BEGAN" ]; then
    rate=$(((WRITTEN - CHANGES_BASE) * 51200 / (UPTIME - MIRROR_BEGAN)))
    [ "$percent" -le 0 ] || left=$(((UPTIME - MIRROR_BEGAN) * (100 - percent) / percent / 100))
  fi
  journal progress id "$ID" 'bytes#' $(((WRITTEN - CHANGES_BASE) * 512)) 'percent#' "$percent" 'rate#' "$rate" 'left#' "$left"
}

# complete_changes NAME FROM TO BYTES: nothing of it is throttled, since from its first MiB on time is short
verb_complete_changes() {
  BOTH_FROM=$2 BOTH_TO=$3 IDLE_LOOKS=0
  array_of "$1" && set_md sync_speed_max system && set_md sync_max max && await_last 0 both_members is_in_sync "$3"
}

# ---- the trial

# Chunks of the trial's files: spoilt where nobody writes, written to before the second file is a member, and while it is held back
readonly SPOILT=40
readonly WRITTEN_ALONE='5 33 63'
readonly WRITTEN_BOTH=20

# try_bitmap NAME: the array for it
verb_try_bitmap() {
  local status said
  verb_end_trial "$1" || return
  trial "$1" "$HERE/trial"
  status=$? said=$SAYS
  verb_end_trial "$1" || return
  says "$said"
  return "$status"
}

trial() { # NAME DIRECTORY
  local name first second chunk tries
  name=$1
  mkdir -- "$2" && trial_files "$2" || {
    says "cannot write the files of the trial to $2"
    return 1
  }
  first=$(losetup --find --show "$2/first" 2>>"$OUT" </dev/null 9>&-) && second=$(losetup --find --show "$2/second" 2>>"$OUT" </dev/null 9>&-) || {
    says 'cannot attach the files of the trial'
    return 1
  }
  run_command mdadm --build "/dev/$name" --level=1 --raid-devices=2 --assume-clean "--bitmap=$2/bitmap" --bitmap-chunk=64K "$first" missing &&
    await_node "$name" || {
    says "no array with a bitmap in a file can be built here: $SAYS"
    return 1
  }
  for chunk in $WRITTEN_ALONE; do trial_write "$2" "$ROOT/dev/$name" "$chunk" || return; done
  set_md sync_max 0 && run_command mdadm "/dev/$name" --re-add "$second" || {
    says "the second file of the trial is not taken in: $SAYS"
    return 1
  }
  tries=100
  until array_of "$name" && member_state "$second" && [ -n "$SLOT" ] && [ "$SLOT" != none ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says 'the second file of the trial is not taken in'
      return 1
    }
    sleep 0.1
  done
  is_in_sync "$second" && {
    says 'md takes the second file of the trial for equal before anything was copied'
    return 1
  }
  trial_write "$2" "$ROOT/dev/$name" "$WRITTEN_BOTH" && set_md sync_max max || return
  tries=300
  until is_in_sync "$second"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the trial's array is not in sync after half a minute (md says: ${MEMBER:-no member})"
      return 1
    }
    sleep 0.1
  done
  stop_array "$name" && run_command losetup --detach "$first" && run_command losetup --detach "$second" || return
  # shown to be equal byte for byte, the spoilt chunk included
  cmp -s "$2/second" "$2/expected" && return 0
  if cmp -s "$2/second" "$2/first"; then
    says 'md copies more than its bitmap names here: a trial found a chunk copied that nobody had written to'
  else
    says 'md leaves out what was written here: in a trial a stale block survived'
  fi
  return 1
}

# trial_files DIRECTORY: first and second are equal but for the spoilt chunk; expected is what second has to become
trial_files() {
  dd if=/dev/urandom of="$1/first" bs=64K count=64 status=none 2>>"$OUT" 9>&- && cp -- "$1/first" "$1/second" &&
    dd if=/dev/urandom of="$1/second" bs=64K count=1 seek="$SPOILT" conv=notrunc status=none 2>>"$OUT" 9>&- &&
    cp -- "$1/second" "$1/expected"
}

# trial_write DIRECTORY DEVICE CHUNK: 4 KiB in the middle of it
trial_write() {
  dd if=/dev/urandom of="$1/piece" bs=4K count=1 status=none 2>>"$OUT" 9>&- &&
    dd if="$1/piece" of="$1/expected" bs=4K seek=$(($3 * 16 + 3)) conv=notrunc status=none 2>>"$OUT" 9>&- &&
    run_command dd "if=$1/piece" "of=$2" bs=4K "seek=$(($3 * 16 + 3))" oflag=direct conv=notrunc,fsync status=none
}

# end_trial NAME: whatever is there of one
verb_end_trial() {
  local file device
  array_of "$1"
  case $? in
    0) stop_array "$1" || return ;;
    1) ;;
    *) return 1 ;;
  esac
  for file in first second; do
    [ -e "$HERE/trial/$file" ] || continue
    for device in $(loops_over "$HERE/trial/$file"); do run_command losetup --detach "$device" || return; done
  done
  rm -rf -- "$HERE/trial"
}
