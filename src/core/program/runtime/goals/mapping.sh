# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about device-mapper devices of converge's own.

# mapping_of NAME: sets TABLE (`0 262144 linear 7:2 0`) and OPEN. 1: there is none. 2: dmsetup cannot tell, or it is not ours.
mapping_of() {
  local tries
  for tries in 1 2 3 4 5; do
    find_mapping "$1"
    set -- "$1" $?
    [ "$2" -eq 3 ] || return "$2"
  done
  return 2
}

# find_mapping NAME: the same. 3: the list was not read to its end.
find_mapping() {
  local list name uuid open
  TABLE='' OPEN=''
  list=$(dmsetup info -c --noheadings --separator ' ' -o name,uuid,open 2>&1 9>&-) || {
    says "dmsetup: $list"
    return 2
  }
  while read -r name uuid open; do
    # a list that a signal cut short has no end (dash and busybox read a long one from a pipe), and says nothing of what is not there
    [ "$name" != / ] || {
      says "there is no mapping $1"
      return 1
    }
    [ "$name" = "$1" ] || continue
    [ "$uuid" = "CONVERGE-$1" ] || {
      says "$1 is there and is not converge's"
      return 2
    }
    OPEN=$open
    TABLE=$(dmsetup table "$1" 2>&1 9>&-) && return 0
    says "dmsetup table $1: $TABLE"
    return 2
  done <<LIST
$list
/
LIST
  says "what dmsetup says was not read to its end"
  return 3
}

# loop_below NAME FILE: sets DEVICE, the loop over FILE, as it is now, that a mapping lies on
loop_below() {
  local device
  for device in $(loops_over "$2"); do
    lies_on "$1" "$device" && loop_has_all "$device" "$2" && DEVICE=$device && return 0
  done
  return 1
}

# saved_by_xendomains: it holds the guest's memory, and restores it at boot
saved_by_xendomains() {
  find_saved "$DOMAIN"
}

# saved_on NAME: that guest is restored onto the device. It may have left that by itself, long before Dom0 went down; what was
# made for it at the boot would lie there for nobody, and be made again at every boot. xl save puts the guest's config before its
# memory (xl_saverestore.c), with what the guest has attached. What is no file of xl's, or not yet, may say anything.
saved_on() {
  local path file
  saved_by_xendomains || return 1
  file=$SAVED/$DOMAIN
  case $1 in */*) path=/dev/$1 ;; *) path=/dev/mapper/$1 ;; esac
  [ "$(head -c 16 -- "$file" 2>/dev/null | tr -d '\0')" = 'Xen saved domain' ] || return 0
  head -c 1048576 -- "$file" | names_path "$path"
}

# names_path PATH: what is read does, as a whole word: another disk's name may begin with this one. From Xen 4.21 on libxl's JSON may be
# json-c's, which writes `\/` for a slash (`"\/dev\/mapper\/…"`).
names_path() {
  tr -d '\134' 2>/dev/null | tr -cs 'A-Za-z0-9_.+/-' '\n' 2>/dev/null | grep -qxF -e "$1" -e "$ROOT$1"
}

goal_mapping() { # NAME DEVICE
  mapping_of "$1" || return
  says "$1 lies on something else: $TABLE"
  node_number "$2" || return 1
  case $TABLE in *" linear $NODE 0") ;; *) return 1 ;; esac
}

goal_mirrored() { # NAME FROM TO
  local from
  mapping_of "$1"
  case $? in
    0) ;;
    # nothing to take back
    1) [ "$MODE" = undo ] && return 1 || return 2 ;;
    *) return 2 ;;
  esac
  says "$1 is no mirror of $2 and $3: $TABLE"
  node_number "$2" || return 1
  from=$NODE
  node_number "$3" || return 1
  case $TABLE in *" mirror "*" $from 0 $NODE 0 "*) ;; *) return 1 ;; esac
}

# mirror_status NAME: sets SYNCED and TOTAL (regions), SECTORS, HEALTH (a letter a leg: A is alive)
mirror_status() {
  local status
  status=$(dmsetup status "$1" 2>&1 9>&-) || {
    says "dmsetup status $1: $status"
    return 1
  }
  says "$1 is no mirror: $status"
  # 0 262144 mirror 2 7:2 253:1 256/256 1 AA 1 core
  # shellcheck disable=SC2086 # numbers and device numbers
  set -- $status
  [ "${3:-}" = mirror ] || return 1
  SECTORS=$2
  shift 3
  shift "$(($1 + 1))"
  SYNCED=${1%/*} TOTAL=${1#*/} HEALTH=${3:-}
  case $SYNCED$TOTAL in *[!0-9]* | '') return 1 ;; esac
}

goal_mirror_in_sync() { # NAME
  mirror_status "$1" || return 2
  says "$SYNCED of $TOTAL regions are in sync, legs: $HEALTH"
  case $HEALTH in
    AA) [ "$SYNCED" -eq "$TOTAL" ] ;;
    # its image failed after it had been in sync: the volume has everything
    ?A) was_synced "$1" ;;
    *)
      says "the volume gives errors (legs: $HEALTH)"
      return 1
      ;;
  esac
}

# lies_on NAME DEVICE. 1: it does not, or there is none of that name. 2: it can not be told.
lies_on() {
  case $1 in
    md/*)
      array_of "$1" || return
      member_state "$2" || return 2
      [ -n "$MEMBER" ]
      ;;
    drbd/*)
      resource_of "$1" || return
      same_device "$LOWER" "$2" || same_device "$COPY_LOWER" "$2"
      ;;
    *)
      mapping_of "$1" || return
      node_number "$2" || return 2
      case " $TABLE " in *" $NODE "*) ;; *) return 1 ;; esac
      ;;
  esac
}

# awaited NAME: the guest comes up on it when it reboots itself, since xl has it stored. 1: it does not. 2: it can not be told.
# What `xl config-update` has stored goes before what the guest was built with: a guest that xendomains has restored has the second
# alone, and that names what it was saved on.
awaited() {
  local path vm stored
  domid_of "$DOMAIN" || return
  case $1 in */*) path=/dev/$1 ;; *) path=/dev/mapper/$1 ;; esac
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  # whatever it has stored, if it can not be told whose it is
  [ -n "$vm" ] || return 2
  says "xl has $path stored for $DOMAIN's own reboot"
  stored=$ROOT/var/lib/xen/userdata-d.$DOMID.${vm#/vm/}
  if [ -e "$stored.xl" ]; then stored=$stored.xl; else stored=$stored.libxl-json; fi
  [ -e "$stored" ] && names_path "$path" <"$stored"
}

# still_awaited NAME: it is not taken away then. Not known is not absent: the caller fails.
still_awaited() {
  awaited "$1"
  case $? in
    0) journal note message "$1 stays: $DOMAIN comes up on it when it reboots itself" ;;
    1) return 1 ;;
    *) return 2 ;;
  esac
}

goal_mapping_unused() { # NAME
  saved_on "$1" && says "$DOMAIN was saved on $1" && return 1
  awaited "$1"
  case $? in 0) return 1 ;; 1) ;; *) return 2 ;; esac
  case $1 in
    */*)
      device_unused "$1"
      return
      ;;
  esac
  mapping_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  says "$1 is in use"
  [ "$OPEN" = 0 ]
}

# stored NAME FILE: xl starts a guest that reboots itself from what was stored under `xl`, if there is such
goal_stored() {
  local vm
  domid_of "$1"
  case $? in
    0) ;;
    1)
      says "$1 is not there"
      [ "$MODE" = undo ] && return 1 || return 2
      ;;
    *) return 2 ;;
  esac
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  says "xl has another config of $1 stored"
  # nothing stored under `xl` yet is not a conflict
  cmp -s "$ROOT/var/lib/xen/userdata-d.$DOMID.${vm#/vm/}.xl" "$2" || return 1
}
