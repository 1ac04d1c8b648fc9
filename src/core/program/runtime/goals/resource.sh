# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# DRBD resources of converge's own: NAME has the guest's device, NAME.copy the volume while both are mirrored. What they are
# is asked of the kernel each time: `drbdsetup show` for what lies where, /proc/drbd for how it is (DRBD 8.4).

# resource_of NAME: sets RESOURCE, MINOR, LOWER (what lies below; empty: nothing does), LOCAL and REMOTE (ends of its
# connection, empty: none), the same with COPY_ for the second resource (COPY empty: there is none), and DEVICE_NODE.
# 1: there is none. 2: it can not be told.
resource_of() {
  local shown
  RESOURCE=${1#drbd/} COPY='' COPY_MINOR='' COPY_LOWER='' COPY_LOCAL='' COPY_REMOTE=''
  MINOR='' LOWER='' LOCAL='' REMOTE='' DEVICE_NODE=
  says "there is no DRBD resource $RESOURCE"
  # asked anything, drbdsetup would load the module
  [ -r "$ROOT/proc/drbd" ] || return 1
  shown=$(drbdsetup show 2>&1 9>&-) || {
    says "drbdsetup: $shown"
    return 2
  }
  show_resource "$RESOURCE.copy" "$shown"
  case $? in
    0) COPY=$RESOURCE.copy COPY_MINOR=$MINOR COPY_LOWER=$LOWER COPY_LOCAL=$LOCAL COPY_REMOTE=$REMOTE ;;
    2) return 2 ;;
  esac
  show_resource "$RESOURCE" "$shown" || return
  [ -z "$MINOR" ] || DEVICE_NODE=$ROOT/dev/drbd$MINOR
  return 0
}

# show_resource NAME SHOWN: from what `drbdsetup show` printed. 1: it is not there. 2: a signal cut the list short (mapping_of).
show_resource() {
  local tries
  for tries in 1 2 3 4 5; do
    read_resource "$1" "$2"
    set -- "$1" "$2" $?
    [ "$3" -eq 2 ] || return "$3"
  done
  return 2
}

read_resource() { # NAME SHOWN
  local found here whole word rest
  MINOR='' LOWER='' LOCAL='' REMOTE='' found=1 here=1 whole=0
  while read -r word rest; do
    case $word in
      /) whole=1 ;;
      resource)
        here=1 rest=${rest%% *} rest=${rest#\"}
        [ "${rest%\"}" != "$1" ] || { here=0 found=0; }
        ;;
      _remote_host) [ "$here" -ne 0 ] || REMOTE=- ;;
      _this_host) [ "$here" -ne 0 ] || LOCAL=- ;;
      address)
        rest=${rest##* } rest=${rest%;}
        [ "$here" -eq 0 ] || continue
        [ "$REMOTE" != - ] || REMOTE=$rest
        [ "$LOCAL" != - ] || LOCAL=$rest
        ;;
      device)
        rest=${rest##* }
        [ "$here" -ne 0 ] || MINOR=${rest%;}
        ;;
      disk)
        case $rest in
          '"'*)
            rest=${rest#\"}
            [ "$here" -ne 0 ] || LOWER=${rest%\"*}
            ;;
        esac
        ;;
    esac
  done <<LIST
$2
/
LIST
  [ "$whole" -eq 1 ] || {
    says 'what drbdsetup says was not read to its end'
    return 2
  }
  # a resource that has no connection shows no address
  [ "$LOCAL" != - ] || LOCAL=
  [ "$REMOTE" != - ] || REMOTE=
  return "$found"
}

# minor_state MINOR: sets CONNECTION, ROLE, DISK and PEER_DISK (what it takes its peer's for), FLAGS, BEHIND, how many KiB
# its peer lacks, UNDER_WAY, the requests that its disk, its peer or itself has not answered yet, as four counters, and WROTE, how
# many KiB it has written to its disk. 1: there is no such minor.
minor_state() {
  local word rest found
  CONNECTION='' ROLE='' DISK='' PEER_DISK='' FLAGS='' BEHIND='' UNDER_WAY='' WROTE='' found=1
  while read -r word rest; do
    case $word in
      "$1:")
        found=0
        for word in $rest; do
          case $word in
            cs:*) CONNECTION=${word#cs:} ;;
            ro:*) ROLE=${word#ro:} ROLE=${ROLE%/*} ;;
            ds:*) DISK=${word#ds:} PEER_DISK=${DISK#*/} DISK=${DISK%/*} ;;
            *) FLAGS=$word ;;
          esac
        done
        ;;
      ns:*)
        [ "$found" -eq 0 ] && [ -z "$BEHIND" ] || continue
        for word in $rest; do
          case $word in
            oos:*) BEHIND=${word#oos:} ;;
            dw:*) WROTE=${word#dw:} ;;
            lo:* | pe:* | ua:* | ap:*) UNDER_WAY="$UNDER_WAY ${word#*:}" ;;
          esac
        done
        ;;
      [0-9]*:) [ "$found" -ne 0 ] || break ;;
    esac
  done <"$ROOT/proc/drbd"
  return "$found"
}

# at_rest MINOR: nothing is under way, neither to its disk nor to its peer
at_rest() {
  minor_state "$1" && [ "$UNDER_WAY" = ' 0 0 0 0' ]
}

# same_device A B: whatever they are called
same_device() {
  local number
  [ -n "$1" ] && node_number "$1" || return 1
  number=$NODE
  node_number "$2" && [ "$number" = "$NODE" ]
}

# has_link NAME: the name by which the guest has it leads to its device
has_link() {
  [ -n "$DEVICE_NODE" ] && [ "$(readlink -e -- "$ROOT/dev/$1")" = "$(readlink -e -- "$DEVICE_NODE")" ]
}

# holds_all MINOR: its own disk is whole
holds_all() {
  minor_state "$1" && [ "$DISK" = UpToDate ]
}

goal_resource() { # NAME DEVICE
  resource_of "$1" || return
  says "/dev/$1 lies on ${LOWER:-nothing}${COPY:+, and on ${COPY_LOWER:-nothing} by way of $COPY}"
  [ -z "$COPY" ] || return 1
  [ -n "$LOWER" ] || return 1
  # two may come to have one name, one after the other
  same_device "$LOWER" "$2" || return 2
  holds_all "$MINOR" && [ "$ROLE" = Primary ] && has_link "$1" && return 0
  says "/dev/$1 is not all there: ${ROLE:-no role}, its disk is ${DISK:-missing}"
  return 1
}

goal_resource_mirrored() { # NAME FROM TO
  resource_of "$1" || return 2
  says "/dev/$1 does not lie on $2 and $3"
  [ -n "$COPY" ] && same_device "$LOWER" "$2" && same_device "$COPY_LOWER" "$3" || return 1
  minor_state "$MINOR"
  says "$RESOURCE and $COPY are not connected: $CONNECTION"
  connected
}

# connected: as minor_state found it. While DRBD still agrees on what to do it counts.
connected() {
  case $CONNECTION in
    Connected | SyncSource | PausedSyncS | WFBitMapS | StartingSyncS | WFSyncUUID | WFReportParams) ;;
    *) return 1 ;;
  esac
}

goal_resource_in_sync() { # NAME DEVICE
  resource_of "$1" || return 2
  same_device "$COPY_LOWER" "$2" && holds_all "$COPY_MINOR" && return 0
  says "$2 is not in sync below /dev/$1: ${DISK:-it is not there}"
  return 1
}
