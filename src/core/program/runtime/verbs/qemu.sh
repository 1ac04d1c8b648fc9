# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Mirrors that QEMU makes of a disk that it serves: a block job copies it while the guest runs, and then the guest is on
# the copy.

# serving NAME: sets DOMID; fails where the guest is not there
serving() {
  domid_of "$1"
  case $? in
    0) return 0 ;;
    1) says "$1 is not there any more, and with it went the QEMU that served its disks" ;;
  esac
  return 1
}

verb_open_node() { # NAME JOB NODE COMMAND: whatever an earlier try has left is taken away first
  serving "$1" && qmp drop "$DOMID" 60 "$2" "$3" && qmp run "$DOMID" 60 "$4" || return 1
  begins "$2"
}

verb_qmp() { # NAME COMMAND
  serving "$1" && qmp run "$DOMID" 60 "$2" || return 1
}

verb_await_job() { # NAME JOB
  local status done_bytes total error base began next
  serving "$1" || return
  since_when "$2"
  began=$MIRROR_BEGAN base=$MIRROR_BASE next=$UPTIME
  while :; do
    qmp job "$DOMID" 60 "$2" || return 1
    read -r status done_bytes total error <<LINE
$ANSWER
LINE
    [ -n "$base" ] || base=$done_bytes
    uptime_now
    if [ "$UPTIME" -ge "$next" ] || [ "$status" != running ]; then
      next=$((UPTIME + 100))
      [ "$total" -eq 0 ] || tell_mirrored "$began" "$base" "$done_bytes" "$total"
    fi
    case $status in
      ready | pending) break ;;
      concluded | aborting | null)
        says "QEMU gave the mirror up: ${error:-nobody knows why}; $1 runs on, on its image"
        return 1
        ;;
    esac
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  mirrored "$began" "$base" "$done_bytes"
}

verb_complete_job() { # NAME JOB
  serving "$1" && qmp complete "$DOMID" 60 "$2" || return 1
}

# is_pending JOB: of the guest that was paused here. QEMU keeps everything from the disk, and image and volume are equal.
is_pending() {
  held_here && qmp job "$HELD_DOMID" 60 "$1" || return 1
  case $ANSWER in 'pending '*) return 0 ;; esac
  says "the job $1 is not at rest: $ANSWER"
  return 1
}

# pivot NAME CONFIG [VDEV DEVICE JOB OLD BACKEND FORMAT EDITS]…: the draft of the config lies ready. One process does it all: from
# the moment in which the jobs hold back what the guest writes, every process that is started here would make the guest wait
# for longer. The mark that it leaves is what tells whether the commit was begun, and not how it ended.
verb_pivot() {
  local name config
  name=$1
  config=$(readlink -e -- "$2") || {
    says "$2 is not there"
    return 1
  }
  serving "$name" || return
  stored_of "$DOMID"
  draft_of_name "$config"
  shift 2
  qmp pivot "$DOMID" 120 "$DRAFT" "$config" "$STORED" "$HERE/committing" "$HERE/pivot" "$HERE/config.before" "$@" || return 1
  read_fact committing
  write_kept "$HERE/committed" "$CONTENT"
  journal_kept commit domain "$name"
  journal note message "$name waited $ANSWER ms for its disks while they were switched"
  # a guest that is paused waits for more than that, and it is counted when it runs on
  held_here || waited_for_disks "$name" "$ANSWER" $(($# / 7))
}

# waited_for_disks NAME MS DISKS: a downtime as a pause is, though a short one: rounded up, so that it is never none
waited_for_disks() {
  local centis
  case $2 in '' | *[!0-9]*) return 0 ;; esac
  centis=$((($2 + 9) / 10))
  HELD_CENTIS=$((HELD_CENTIS + centis))
  exchanged "$centis" "$3"
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$1" 'downtime#' "$SECONDS_TEXT"
}

# unpivot NAME CONFIG SHA_AFTER [VDEV DEVICE OLD BACKEND FORMAT]…: nothing where the commit was begun. A guest that was
# started on its volumes meanwhile has written there, and only there. So may one that is down have: where the config names
# the volumes they lacked nothing when it was renamed, and as long as the jobs held the guest's writes back.
verb_unpivot() {
  local name config after status
  name=$1 config=$2 after=$3
  shift 3
  draft_of "$config"
  ! committing || return 0
  domid_of "$name"
  status=$?
  if [ "$status" -eq 1 ] && ! [ -e "$HERE/on-image" ] && hash_of "$config" && [ "$HASH" = "$after" ]; then
    await_reboot "$name"
    status=$?
    if [ "$status" -eq 1 ]; then
      # whoever took it down may bring it up again; what Dom0's reboot took down is started
      rebooted || note_gone
      no_way_back "$name is down, and may have been on its volumes since, which lack nothing: it stays there, and so does $config"
      return
    fi
  fi
  case $status in
    0)
      if uses_any "$DOMID" "$@"; then
        no_way_back "$name was started on its volumes meanwhile, and stays there"
        return
      fi
      stored_of "$DOMID"
      [ ! -e "$STORED" ] || qmp restore "$STORED" "$@" || return 1
      ;;
    1) ;;
    *) return 1 ;;
  esac
  verb_restore_config "$config" "$after"
}

# uses_any DOMID [VDEV DEVICE OLD BACKEND FORMAT]…: blkback has one of the devices for it
uses_any() {
  local domid list type device
  domid=$1
  list=$(backends_of "$domid")
  shift
  while [ $# -ge 5 ]; do
    while read -r type device; do
      [ "$type" = vbd ] && [ "$(same_file "$(backend_value "$domid" vbd "$device" params)" "$2")" = same ] && return 0
    done <<LIST
$list
LIST
    shift 5
  done
  return 1
}

# drop_job NAME JOB NODE: the undo of a mirror. The guest is on its image alone; once the commit was begun, on its volume, unless
# QEMU says that the job has failed: both configs name that disk's image again then.
verb_drop_job() {
  local status
  domid_of "$1"
  case $? in
    0) ;;
    1)
      ! committing || names_what_stayed
      return
      ;;
    *) return 1 ;;
  esac
  if committing; then
    qmp settle "$DOMID" 60 "$2" "$3" "$HERE/pivot"
    status=$?
    [ "$status" -ne 0 ] || [ -z "$ANSWER" ] || journal note message "$ANSWER"
  else
    # from here on the image alone gets what it writes (see unpivot)
    mark_kept "$HERE/on-image"
    qmp drop "$DOMID" 60 "$2" "$3"
    status=$?
  fi
  # without QEMU there is no job
  case $status in 0 | 3) ;; *) return 1 ;; esac
}

# names_what_stayed: of a guest that is down, whose QEMU had said that a disk did not go over, and whose config could not be made to
# name its image then: its volume lacks what was written since
names_what_stayed() {
  [ -e "$HERE/pivot" ] || return 0
  qmp stayed "$HERE/pivot" || return 1
  [ -z "$ANSWER" ] || journal note message "$ANSWER"
}

verb_close_node() { # NAME COMMAND
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  qmp run "$DOMID" 60 "$2"
  case $? in 0 | 3) ;; *) return 1 ;; esac
}
