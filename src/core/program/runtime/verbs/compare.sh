# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Image and volume, compared while nobody writes to either.

HELD_CENTIS=0

# pause_guest NAME -- COMMAND…: what is written down first is what lets it run on
verb_pause_guest() {
  local name
  name=$1
  domain_state "$name" || {
    says "$name is not there"
    return 1
  }
  if ! held_here; then
    case $STATE in
      *p*)
        says "$name is paused, and not by this run"
        return 1
        ;;
    esac
    uptime_now
    write_kept "$HERE/held" "$DOMID $UPTIME $(boot_id)" || {
      says "cannot write that $name is paused"
      return 1
    }
  fi
  guest_away
  shift 2
  run_command "$@"
}

# hold_writes NAME: what is under way is waited for, and md keeps back what comes after it. DRBD does not: see hold_resource.
verb_hold_writes() {
  local size
  case $1 in
    drbd/*)
      hold_resource "$1"
      return
      ;;
  esac
  array_of "$1" || return 1
  read -r size <"${MD%/md}/size" && set_md suspend_lo 0 && set_md suspend_hi "$size"
}

# held_here: sets HELD_DOMID and HELD_SINCE. This run has paused the guest, or was about to.
held_here() {
  local boot
  HELD_DOMID='' HELD_SINCE=''
  [ -e "$HERE/held" ] && read -r HELD_DOMID HELD_SINCE boot <"$HERE/held" && [ "$boot" = "$(boot_id)" ]
}

# release_disks NAME|- MAPPING…: whatever of it was done. The guest first gets its disks back.
verb_release_disks() {
  local name mapping
  name=$1
  shift
  for mapping in "$@"; do
    case $mapping in
      md/*)
        array_of "$mapping"
        case $? in
          0) set_md suspend_hi 0 && set_md suspend_lo 0 || return ;;
          1) ;;
          *) return 1 ;;
        esac
        continue
        ;;
      # nothing but the guest itself was held
      drbd/*) continue ;;
    esac
    mapping_of "$mapping"
    case $? in
      # a run that died in its commit has left the table that lies on the volume alone: to resume would bring that in
      0) run_command dmsetup clear "$mapping" && run_command dmsetup resume --noflush "$mapping" || return ;;
      1) ;;
      *) return 1 ;;
    esac
  done
  held_here || {
    rm -f "$HERE/held"
    return 0
  }
  domid_state "$HELD_DOMID"
  case $? in
    0)
      case $STATE in *p*) run_command xl unpause -- "$HELD_DOMID" || return ;; esac
      # a recovery goes on to look whether it is up
      [ -n "${FOUND_DEAD:-}" ] || guest_here
      ;;
    1) ;;
    *) return 1 ;;
  esac
  rm -f "$HERE/held"
  uptime_now
  HELD_CENTIS=$((HELD_CENTIS + UPTIME - HELD_SINCE))
  seconds $((UPTIME - HELD_SINCE))
  journal note message "$name stood still for $SECONDS_TEXT s"
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$name" 'downtime#' "$SECONDS_TEXT"
}

# What is compared in one go, and what is copied where it differs, in bytes
STRETCH=268435456
BLOCK=1048576
# More blocks than these: that is no mirror
MOST_DIFFERING=1000

# read_volume VOLUME BLOCK: from there on, past Dom0's cache, which knows nothing of what is written below it
read_volume() {
  dd if="$1" bs="$BLOCK" skip="$2" iflag=direct status=none 2>>"$OUT" 9>&-
}

# copy_block IMAGE VOLUME BLOCK
copy_block() {
  run_command dd if="$1" of="$2" bs="$BLOCK" skip="$3" seek="$3" count=1 oflag=direct conv=notrunc,fsync status=none
}

# both_legs NAME LINK VOLUME: 1: the image failed once all was in sync, and there is nothing to compare with; the volume
# has it all. 2: it has not.
both_legs() {
  case $1 in
    md/*)
      verb_both_in_sync "$1" "$2" "$3" || return 2
      is_in_sync "$2"
      ;;
    drbd/*)
      resource_of "$1" && [ -n "$COPY" ] && same_device "$COPY_LOWER" "$3" && holds_all "$COPY_MINOR" || {
        says "$3 is not in sync below /dev/$1"
        return 2
      }
      holds_all "$MINOR" || return
      LEG_WROTE=$WROTE
      ;;
    qemu/*) is_pending "${1#*/}" || return 2 ;;
    *)
      mirror_whole "$1" || return 2
      [ "$HEALTH" = AA ]
      ;;
  esac
}

# legs_rested NAME: nobody has written to them since both_legs
legs_rested() {
  case $1 in
    drbd/*) ;;
    qemu/*)
      is_pending "${1#*/}"
      return
      ;;
    *) return 0 ;;
  esac
  resource_of "$1" && minor_state "$MINOR" && [ "$WROTE" = "$LEG_WROTE" ] && return 0
  says "something was written to /dev/$1 while image and volume were compared: what was seen does not count"
  return 1
}
LEG_WROTE=''

# compare_legs NAME IMAGE LINK VOLUME BYTES SECONDS
verb_compare_legs() {
  local name image volume bytes deadline at most block differing left said began last
  name=$1 image=$2 volume=$4 bytes=$5 at=0 differing=0 last=-
  both_legs "$name" "$3" "$volume"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  uptime_now
  began=$UPTIME deadline=$((UPTIME + $6 * 100))
  while [ "$at" -lt "$bytes" ]; do
    uptime_now
    left=$(((deadline - UPTIME + 99) / 100))
    [ "$left" -gt 0 ] || {
      says "image and volume are not compared within $6 s: the guest waits no longer"
      return 1
    }
    most=$((bytes - at))
    [ "$most" -le "$STRETCH" ] || most=$STRETCH
    # at is always at the beginning of a block
    said=$(read_volume "$volume" $((at / BLOCK)) | timeout "$left" cmp -n "$most" -i "0:$at" -- - "$image" 2>&1 9>&-)
    case $?$said in
      0*)
        at=$((at + most))
        continue
        ;;
      124*) continue ;;
      1*' differ: '*) ;;
      *)
        says "image and volume cannot be compared: $said"
        return 1
        ;;
    esac
    # `- /srv/a.img differ: byte 1048577, line 3`, counted from 1 and from where it began
    block=${said##* differ: }
    block=${block#* }
    block=${block%%,*}
    case $block in
      *[!0-9]* | '')
        says "image and volume cannot be compared: $said"
        return 1
        ;;
    esac
    block=$(((at + block - 1) / BLOCK))
    # it is compared once more when it was copied
    [ "$block" != "$last" ] || {
      says "the volume does not keep what is written to its block $block"
      return 1
    }
    differing=$((differing + 1))
    [ "$differing" -le "$MOST_DIFFERING" ] || {
      says "more than $MOST_DIFFERING blocks of image and volume differ: somebody has written around the mirror"
      return 1
    }
    copy_block "$image" "$volume" "$block" || return
    at=$((block * BLOCK)) last=$block
  done
  legs_rested "$name" || return
  uptime_now
  seconds $((UPTIME - began))
  case $differing in
    0) said='are equal' ;;
    *) said="differed in $differing blocks of 1 MiB, which were copied again" ;;
  esac
  journal note message "$image and its volume, compared at rest in $SECONDS_TEXT s, $said"
}
