# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about logical volumes. `lvs` is asked once; what it says wrong is never taken for "absent".

# ask_volume VG/LV FIELDS: sets ANSWER, fields with `|` between them. 1: no such volume. 2: lvs cannot tell.
ask_volume() {
  local SCRATCH OUT
  # as a command, which can be left behind: what waits for a disk that does not answer can not even be killed
  scratch error || return 2
  OUT=$SCRATCH
  if run_answer lvs --noheadings --nosuffix --units b --separator '|' -o "$2" "$1"; then
    # lvs pads the first column
    ANSWER=${SAID#"${SAID%%[! ]*}"}
    return 0
  fi
  # rc 5 is many things; only this one says that the group was read and the volume is not in it
  grep -q 'Failed to find logical volume' "$OUT" && return 1
  says "lvs $1: $(tail_of "$OUT")"
  return 2
}

# field N: sets FIELD from ANSWER
field() {
  local number rest
  number=$1 rest=$ANSWER
  while [ "$number" -gt 1 ]; do
    rest=${rest#*|} number=$((number - 1))
  done
  FIELD=${rest%%|*}
}

# has_tags LIST TAG…: LIST as lvs prints it, with commas
has_tags() {
  local list tag
  list=,$1,
  shift
  for tag in "$@"; do
    case $list in *",$tag,"*) ;; *) return 1 ;; esac
  done
}

goal_volume_exists() { # VG/LV BYTES TAG…
  local volume bytes
  volume=$1 bytes=$2
  ask_volume "$volume" lv_size,lv_tags || {
    set -- $?
    [ "$1" -ne 1 ] || says "$volume is not there"
    return "$1"
  }
  shift 2
  field 2
  has_tags "$FIELD" "$@" || {
    says "$volume is there and is not converge's (its tags: $FIELD)"
    return 2
  }
  field 1
  [ "$FIELD" = "$bytes" ] || {
    says "$volume has $FIELD bytes, not $bytes"
    return 2
  }
}

goal_volume_tagged() { # VG/LV TAG…
  local volume
  volume=$1
  ask_volume "$volume" lv_tags || {
    [ $? -ne 1 ] || says "$volume is not there"
    return 2
  }
  shift
  has_tags "$ANSWER" "$@" || {
    says "$volume lacks a tag of: $*"
    return 1
  }
}

goal_snapshot_exists() { # VG/LV VG/ORIGIN TAG…
  local snapshot origin attributes
  snapshot=$1 origin=$2
  ask_volume "$snapshot" lv_attr,origin,data_percent,lv_tags || {
    set -- $?
    [ "$1" -ne 1 ] || says "$snapshot is not there"
    return "$1"
  }
  shift 2
  field 4
  has_tags "$FIELD" "$@" || {
    says "$snapshot is there and is not converge's (its tags: $FIELD)"
    return 2
  }
  field 2
  # the power went while LVM made it, or took it away: between the two it is a volume by itself, with its tags (seen). Ours to remove
  [ "$MODE" != undo ] || [ -n "$FIELD" ] || return 0
  [ "${snapshot%%/*}/$FIELD" = "$origin" ] || {
    says "$snapshot is no snapshot of $origin"
    return 2
  }
  snapshot_valid || {
    says "$snapshot overflowed: what it holds is worthless"
    # still ours to remove
    [ "$MODE" != undo ] || return 0
    return 2
  }
}

# snapshot_valid: ANSWER begins with lv_attr,origin,data_percent
snapshot_valid() {
  field 1
  case $FIELD in
    # of a thin one the percentage says how much of it is there, and it may be all; only with its pool does it fail
    V???????F*) return 1 ;;
    V*) return 0 ;;
    ????I*) return 1 ;;
  esac
  field 3
  [ "${FIELD:-0}" = 0 ] || [ "${FIELD%%.*}" -lt 100 ]
}

goal_volume_absent() { # VG/LV TAG…
  local volume
  volume=$1
  ask_volume "$volume" lv_tags
  case $? in
    1) return 0 ;;
    2) return 2 ;;
  esac
  shift
  has_tags "$ANSWER" "$@" || {
    says "$volume is there and is not converge's (its tags: $ANSWER)"
    return 2
  }
  says "$volume is still there"
  return 1
}

# of what was never given one, as swap of before 2007
readonly NO_UUID=00000000-0000-0000-0000-000000000000

goal_content() { # VG/LV TYPE UUID
  local found status type uuid
  # -p: what is on the disk, not what the cache remembers
  found=$(blkid -p -o export "$ROOT/dev/$1" 2>/dev/null)
  status=$?
  type=$(printf '%s\n' "$found" | sed -n 's/^TYPE=//p')
  uuid=$(printf '%s\n' "$found" | sed -n 's/^UUID=//p')
  # one that is all zeroes blkid does not tell
  [ -z "$type" ] || uuid=${uuid:-$NO_UUID}
  case $status in
    0) ;;
    2)
      [ -e "$ROOT/dev/$1" ] || {
        says "/dev/$1 is not there"
        return 1
      }
      says "$1 is blank"
      [ "$2" != blank ] || return 0
      return 1
      ;;
    *)
      says "blkid cannot tell what is on $1 ($status)"
      return 2
      ;;
  esac
  [ "$type" = "$2" ] && [ "$uuid" = "$3" ] && return 0
  says "$1 holds ${type:-something else} $uuid, not $2 $3"
  ask_volume "$1" lv_tags || return 2
  # a copy that nobody has ever used may be made anew
  has_tags "$ANSWER" converge.role=copy && {
    says "$1 holds ${type:-something else} $uuid, not $2 $3"
    return 1
  }
  return 2
}
