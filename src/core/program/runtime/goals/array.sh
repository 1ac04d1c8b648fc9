# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# md arrays of converge's own. They have no superblock, and so no UUID: what they hold says which they are. All is read
# from sysfs (Documentation/admin-guide/md.rst), since `[UU]` and the words of mdadm say less.

# array_of NAME: sets MD, its directory in sysfs, and DEVICE_NODE. 1: there is none. 2: it is not converge's.
array_of() {
  local node level metadata
  MD='' DEVICE_NODE=
  says "there is no array /dev/$1"
  node=$(readlink -e -- "$ROOT/dev/$1") || return 1
  DEVICE_NODE=$node MD=$ROOT/sys/block/${node##*/}/md
  # a link that outlived its array
  [ -r "$MD/level" ] && read -r level <"$MD/level" && [ -n "$level" ] || return 1
  read -r metadata <"$MD/metadata_version" || metadata=
  says "/dev/$1 is there and is not converge's: $level, superblock: $metadata"
  [ "$level" = raid1 ] && [ "$metadata" = none ] || return 2
}

# member_state DEVICE: sets MEMBER, what the array says of it (`in_sync`, `spare`, `faulty,write_error`; empty: it is no
# member), SLOT (a number, or `none`) and MEMBER_NODE, its directory
member_state() {
  local member number
  MEMBER='' SLOT='' MEMBER_NODE=''
  node_number "$1" || return 1
  for member in "$MD"/dev-*; do
    [ -r "$member/block/dev" ] && read -r number <"$member/block/dev" && [ "$number" = "$NODE" ] || continue
    read -r MEMBER <"$member/state"
    read -r SLOT <"$member/slot"
    MEMBER_NODE=$member
    return 0
  done
  return 0
}

# is_in_sync DEVICE: it holds everything, and md relies on it
is_in_sync() {
  member_state "$1" || return 1
  case ,$MEMBER, in *,faulty,*) return 1 ;; *,in_sync,*) [ "$SLOT" != none ] ;; *) return 1 ;; esac
}

# members: sets MEMBERS, how many there are
members() {
  local member
  MEMBERS=0
  for member in "$MD"/dev-*; do
    [ ! -d "$member" ] || MEMBERS=$((MEMBERS + 1))
  done
}

goal_array() { # NAME DEVICE
  array_of "$1" || return
  members
  says "/dev/$1 has $MEMBERS members"
  [ "$MEMBERS" -eq 1 ] || return 1
  is_in_sync "$2" && return 0
  says "/dev/$1 lies on something else than $2"
  # two arrays may come to have one name, one after the other
  [ -n "$MEMBER" ] && return 1 || return 2
}

# bitmap_file NAME: sets BITMAP, where the bitmap of an array lies: in this guest's books
bitmap_file() {
  BITMAP=$BOOK/${1##*/}.bitmap
}

# has_bitmap NAME: of the array that MD is; one that it has had since it was built, since md can not be given one later
has_bitmap() {
  local where
  bitmap_file "$1"
  [ -e "$BITMAP" ] && [ -r "$MD/bitmap/location" ] && read -r where <"$MD/bitmap/location" && [ "$where" = file ]
}

goal_array_tracked() { # NAME DEVICE
  array_of "$1" || return
  members
  if [ "$MEMBERS" -eq 1 ] && is_in_sync "$2" && has_bitmap "$1"; then return 0; fi
  # it is built with its bitmap, and so anew, where nobody has it
  if device_unused "$1"; then
    says "/dev/$1 has no bitmap, or does not lie on $2 alone"
    return 1
  fi
  says "/dev/$1 is in use, and has no bitmap, or does not lie on $2 alone"
  return 2
}

goal_array_mirrored() { # NAME FROM TO
  array_of "$1"
  case $? in
    0) ;;
    # nothing to take back
    1) [ "$MODE" = undo ] && return 1 || return 2 ;;
    *) return 2 ;;
  esac
  says "/dev/$1 does not have $2 and $3 as members"
  member_state "$2" && [ -n "$MEMBER" ] || return 1
  member_state "$3" && [ -n "$MEMBER" ] || return 1
}

goal_array_in_sync() { # NAME DEVICE
  array_of "$1" || return 2
  is_in_sync "$2" && return 0
  says "$2 is not in sync in /dev/$1: ${MEMBER:-it is no member}"
  return 1
}
