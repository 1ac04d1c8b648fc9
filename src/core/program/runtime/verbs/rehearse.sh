# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The rehearsal: a clone of the guest, under a name and a UUID of its own, that boots from snapshots of the copies and is
# thrown away. No verb here knows the guest's name: the guest itself can not be meant.

# guard_memory BYTES: what the hypervisor has free, without taking any of Dom0's, or of what another run's guest needs to come back.
# Whoever goes away after this look leaves free what was not counted in it.
verb_guard_memory() {
  while :; do
    await_others other_is_away && guard_free "$1" || return
    other_is_away || return 0
  done
}

guard_free() {
  local free
  free=$(xl info 2>/dev/null 9>&- | sed -n 's/^free_memory[[:space:]]*:[[:space:]]*//p')
  case $free in
    '' | *[!0-9]*)
      says 'xl info does not say how much memory is free'
      return 1
      ;;
  esac
  [ "$free" -ge $((($1 + 1048575) / 1048576)) ] || {
    says "the hypervisor has $free MiB free, and the clone takes $(mib "$1")"
    return 1
  }
}

# is_clone UUID: the domain DOMID is the clone, and not somebody's guest of that name
is_clone() {
  [ "$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)" = "/vm/$1" ]
}

verb_create_clone() { # NAME UUID -- COMMAND…
  # one that an earlier run left, if any
  verb_end_clone "$1" "$2" -- xl destroy -- "$1" || return
  shift 3
  create_scoped "$@"
}

# end_clone: whatever it is doing. Nothing that it wrote is worth anything.
verb_end_clone() { # NAME UUID -- COMMAND…
  local domid
  forget_saved "$1" "$2" || return
  domid_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  is_clone "$2" || {
    says "there is a guest $1, and it is not the clone: it is left alone"
    return 1
  }
  shift 3
  domid_state "$domid"
  case $?$STATE in
    0*d* | 1*) ;;
    # it may be going at this very moment: what counts is that it is gone
    0*) run_command "$@" || : ;;
    *) return 1 ;;
  esac
  await_gone "$domid" 60 || {
    says "the clone was destroyed and is still not gone: $SAYS"
    return 1
  }
}

# forget_saved NAME UUID: xendomains saves whatever runs when Dom0 is rebooted, and would bring it back
forget_saved() {
  # the guest's own may be in another directory
  local SAVED
  find_saved "$1" || return 0
  # the config that lies at its head has the UUID
  head -c 1048576 "$SAVED/$1" | grep -qF -e "$2" || return 0
  rm -f -- "$SAVED/$1" && kept "$SAVED"
}

# await_clone NAME UUID SECONDS STEADY TEXT VG/SNAPSHOT… -- COMMAND…
verb_await_clone() {
  local name uuid limit steady text snapshots status
  name=$1 uuid=$2 text=$5
  hundredths "$3"
  limit=$CENTIS
  hundredths "$4"
  steady=$CENTIS
  shift 5
  snapshots=
  while [ "$1" != -- ]; do
    snapshots="$snapshots $1"
    shift
  done
  shift
  domid_of "$name" && is_clone "$uuid" || {
    says "the clone $name is not there"
    return 1
  }
  CONSOLE=$HERE/out/rehearsal.console
  rm -f -- "$CONSOLE" "$CONSOLE.old" "$CONSOLE.part" "$CONSOLE.open"
  printf '' >"$CONSOLE" || return
  { read_console "$DOMID"; } </dev/null >/dev/null 2>&1 9>&- &
  CONSOLE_READER=$!
  # what it says first is not to be missed: one that dies at once takes its console along
  await_reader open
  run_command "$@" && clone_stays_up "$DOMID" "$limit" "$steady" "$text" "$snapshots"
  status=$?
  set -- "$SAYS"
  # the last words of one that has died are still to be read
  [ "$status" -eq 0 ] || await_reader end
  kill "$CONSOLE_READER" 2>/dev/null
  rm -f -- "$CONSOLE.open"
  if [ "$status" -ne 0 ]; then
    console_tail
    says "the clone did not come up: $1; the guest was not touched"
    return 1
  fi
}

# await_reader open|end: until it reads the console, or has come to its end; for a few seconds at most
await_reader() {
  local tries
  tries=50
  while [ "$tries" -gt 0 ] && kill -0 "$CONSOLE_READER" 2>/dev/null; do
    [ "$1" != open ] || [ ! -e "$CONSOLE.open" ] || return 0
    tries=$((tries - 1))
    sleep 0.1
  done
}

# clone_stays_up DOMID LIMIT STEADY TEXT SNAPSHOTS: times in hundredths
clone_stays_up() {
  local began up_at seen
  uptime_now
  began=$UPTIME up_at=''
  while :; do
    # seldom: it needs the processor for its start, and xl takes much of it
    sleep 1
    if stop_asked; then
      kill "$CONSOLE_READER" 2>/dev/null
      heed_stop 'in the rehearsal'
    fi
    seen=1
    domid_state "$1"
    case $?$STATE in
      0*c*) says 'it has crashed' && return 1 ;;
      0*[sd]*) says 'it went down, or rebooted, by itself' && return 1 ;;
      1*) says 'it crashed, or went down or rebooted by itself' && return 1 ;;
      0*) ;;
      # xl can not tell just now: it is asked again, for as long as there is time
      *) seen=0 LACKS=$SAYS ;;
    esac
    # shellcheck disable=SC2086 # names of volumes, one word each
    snapshots_hold $5 || return 1
    uptime_now
    if [ -n "$up_at" ]; then
      [ "$seen" -eq 0 ] || [ $((UPTIME - up_at)) -lt "$3" ] || break
      [ "$seen" -eq 1 ] || [ $((UPTIME - up_at)) -lt $(($3 + 6000)) ] || {
        says "nobody can say whether it is still up: $LACKS"
        return 1
      }
    elif clone_connected "$1" && clone_lives "$1" "$4"; then
      up_at=$UPTIME
    elif [ $((UPTIME - began)) -ge "$2" ]; then
      seconds "$2"
      says "not up within ${SECONDS_TEXT%.00} s: $LACKS"
      return 1
    fi
  done
  REHEARSED=$((UPTIME - began))
  seconds $((up_at - began))
  journal rehearsed domain "$DOMAIN" 'seconds#' "$SECONDS_TEXT" by "$LIVES"
}

# clone_connected DOMID: every disk of it that has something behind it
clone_connected() {
  local type device any
  any=0
  LACKS='it has no disks yet'
  while read -r type device; do
    [ -n "$device" ] && [ -n "$(backend_value "$1" "$type" "$device" params)" ] || continue
    any=1
    [ "$(backend_value "$1" "$type" "$device" state)" = 4 ] || {
      LACKS="its disk $(backend_value "$1" "$type" "$device" dev) is not connected"
      return 1
    }
  done <<LIST
$(backends_of "$1")
LIST
  [ "$any" -eq 1 ]
}

# clone_lives DOMID TEXT: TEXT has been on its console; or, empty, it has written to a disk. Sets LIVES
clone_lives() {
  local counter count
  if [ -n "$2" ]; then
    LIVES="'$2' on its console" LACKS="'$2' was not on its console"
    cat "$CONSOLE.old" "$CONSOLE" 2>/dev/null | grep -qF -e "$2"
    return
  fi
  LIVES='it wrote to its disk'
  LACKS='it has written to no disk (a text to look for on its console can be given instead: rehearse: { console: … })'
  for counter in "$BACKENDS"/vbd-"$1"-*/statistics/wr_sect; do
    [ -r "$counter" ] && read -r count <"$counter" || continue
    [ "$count" = 0 ] || return 0
  done
  return 1
}

snapshots_hold() { # VG/SNAPSHOT…
  local snapshot
  for snapshot in "$@"; do
    ask_volume "$snapshot" lv_attr,origin,data_percent,lv_tags || {
      says "$snapshot can not be looked at: $SAYS"
      return 1
    }
    snapshot_valid || {
      says "the clone wrote more than $snapshot has room for: give it more by snapshot.size"
      return 1
    }
  done
}

# ---- its console

# a file of it is put aside when it is longer: twice this much of the newest is kept, whatever a guest prints
readonly CONSOLE_BYTES=65536

# read_console DOMID: what its xenconsoled or QEMU has for it, to CONSOLE. Runs beside the program: a session's leader would
# get the terminal for its own, and be hung up with it.
read_console() {
  local tty tries
  tty='' tries=100
  while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    for tty in serial/0/tty console/tty; do
      tty=$(xenstore-read "/local/domain/$1/$tty" 2>/dev/null)
      [ -z "$tty" ] || break 2
    done
    sleep 0.1
  done
  case ${tty#"$ROOT"/dev/pts/} in '' | *[!0-9]*) return 0 ;; esac
  exec <"$tty"
  printf '' >"$CONSOLE.open"
  while dd bs=4096 count=1 2>/dev/null >"$CONSOLE.part" && [ -s "$CONSOLE.part" ]; do
    cat "$CONSOLE.part" >>"$CONSOLE"
    [ "$(wc -c <"$CONSOLE")" -lt "$CONSOLE_BYTES" ] || mv -f -- "$CONSOLE" "$CONSOLE.old"
  done
  rm -f -- "$CONSOLE.part"
}

# console_tail: its last lines, in TAIL, without what may be a secret; of a kernel that panicked those up to the reason, for
# registers and a call trace follow it
console_tail() {
  TAIL=$(cat "$CONSOLE.old" "$CONSOLE" 2>/dev/null | tr '\r' '\n' | tr -d '\000-\010\013-\037\177' | grep -v '^[[:space:]]*$' |
    awk '
      { line[NR] = substr($0, 1, 200) }
      /Kernel panic - not syncing/ && !panic { panic = NR }
      END { last = panic ? panic : NR; for (i = last > 8 ? last - 7 : 1; i <= last; i++) print line[i] }' |
    sed -e 's/\([Pp][Aa][Ss][Ss][A-Za-z_]*[^=:]\{0,20\}[=:]\).*/\1 REDACTED/' \
      -e 's/\([Ss][Ee][Cc][Rr][Ee][Tt][A-Za-z_]*[^=:]\{0,20\}[=:]\).*/\1 REDACTED/' \
      -e 's/\([Tt][Oo][Kk][Ee][Nn][A-Za-z_]*[^=:]\{0,20\}[=:]\).*/\1 REDACTED/')
}
