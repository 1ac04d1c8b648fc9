# shellcheck shell=sh disable=SC2034,SC2154
# DRBD: a directory a resource. `meta` is the loop device over its metadata, a file that says how its disk is.

meta_file() { # LOOP: sets META
  value "$STUB_STATE/loops/${1##*/}/file"
  META=$VALUE
}

note_meta() { # RES STATE: its own metadata say so too
  value "$1/meta" || :
  meta_file "$VALUE"
  echo "$2" >"$META"
}

says_of() { # RES FILE WORD: what is known of it is that word
  value "$1/$2" && [ "$VALUE" = "$3" ]
}

by_minor() { # MINOR: sets res
  for res in "$STUB_STATE"/drbd/*; do
    ! says_of "$res" minor "$1" || return 0
  done
  echo "$1: no such minor" >&2
  exit 10
}

# peer_of RES: sets peer, the other end of its connection
peer_of() {
  peer=
  value "$1/local" || return 1
  local_end=$VALUE
  value "$1/remote"
  remote_end=$VALUE
  for peer in "$STUB_STATE"/drbd/*; do
    ! says_of "$peer" local "$remote_end" || ! says_of "$peer" remote "$local_end" || return 0
  done
  peer=
  return 1
}

disk_state() { # RES: sets state
  state=Diskless
  if [ -e "$1/disk" ]; then
    value "$1/state"
    state=$VALUE
  fi
}

# is_written RES: a guest has it as its disk, and runs
is_written() {
  value "$1/minor" && value "$CONVERGE_ROOT/dev/drbd$VALUE" || return 1
  number=$VALUE
  for dom in "$STUB_STATE"/doms/*; do
    is_among "$number" "$dom"/vbd/*/physical-device && value "$dom/state" || continue
    case $VALUE in *[pscd]*) ;; *) return 0 ;; esac
  done
  return 1
}

# lost RES: the guest's writes go nowhere, and wait if that was asked for; those that are under way fail all the same
lost() {
  disk_state "$1"
  [ "$state" != UpToDate ] && says_of "$1" role Primary || return 0
  if peer_of "$1"; then
    disk_state "$peer"
    [ "$state" != UpToDate ] || return 0
  fi
  says_of "$STUB_STATE" drbd-health image || {
    says_of "$1" nodata suspend-io || violated "the guest's writes fail: ${1##*/} has no disk"
    ! is_written "$1" || violated "what the guest writes at this moment fails: ${1##*/} has no disk"
  }
  : >"$1/suspended"
}

drbd_write_proc() {
  echo 'version: 8.4.11 (api:1/proto:86-101)'
  for res in "$STUB_STATE"/drbd/*; do
    value "$res/minor" || continue
    minor=$VALUE
    value "$res/role" Secondary || :
    role=$VALUE
    value "$res/oos" 0 || :
    oos=$VALUE
    value "$STUB_STATE/drbd-wrote" 0 || :
    wrote=$VALUE
    disk_state "$res"
    own=$state other=DUnknown there=Unknown connection=StandAlone flags=r
    [ ! -e "$res/local" ] || connection=WFConnection
    if peer_of "$res"; then
      disk_state "$peer"
      value "$peer/role" Secondary || :
      other=$state there=$VALUE connection=Connected
      case $own/$other in
        UpToDate/Inconsistent) connection=SyncSource ;;
        Inconsistent/UpToDate) connection=SyncTarget ;;
      esac
    fi
    [ ! -e "$res/suspended" ] || flags=s
    if [ -e "$res/paused" ]; then flags=$flags--u--; else flags=$flags-----; fi
    printf '%4d: cs:%s ro:%s/%s ds:%s/%s C %s\n    ns:0 nr:0 dw:%s dr:0 al:8 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:%s\n' \
      "$minor" "$connection" "$role" "$there" "$own" "$other" "$flags" "$wrote" "$oos"
  done
}

drbd_proc() {
  drbd_write_proc >"$CONVERGE_ROOT/proc/drbd.new"
  mv "$CONVERGE_ROOT/proc/drbd.new" "$CONVERGE_ROOT/proc/drbd"
}

drbd_show() {
  for res in "$STUB_STATE"/drbd/*; do
    [ -d "$res" ] || continue
    printf 'resource %s {\n    options {\n    }\n' "${res##*/}"
    if value "$res/remote"; then
      printf '    net {\n    }\n    _remote_host {\n        address\t\t\tipv4 %s;\n    }\n' "$VALUE"
    fi
    echo '    _this_host {'
    ! value "$res/local" || printf '        address\t\t\tipv4 %s;\n' "$VALUE"
    if value "$res/minor"; then
      printf '        volume 0 {\n            device\t\t\tminor %s;\n' "$VALUE"
      if value "$res/disk"; then
        printf '            disk\t\t\t"%s";\n' "$VALUE"
        value "$res/meta"
        printf '            meta-disk\t\t\t"%s";\n            disk {\n                size            \t8192s; # bytes\n            }\n' "$VALUE"
      fi
      echo '        }'
    fi
    printf '    }\n}\n\n'
  done
}

# drbd_holder RES: sets holder, what sysfs says of it at its disk
drbd_holder() {
  value "$1/disk"
  device_number "$VALUE"
  in_decimal "$NUMBER"
  value "$1/minor"
  holder=$CONVERGE_ROOT/sys/dev/block/$DECIMAL/holders/drbd$VALUE
}

drbd_detach() { # RES
  drbd_holder "$1"
  rm -r "$holder" "$1/disk" "$1/meta"
  part loops
  clear_loops
  lost "$1"
}

drbd_cut() { # RES: its connection, as it knows it itself
  peer_of "$1"
  rm -f "$1/local" "$1/remote"
  lost "$1"
  [ -z "$peer" ] || lost "$peer"
}

# refused RES: its peer would lose its data
refused() {
  peer_of "$1" || return 1
  disk_state "$peer"
  [ "$state" != UpToDate ] && says_of "$peer" role Primary && { echo 'State change was refused by peer node' >&2; return 0; }
  disk_state "$1"
  [ "$state" != UpToDate ] && says_of "$1" role Primary && disk_state "$peer" && [ "$state" = UpToDate ]
}

# drbd_takes_discards RES: decide_on_discard_support in drivers/block/drbd/drbd_nl.c
drbd_takes_discards() {
  value "$1/minor"
  echo 134217728 >"$CONVERGE_ROOT/sys/block/drbd$VALUE/queue/discard_max_bytes"
}

# drbd_discards RES: the guest that has it may discard, and that makes holes in its image
drbd_discards() {
  value "$1/minor"
  ! value "$CONVERGE_ROOT/sys/block/drbd$VALUE/queue/discard_max_bytes" || [ "$VALUE" = 0 ] ||
    violated "what the guest discards makes holes in its image: ${1##*/}"
}

drbdsetup_() {
  [ -d "$STUB_STATE/drbd" ] || mkdir "$STUB_STATE/drbd"
  case $1 in
    new-resource) [ -d "$STUB_STATE/drbd/$2" ] || mkdir "$STUB_STATE/drbd/$2" ;;
    new-minor) # RESOURCE MINOR 0
      for res in "$STUB_STATE"/drbd/*; do
        ! says_of "$res" minor "$3" || [ "${res##*/}" = "$2" ] || exit 10
      done
      [ -d "$STUB_STATE/drbd/$2" ] || exit 10
      echo "$3" >"$STUB_STATE/drbd/$2/minor"
      printf '93:%x\n' "$3" >"$CONVERGE_ROOT/dev/drbd$3"
      mkdir -p "$CONVERGE_ROOT/sys/block/drbd$3/holders" "$CONVERGE_ROOT/sys/block/drbd$3/queue"
      # the kernel's word on what the disks below can take, at each attach and each time two ends meet
      echo 0 >"$CONVERGE_ROOT/sys/block/drbd$3/queue/discard_max_bytes"
      ;;
    attach) # MINOR DISK META flexible …
      by_minor "$2"
      [ ! -e "$res/disk" ] || exit 10
      ! is_among "$3" "$STUB_STATE"/drbd/*/disk || { echo 'Can not open backing device.' >&2; exit 10; }
      if [ -e "$STUB_STATE/drbd-refuses" ] && says_of "$res" role Primary; then exit 10; fi
      meta_file "$4"
      value "$META" || :
      held=$VALUE
      case $held in
        Inconsistent) ! says_of "$res" role Primary || { echo 'Can only attach to the data we lost last' >&2; exit 10; } ;;
        UpToDate) ;;
        *) echo 'No valid meta-data signature found.' >&2; exit 10 ;;
      esac
      echo "$3" >"$res/disk"
      echo "$4" >"$res/meta"
      drbd_holder "$res"
      mkdir -p "$holder"
      printf '147:%s\n' "$2" >"$holder/dev"
      echo "$held" >"$res/state"
      drbd_takes_discards "$res"
      [ ! -e "$res/suspended" ] || rm "$res/suspended"
      ;;
    primary)
      by_minor "$2"
      drbd_discards "$res"
      echo Primary >"$res/role"
      echo UpToDate >"$res/state"
      note_meta "$res" UpToDate
      ;;
    disk-options) by_minor "$2" ;;
    resource-options)
      [ -d "$STUB_STATE/drbd/$2" ] || exit 10
      echo "${3#*=}" >"$STUB_STATE/drbd/$2/nodata"
      ;;
    connect) # RESOURCE LOCAL REMOTE --protocol=C
      ! is_among "$3" "$STUB_STATE"/drbd/*/local || { echo 'Local address(port) already in use.' >&2; exit 10; }
      echo "$3" >"$STUB_STATE/drbd/$2/local"
      echo "$4" >"$STUB_STATE/drbd/$2/remote"
      if peer_of "$STUB_STATE/drbd/$2"; then
        drbd_takes_discards "$STUB_STATE/drbd/$2"
        drbd_takes_discards "$peer"
        disk_state "$STUB_STATE/drbd/$2"
        # what waited for data that nobody had
        [ "$state" != UpToDate ] || rm -f "$peer/suspended"
        case $state in Inconsistent) echo 4096 >"$STUB_STATE/drbd/$2/oos" && echo 4096 >"$peer/oos" ;; esac
        if [ -e "$STUB_STATE/drbd-deaf" ]; then rm "$STUB_STATE/drbd/$2/local" "$STUB_STATE/drbd/$2/remote"; fi
      fi
      ;;
    disconnect) # LOCAL REMOTE [--force]
      for res in "$STUB_STATE"/drbd/*; do
        ! says_of "$res" local "$2" || break
        res=
      done
      [ -n "$res" ] || { echo 'unknown connection' >&2; exit 10; }
      [ "${4:-}" = --force ] || ! refused "$res" || exit 17
      drbd_cut "$res"
      ;;
    detach)
      by_minor "$2"
      if says_of "$res" role Primary; then
        peer_of "$res" || exit 17
        disk_state "$peer"
        [ "$state" = UpToDate ] || exit 17
      fi
      [ ! -e "$res/disk" ] || drbd_detach "$res"
      ;;
    pause-sync)
      by_minor "$2"
      [ ! -e "$res/paused" ] || exit 10
      : >"$res/paused"
      # by now both ends have met
      ! peer_of "$res" || drbd_discards "$peer"
      ;;
    resume-sync) by_minor "$2"; [ -e "$res/paused" ] || exit 10; rm "$res/paused" ;;
    down) drbd_down "$STUB_STATE/drbd/$2" ;;
    *) exit 20 ;;
  esac
  drbd_proc
}

drbd_down() { # RES
  [ -d "$1" ] || return 0
  if value "$1/minor"; then
    minor=$VALUE
    value "$CONVERGE_ROOT/dev/drbd$minor" || :
    ! is_among "$VALUE" "$STUB_STATE"/doms/*/vbd/*/physical-device || exit 11
  fi
  if ! says_of "$1" role Primary && refused "$1"; then exit 11; fi
  rm -f "$1/role"
  [ ! -e "$1/local" ] || drbd_cut "$1"
  [ ! -e "$1/disk" ] || drbd_detach "$1"
  if [ -e "$1/minor" ]; then
    rm -r "$CONVERGE_ROOT/dev/drbd$minor" "$CONVERGE_ROOT/sys/block/drbd$minor" "$1"
  else
    rm -r "$1"
  fi
}

drbdmeta_() { # --force MINOR v08 LOOP flex-external COMMAND
  meta_file "$4"
  case $6 in
    create-md) echo Inconsistent >"$META" ;;
    apply-al) [ -s "$META" ] ;;
  esac
}

# The kernel's copy goes on while somebody sleeps: a quarter further each time.
drbd_tick() {
  [ -e "$STUB_STATE/drbd" ] || return 0
  for res in "$STUB_STATE"/drbd/*.copy; do
    [ -e "$res/disk" ] && says_of "$res" state Inconsistent && [ ! -e "$res/paused" ] && peer_of "$res" || continue
    value "$STUB_STATE/drbd-health" || :
    case $VALUE in
      volume) drbd_detach "$res" && continue ;;
      image) [ ! -e "$peer/disk" ] || drbd_detach "$peer"; continue ;;
    esac
    source=$peer quarters=4
    if value "$STUB_STATE/slow-mirror"; then quarters=${VALUE:-0}; fi
    value "$res/oos"
    [ "$VALUE" -gt $((4096 - quarters * 1024)) ] || continue
    left=$((VALUE - 1024))
    echo "$left" >"$res/oos"
    echo "$left" >"$source/oos"
    if [ "$left" -le 0 ]; then
      echo UpToDate >"$res/state"
      note_meta "$res" UpToDate
    fi
  done
  drbd_proc
}
