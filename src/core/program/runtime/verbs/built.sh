# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Guests that are built and have not run yet. One whose building was cut short stays paused, with no disks or with some, and
# nobody counts what was written to disks that QEMU serves: so a run notes what it builds, and takes that back.

# begin_built: before the command that builds the guest. For this boot only: nothing of it needs to be on disk.
begin_built() {
  printf '%s building\n' "$(boot_id)" >"$HERE/built"
}

# end_built STATUS: after it. One that ended by itself, with an error, has cleared away what it had begun: what is there then
# is somebody else's. One that was killed or given up has cleared nothing away.
end_built() {
  [ "$1" -eq 0 ] || [ "$1" -ge "$GIVEN_UP" ] || forget_built
}

# note_built DOMID: it is whole. The line before says the same of a domain that nobody knows yet, until this one is there.
note_built() {
  printf '%s %s\n' "$(boot_id)" "$1" >>"$HERE/built"
}

# forget_built: it runs, and is its owner's from here on
forget_built() {
  ! [ -e "$HERE/built" ] || printf '' >"$HERE/built"
}

# built_here DOMID: this run has built it, or was about to, and it has never run. Sets WHOLE, 1 where it was seen whole.
built_here() {
  local boot what line_boot line_what
  boot='' what='' WHOLE=0
  [ -s "$HERE/built" ] || return 1
  while read -r line_boot line_what; do boot=$line_boot what=$line_what; done <"$HERE/built"
  [ "$boot" = "$(boot_id)" ] || return 1
  case $what in
    building) ;;
    "$1") WHOLE=1 ;;
    *) return 1 ;;
  esac
  never_ran "$1"
}

# half_built DOMID: this run was about to build it when that was cut short
half_built() {
  built_here "$1" && [ "$WHOLE" -eq 0 ]
}

# never_ran DOMID: it is paused, no processor has had it, and none of its disks is connected, which takes a guest that runs. An HVM
# guest may write by its device model, which connects nothing: of it the processor's time alone says so.
never_ran() {
  local type device
  domid_state "$1" && [ "$RAN" = 0.0 ] || return 1
  case $STATE in *[scd]*) return 1 ;; *p*) ;; *) return 1 ;; esac
  while read -r type device; do
    [ -n "$device" ] || continue
    # initialising, waiting for the guest, initialised (xen/io/xenbus.h)
    case $(backend_value "$1" "$type" "$device" state) in 1 | 2 | 3) ;; *) return 1 ;; esac
  done <<LIST
$(backends_of "$1")
LIST
  ! in_vain
}

# written_nothing DOMID: blkback has counted no sector. No counter, or a disk that QEMU serves as well: nobody knows. Nor of an HVM
# guest: what it writes to its emulated disks, all of it where it has no drivers for Xen's, its device model writes past blkback.
written_nothing() {
  local counter count any
  any=0
  for counter in "$BACKENDS"/vbd-"$1"-*/statistics/wr_sect; do
    [ -r "$counter" ] || return 1
    read -r count <"$counter"
    [ "$count" = 0 ] || return 1
    any=1
  done
  [ "$any" -eq 1 ] || return 1
  case $(backends_of "$1") in *qdisk*) return 1 ;; esac
  # libxl's own word, from Xen 4.10 on. Where there is none it may be anything.
  case $(xenstore-read "/libxl/$1/type" 2>/dev/null 9>&-) in pv | pvh) ;; *) return 1 ;; esac
  ! in_vain
}

# has_not_run NAME: what was to let it run has not: it is paused, and has written nothing
has_not_run() {
  domain_state "$1" || return 1
  case $STATE in
    *[scd]*) return 1 ;;
    *p*) written_nothing "$DOMID" || never_ran "$DOMID" ;;
    *) return 1 ;;
  esac
}

# runs NAME: it is seen to. Neither this nor has_not_run: nobody knows.
runs() {
  domain_state "$1" || return 1
  case $STATE in *[pscd]*) return 1 ;; esac
}

# clear_half_built DOMID: nothing of it is lost, and nothing can be made of it
clear_half_built() {
  journal note message "$DOMAIN was not built to the end: its domain $1 is destroyed"
  run_command xl destroy -- "$1" || :
  await_gone "$1" 60 || return
  forget_built
}
