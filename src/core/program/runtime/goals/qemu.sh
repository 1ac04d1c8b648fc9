# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about what the QEMU of a guest has open and is doing.

# qmp WHAT DOMID…: asks it by way of qmp.py; sets ANSWER. 1: it refuses, or does not answer. 3: no QEMU serves that guest.
qmp() {
  local status SCRATCH
  # nobody has to hear what it says wrong: what it does may be what lets the guest write again
  scratch error || SCRATCH=/dev/null
  ANSWER=$(python3 -I -S -B -c "$QMP" "$@" 2>"$SCRATCH" </dev/null 9>&-)
  status=$?
  case $status in
    0) [ ! -s "$SCRATCH" ] || journal note message "$(tail_of "$SCRATCH")" ;;
    1 | 3) says "$(tail_of "$SCRATCH")" ;;
    *) says "QEMU could not be asked ($status): $(tail_of "$SCRATCH")" && status=1 ;;
  esac
  return "$status"
}

# stored_of DOMID: sets STORED, the file in which libxl keeps the configuration of a running guest
stored_of() {
  local vm
  vm=$(xenstore-read "/local/domain/$1/vm" 2>/dev/null 9>&-)
  STORED=$ROOT/var/lib/xen/userdata-d.$1.${vm#/vm/}.libxl-json
}

goal_block_job() { # NAME JOB made|ready
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 2 ;; *) return 2 ;; esac
  qmp job "$DOMID" 20 "$2"
  case $? in 0) ;; 1) return 1 ;; *) return 2 ;; esac
  says "the job $2: $ANSWER"
  case $3:$ANSWER in
    *:'concluded '*) return 1 ;;
    made:* | ready:'ready '* | ready:'pending '*) return 0 ;;
  esac
  return 1
}

goal_on_volumes() { # NAME VDEV DEVICE…
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 2 ;; *) return 2 ;; esac
  stored_of "$DOMID"
  shift
  qmp on "$DOMID" 20 "$STORED" "$@"
  case $? in 0) ;; 1) return 1 ;; *) return 2 ;; esac
}

goal_let_go() { # NAME FILE
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 2 ;; esac
  [ -e "$2" ] || return 0
  qmp holds "$DOMID" 20 "$2"
  case $? in 0) ;; 3) return 0 ;; *) return 2 ;; esac
  says "the QEMU of $1 still has $2 open"
  [ "$ANSWER" = no ]
}
