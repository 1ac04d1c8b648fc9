# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Device-mapper devices of converge's own: the guest's disk under a name, whatever is below.

# drop_mapping NAME SECTORS IMAGE VOLUME: the undo of its creation. A guest that runs on it goes on doing so; one whose own
# reboot is awaited finds it then; one that xendomains has saved on it finds it again at boot, on the leg that is complete.
verb_drop_mapping() {
  local name
  name=$1
  mapping_of "$name"
  case $? in
    0)
      if [ "$OPEN" != 0 ]; then
        journal note message "$DOMAIN runs on under the name $name until its next start"
        return 0
      fi
      saved_on "$name" && return 0
      still_awaited "$name"
      case $? in 0) return 0 ;; 1) ;; *) return 1 ;; esac
      run_command dmsetup remove "$name"
      ;;
    1)
      saved_on "$name" || return 0
      complete_disk "$3" "$4" || return
      run_command dmsetup create "$name" --uuid "CONVERGE-$name" --table "0 $2 linear $DEVICE 0" || return
      journal note message "$name is there again, on $DEVICE: $DOMAIN was saved on it"
      ;;
    *) return 1 ;;
  esac
}

# collapse NAME SECTORS FROM TO: the complete leg alone. Not flushed: writes that wait for a dead leg go to the other.
verb_collapse() {
  local device
  device=$3
  ! committing || device=$4
  takes_apart
  rm -f "$HERE/synced/$1"
  run_command dmsetup reload "$1" --table "0 $2 linear $device 0" &&
    run_command dmsetup resume --noflush "$1"
}

# MIRRORS: those that this program has begun or waits for, `NAME/RATE` each. Several may copy at a time, and are waited for
# one after the other.
MIRRORS=''

# has_mirror NAME RATE IMAGE LINK: it is looked at, and nobody may have its image, from here on. It is the last of MIRRORS then.
has_mirror() {
  local entry others
  others=
  for entry in $MIRRORS; do
    [ "${entry%/*}" = "$1" ] || others="$others $entry"
  done
  MIRRORS="$others $1/$2"
  keep_watched "$1" "$3" "$4" "$ROOT/dev/mapper/$1" || return
  # how fast they are may be known by now
  [ "$2" -eq 0 ] || [ -n "$THROTTLED" ] || throttle_mirrors "$FIRST_SHARE"
}

# start_mirror NAME RATE IMAGE LINK -- COMMAND…: it begins to copy right away
verb_start_mirror() {
  has_mirror "$1" "$2" "$3" "$4" || return
  begins "$1"
  shift 5
  run_command "$@"
}

# await_sync NAME BYTES RATE IMAGE LINK: until image and volume are equal. RATE: bytes a second at most, 0 for no limit.
verb_await_sync() {
  local name bytes began next last last_bytes base done_bytes spared
  name=$1 bytes=$2 spared=0
  # what nobody uses counts as in sync from the beginning
  [ ! -e "$HERE/marked/$name" ] || read -r spared <"$HERE/marked/$name"
  since_when "$name"
  began=$MIRROR_BEGAN base=$MIRROR_BASE next=$UPTIME last=$UPTIME last_bytes=
  has_mirror "$name" "$3" "$4" "$5" || return
  while :; do
    look_at_mirrors || return 1
    done_bytes=$((SYNCED * bytes / TOTAL - spared))
    [ "$done_bytes" -ge 0 ] || done_bytes=0
    [ -n "$base" ] || base=$done_bytes
    [ -n "$last_bytes" ] || last_bytes=$BOUNDED
    uptime_now
    if [ "$LEAST_RATE" -eq 0 ]; then
      # those that have a limit are in sync
      release_throttle
    elif [ $((UPTIME - last)) -ge 100 ]; then
      steer_mirrors $(((BOUNDED - last_bytes) * 100 / (UPTIME - last))) "$LEAST_RATE" || return
      last=$UPTIME last_bytes=$BOUNDED
    fi
    if [ "$UPTIME" -ge "$next" ] || [ "$SYNCED" -eq "$TOTAL" ]; then
      next=$((UPTIME + 100))
      nobody_around || return
      tell_mirrored "$began" "$base" "$done_bytes" "$((bytes - spared))"
    fi
    [ "$SYNCED" -ne "$TOTAL" ] || break
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  mirrored "$began" "$base" "$done_bytes"
}

# look_at_mirrors: all of them, for a leg that fails below one makes the guest's writes to it wait, whichever is waited for.
# Sets SYNCED and TOTAL of the last; BOUNDED, the bytes that those with a limit have in sync, and LEAST_RATE, the least limit
# of those that still copy (0: none has one): they share one throttle.
look_at_mirrors() {
  local entry rate
  BOUNDED=0 LEAST_RATE=0
  for entry in $MIRRORS; do
    rate=${entry##*/}
    look_at_mirror "${entry%/*}" || {
      says "${entry%/*}: $SAYS"
      return 1
    }
    [ "$rate" -ne 0 ] || continue
    # shellcheck disable=SC2017 # of a large disk the product would not fit
    BOUNDED=$((BOUNDED + SYNCED * SECTORS / TOTAL * 512))
    [ "$SYNCED" -ne "$TOTAL" ] || continue
    [ "$LEAST_RATE" -ne 0 ] && [ "$LEAST_RATE" -le "$rate" ] || LEAST_RATE=$rate
  done
}

# look_at_mirror NAME: fails where a leg does that it can not do without
look_at_mirror() {
  if was_synced "$1"; then
    mirror_whole "$1" || return 1
    # whatever an image that fails has not taken since
    SYNCED=$TOTAL
    return 0
  fi
  mirror_status "$1" && mirror_alive || return 1
  [ "$SYNCED" -ne "$TOTAL" ] || mark_synced "$1"
}

# mark_synced NAME: from here on the volume holds all, and gets each write before the guest hears of it: with its image
# failing or not
mark_synced() {
  was_synced "$1" && return 0
  mkdir -p "$HERE/synced" && write_kept "$HERE/synced/$1" "$(boot_id)" && return 0
  says "cannot write that $1 is in sync"
  return 1
}

# was_synced NAME: it has been in sync in this run, and its volume has got every write since
was_synced() {
  [ "$(cat "$HERE/synced/$1" 2>/dev/null)" = "$(boot_id)" ]
}

# mirror_alive: of the mirror that mirror_status looked at, while it is not yet in sync. Its image is the complete leg
# until then: a guest whose image fails reads and writes what it would without a mirror.
mirror_alive() {
  case $HEALTH in
    AA) return 0 ;;
    A*) says "the volume gives errors (legs: $HEALTH)" ;;
    *) says "the image gives errors (legs: $HEALTH): is it damaged, or the file system full that it lies in?" ;;
  esac
  return 1
}

# mirror_whole NAME: it was in sync, and the volume lacks nothing. An image that fails then does not matter: writes that
# it does not take wait until the mapping lies on the volume alone.
mirror_whole() {
  mirror_status "$1" || return 1
  case $HEALTH in
    ?A) ;;
    *)
      says "the volume gives errors (legs: $HEALTH)"
      return 1
      ;;
  esac
  if [ "$HEALTH" = AA ]; then
    says "$1 is not in sync: $SYNCED of $TOTAL regions"
    [ "$SYNCED" -eq "$TOTAL" ] || return 1
    # a small one was in sync before anybody waited for it
    mark_synced "$1"
    return
  fi
  says "the image gives errors before the volume holds all of it (legs: $HEALTH)"
  was_synced "$1" || return 1
  [ -e "$HERE/synced/$1.told" ] || {
    printf '' >"$HERE/synced/$1.told"
    journal note message "the image behind $1 gives errors: the volume holds everything, and takes over"
  }
}

verb_mirror_whole() { # NAME…
  local name
  for name in "$@"; do
    # on the volume alone already: an earlier try
    mapping_of "$name" || return 1
    case $TABLE in *" mirror "*) mirror_whole "$name" || return 1 ;; esac
  done
}

# commit_live DOMAIN running|offline NAME TO FROM -- COMMAND…: from the first of a guest's disks on there is no way back. A
# command that fails may have done what it was to do: where the guest's writes go is seen, and the mark goes only where the
# old disk has every one of them.
verb_commit_live() {
  local domain how name to from first status stands
  domain=$1 how=$2 name=$3 to=$4 from=$5 first=0
  shift 6
  if ! committing; then
    first=1
    epoch
    [ "$how" = running ] || NOW="offline $NOW"
    write_kept "$HERE/committing" "$NOW" || {
      rm -f "$HERE/committing"
      says 'cannot write that the commit begins'
      return 1
    }
  fi
  run_command "$@"
  status=$?
  if [ "$status" -ne 0 ]; then
    set -- "$SAYS" "$@"
    gone_over "$name" "$to" "$from"
    stands=$?
    # a question that was given up has no answer, and what hangs may act yet; DRBD was only told what to do without a disk
    case $status:$name in "$GIVEN_UP":drbd/*) ;; "$GIVEN_UP":*) stands=2 ;; esac
    ! in_vain || stands=2
    says "$1"
    shift
    case $stands in
      0)
        # device-mapper may be suspended still
        case $name in */*) ;; *) run_command "$@" || return ;; esac
        journal note message "$1 ended with $status, and had done it: $name lies on its new disk"
        ;;
      1)
        [ "$first" -eq 0 ] || { rm -f "$HERE/committing" && kept "$HERE"; }
        return "$status"
        ;;
      *) return "$status" ;;
    esac
  fi
  [ -e "$HERE/committed" ] || {
    write_kept "$HERE/committed" "${NOW#offline }"
    journal_kept commit domain "$domain"
  }
}

# gone_over NAME TO FROM: where what is written to a device of converge's own goes. 0: to TO alone. 1: FROM has all of it, as
# it had before. 2: it can not be told.
gone_over() {
  case $1 in
    md/*)
      array_of "$1" || return 2
      member_state "$3" || return 2
      ! is_in_sync "$3" || return 1
      is_in_sync "$2" || return 2
      ;;
    drbd/*)
      resource_of "$1" || return 2
      if [ -n "$LOWER" ] && same_device "$LOWER" "$3" && holds_all "$MINOR"; then return 1; fi
      return 2
      ;;
    *)
      mapping_of "$1" || return 2
      case $TABLE in
        *" mirror "*)
          # what a dead image does not take is not acknowledged either; but then it is the volume that holds all
          mirror_status "$1" || return 2
          case $HEALTH in A*) return 1 ;; *) return 2 ;; esac
          ;;
      esac
      goal_mapping "$1" "$2" || return 2
      ;;
  esac
}

# forget_table NAME: one that was loaded and not taken over, which any resume would take over
verb_forget_table() {
  mapping_of "$1"
  case $? in
    0) run_command dmsetup clear "$1" ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
}

verb_retire_mapping() { # NAME -- COMMAND…
  local name
  name=$1
  mapping_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  # once it is let go of, nothing holds it while its guest reboots itself
  still_awaited "$name"
  case $? in 0) return 0 ;; 1) ;; *) return 1 ;; esac
  shift 2
  run_command "$@" && return 0
  # one that was let go of before goes by itself when its guest has gone, perhaps right now
  mapping_of "$name"
  [ $? -eq 1 ]
}
