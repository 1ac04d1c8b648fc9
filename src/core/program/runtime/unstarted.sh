# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# A guest that could not be brought up after the commit: the run has ended, and still owes it that. What was written to its
# disks by then is noted: one that somebody has started since, and stopped again, is not started.

# why the guest is down that should be up; then its boot unit stays, and so does the file `unfinished`
UNSTARTED=
TARGETS=

# owe_start WHY: kept before the end is, so that whoever finds it later tries again
owe_start() {
  UNSTARTED="$DOMAIN does not run on its new disk: $1"
  ! [ -e "$HERE/unstarted" ] || return 0
  find_targets
  # shellcheck disable=SC2086 # pairs of words: names of devices
  note_targets $TARGETS
  write_kept "$HERE/unstarted" "$TARGETS"
}

# note_targets VDEV TARGET…: where it can not be seen what was written to them, nothing stands against a start
note_targets() {
  local disks
  disks=
  while [ $# -ge 2 ]; do
    disks="$disks $2"
    shift 2
  done
  # shellcheck disable=SC2086 # names of devices, one word each
  verb_note_disks $disks || rm -f "$HERE/noted"
}

# find_targets: sets TARGETS, what the guest is on once it is up, as the plan's last goal about that says: VDEV TARGET…
find_targets() {
  TARGETS=
  SURVEY=2
  plan
  SURVEY=0
}

# start_owed: tries again, unless somebody has seen to the guest meanwhile. Leaves UNSTARTED set where it is still owed.
start_owed() {
  UNSTARTED=
  [ -e "$HERE/unstarted" ] || return 0
  OUT=$HERE/out/forward.log
  out_opens
  read_fact unstarted
  # shellcheck disable=SC2086 # pairs of words: names of devices
  used_meanwhile $CONTENT
  case $? in
    0) journal note message "$DOMAIN has been on its new disk since, by somebody else: it is left as it is" ;;
    1)
      run_on_new_disk || {
        owe_start "$SAYS"
        return
      }
      [ -e "$HERE/committed" ] || write_kept "$HERE/committed" "$(date +%s)"
      journal note message "$DOMAIN runs on its new disk now"
      ;;
    *)
      owe_start "$SAYS"
      return
      ;;
  esac
  rm -f "$HERE/unstarted" && kept "$HERE"
}
