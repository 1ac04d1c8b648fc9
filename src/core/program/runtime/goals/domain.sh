# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about guests. Names may hold anything; so xl is asked for a number, and then about the number.

# xl_names NAME: xl takes it for a name
xl_names() {
  case $1 in
    '' | *[!0-9]*) return 0 ;;
  esac
  says "xl takes the name $1 for a number"
  return 1
}

# domid_of NAME: sets DOMID. 1: no such domain. 2: xl cannot tell.
domid_of() {
  is_known "$1" && is_still_known && return 0
  DOMID='' KNOWN=''
  xl_names "$1" || return 2
  if DOMID=$(xl domid -- "$1" 2>/dev/null 9>&-); then
    case $DOMID in '' | *[!0-9]*) ;; *) KNOWN=$1 && return 0 ;; esac
  fi
  unknown_name
}

# KNOWN: the name that DOMID was found by
KNOWN=''

is_known() { # NAME
  [ -n "$KNOWN" ] && [ "$1" = "$KNOWN" ]
}

# is_still_known: xl looks names up in the same place, one domain after the other
is_still_known() {
  [ "$(xenstore-read -R "/local/domain/$DOMID/name" 2>/dev/null 9>&-)" = "$KNOWN" ]
}

unknown_name() {
  DOMID='' KNOWN=''
  # without xenstore every name is unknown: then nothing is known
  [ "$(xenstore-read /local/domain/0/name 2>/dev/null 9>&-)" != Domain-0 ] || return 1
  says 'xl cannot say which guests there are'
  return 2
}

# domid_state DOMID: sets STATE, `r-----` or the like. 1: no such domain. 2: xl cannot tell.
domid_state() {
  if STATE=$(xl list "$1" 2>&1 9>&-); then
    listed "$STATE" && return 0
  else
    case $STATE in *'does not exist'*) STATE='' && return 1 ;; esac
  fi
  says "xl list $1: $STATE"
  return 2
}

MEMORY=
# listed TEXT: sets LISTED, STATE, MEMORY (MiB) and RAN from the last five words (ID Mem VCPUs State Time): before them a name may hold any
listed() {
  set -f
  # shellcheck disable=SC2086
  set -- $1
  set +f
  [ $# -ge 5 ] && shift $(($# - 5)) || return
  LISTED=$1 STATE=$4 RAN=$5
  case $LISTED in *[!0-9]*) return 1 ;; esac
  # one that is going has none any more
  case $2 in 0 | *[!0-9]*) ;; *) MEMORY=$2 ;; esac
  # the fifth letter says why it has shut down: s where it was suspended, r for its own reboot, w for a watchdog, S for a kexec, and ?
  # for what xl has no letter for (list_domains in tools/xl/xl_info.c)
  case $STATE in [r-][b-][p-][s-]?[d-]*) return 0 ;; esac
  return 1
}

# domain_state NAME: sets DOMID and STATE, by one process: in a switch each one counts
domain_state() {
  DOMID='' KNOWN=''
  xl_names "$1" || return 2
  if STATE=$(xl list -- "$1" 2>/dev/null 9>&-) && listed "$STATE"; then
    DOMID=$LISTED KNOWN=$1
    return 0
  fi
  unknown_name
}

goal_domain_running() { # NAME
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 does not run" && return 1 ;; *) return 2 ;; esac
  says "$1 is in state $STATE"
  case $STATE in *[pscd]*) return 1 ;; esac
}

goal_domain_paused() { # NAME
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 2 ;; esac
  says "$1 is in state $STATE"
  case $STATE in
    *[scd]*) return 1 ;;
    *p*) return 0 ;;
  esac
  says "$1 runs: somebody else started it"
  return 2
}

goal_domain_down() { # NAME
  domid_of "$1"
  case $? in
    1) return 0 ;;
    2) return 2 ;;
  esac
  says "$1 is still there"
  return 1
}

# backends_of DOMID: `vbd 51712`, one a line
backends_of() {
  local type device
  for type in vbd qdisk; do
    for device in $(xenstore-list "/local/domain/0/backend/$type/$1" 2>/dev/null 9>&-); do
      case $device in *[!0-9]*) ;; *) printf '%s %s\n' "$type" "$device" ;; esac
    done
  done
}

# backend_value DOMID TYPE DEVICE KEY: as it is stored (-R); without it, what is not ASCII comes as C would write it
backend_value() {
  xenstore-read -R "/local/domain/0/backend/$2/$1/$3/$4" 2>/dev/null 9>&-
}

# backend_is_on DOMID TYPE DEVICE TARGET: blkback's own word (physical-device) where there is one
backend_is_on() {
  local kind number node
  kind=$(stat -L -c '%F' -- "$4" 2>/dev/null) || return 1
  number=$(backend_value "$1" "$2" "$3" physical-device)
  if [ "$kind" = 'block special file' ]; then
    if [ -n "$number" ]; then
      [ "$number" = "$(stat -L -c '%t:%T' -- "$4")" ]
      return
    fi
  else
    node=$(backend_value "$1" "$2" "$3" node)
    if [ -n "$node" ]; then
      loop_is_over "$node" "$4"
      return
    fi
  fi
  # QEMU serves it: only what it was told is to be seen
  [ "$(same_file "$(backend_value "$1" "$2" "$3" params)" "$4")" = same ]
}

same_file() {
  local path
  # params of qdisk have the format before the path: `aio:/dev/…`
  path=/${1#*/}
  [ "$(stat -L -c '%d:%i' -- "$path" 2>/dev/null)" = "$(stat -L -c '%d:%i' -- "$2" 2>/dev/null)" ] && echo same
}

# served_disks DOMID: sets SERVED, a line `xvda1 7:0` for each disk that Dom0's kernel serves to it: its name there, and what
# it is (blkback's own word, in sysfs). One process for all of them: the guest waits for this.
served_disks() {
  local device vdev numbers
  SERVED='' numbers=''
  set -- "$BACKENDS"/vbd-"$1"-*
  for device in "$@"; do
    shift
    [ -r "$device/physical_device" ] && read -r vdev <"$device/physical_device" || continue
    numbers="$numbers $vdev" device=${device##*/vbd-}
    set -- "$@" "/local/domain/0/backend/vbd/${device%-*}/${device#*-}/dev"
  done
  [ $# -gt 0 ] || return 0
  while IFS= read -r vdev; do
    numbers=${numbers# }
    SERVED="$SERVED$vdev ${numbers%% *}$LINE"
    case $numbers in *' '*) numbers=${numbers#* } ;; *) numbers= ;; esac
  done <<LIST
$(xenstore-read "$@" 2>/dev/null 9>&-)
LIST
}

# kernel_serves VDEV TARGET: after served_disks. 1: something else. 2: the kernel does not serve it.
kernel_serves() {
  local number node kind
  number=$LINE$SERVED
  case $number in *"$LINE$1 "*) ;; *) return 2 ;; esac
  number=${number#*"$LINE$1 "}
  number=${number%%"$LINE"*}
  read -r node kind <<WORDS
$(stat -L -c '%t:%T %F' -- "$2" 2>/dev/null)
WORDS
  case $kind in
    '') return 1 ;;
    'block special file') [ "$number" = "$node" ] ;;
    *)
      case $number in 7:*) ;; *) return 1 ;; esac
      loop_is_over "$ROOT/dev/loop$((0x${number#7:}))" "$2"
      ;;
  esac
}

# same_vdev ONE OTHER: two names of one virtual device. A guest whose config somebody has rewritten has it by the name that it was built with.
same_vdev() {
  local one
  [ "$1" != "$2" ] || return 0
  vdev_number "$1"
  one=$NUMBER
  vdev_number "$2"
  [ -n "$one" ] && [ "$one" = "$NUMBER" ]
}

readonly LETTERS=abcdefghijklmnopqrstuvwxyz

# vdev_number NAME: sets NUMBER, as in xenstore (xen-vbd-interface(7)): 51713 for xvda1, d0p1 and 0xca01; empty for what is no such name
vdev_number() {
  local bus name disk part before
  NUMBER='' bus=xvd name=$1
  case $name in
    d[0-9]*p[0-9]*)
      name=${name#d} disk=${name%%p*} part=${name#*p}
      is_number "$disk" && is_number "$part" || return 0
      disk=$((disk)) part=$((part))
      ;;
    xvd[a-z]* | hd[a-z]* | sd[a-z]*)
      bus=${name%%d*}d name=${name#*d} disk=0
      while :; do
        case $name in
          [a-z]*)
            # no process for it: a guest may be away
            before=${LETTERS%%"${name%"${name#?}"}"*}
            disk=$((disk * 26 + ${#before} + 1))
            name=${name#?}
            [ "$disk" -le 1048576 ] || return 0
            ;;
          *) break ;;
        esac
      done
      disk=$((disk - 1)) part=${name:-0}
      case $part in 0) ;; 0*) return 0 ;; esac
      is_number "$part" || return 0
      ;;
    *)
      ! is_number "$name" || NUMBER=$((name))
      return 0
      ;;
  esac
  case $bus in
    hd) [ "$disk" -gt 3 ] || [ "$part" -gt 63 ] || NUMBER=$(((disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | part)) ;;
    sd) [ "$disk" -gt 15 ] || [ "$part" -gt 15 ] || NUMBER=$((8 << 8 | disk << 4 | part)) ;;
    *)
      if [ "$disk" -le 15 ] && [ "$part" -le 15 ]; then
        NUMBER=$((202 << 8 | disk << 4 | part))
      elif [ "$disk" -le 1048575 ] && [ "$part" -le 255 ]; then
        NUMBER=$((1 << 28 | disk << 8 | part))
      fi
      ;;
  esac
}

# is_number TEXT: as C reads one, of ten digits at most
is_number() {
  case $1 in
    '' | ???????????*) return 1 ;;
    0[xX]*) case ${1#0[xX]} in '' | *[!0-9a-fA-F]*) return 1 ;; esac ;;
    0*) case $1 in *[!0-7]*) return 1 ;; esac ;;
    *[!0-9]*) return 1 ;;
  esac
}

goal_attached() { # NAME VDEV TARGET…
  local name list type device found
  name=$1 list=-
  shift
  domid_of "$name" || {
    set -- $?
    [ "$1" -ne 1 ] || says "$name is not there"
    return "$1"
  }
  served_disks "$DOMID"
  while [ $# -ge 2 ]; do
    if kernel_serves "$1" "$2"; then
      shift 2
      continue
    fi
    # QEMU serves it, or it is another one: which one, is to be said
    [ "$list" != - ] || list=$(backends_of "$DOMID")
    found=0
    while read -r type device; do
      [ -n "$device" ] && same_vdev "$(backend_value "$DOMID" "$type" "$device" dev)" "$1" || continue
      found=1
      backend_is_on "$DOMID" "$type" "$device" "$2" || {
        says "$1 of $name is on $(backend_value "$DOMID" "$type" "$device" params), not on $2"
        return 2
      }
    done <<LIST
$list
LIST
    [ "$found" -eq 1 ] || {
      says "$name has no disk $1"
      return 2
    }
    shift 2
  done
}
