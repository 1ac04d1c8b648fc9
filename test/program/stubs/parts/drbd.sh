# shellcheck shell=sh disable=SC2034,SC2154
# DRBD: a directory a resource. `meta` is the loop device over its metadata, a file that says how its disk is.

loop_of() { # DEVICE: let go of by DRBD
  loop=$STUB_STATE/loops/${1##*/}
  [ ! -e "$loop/autoclear" ] || rm -r "$loop" "$CONVERGE_ROOT/dev/${1##*/}"
}

meta_file() { # LOOP
  cat "$STUB_STATE/loops/${1##*/}/file"
}

by_minor() { # MINOR: sets res
  for res in "$STUB_STATE"/drbd/*; do
    [ "$(cat "$res/minor" 2>/dev/null)" = "$1" ] && return 0
  done
  echo "$1: no such minor" >&2
  exit 10
}

# peer_of RES: sets peer, the other end of its connection
peer_of() {
  peer=
  [ -e "$1/local" ] || return 1
  for peer in "$STUB_STATE"/drbd/*; do
    [ -e "$peer/local" ] && [ "$(cat "$peer/local")" = "$(cat "$1/remote")" ] && [ "$(cat "$peer/remote")" = "$(cat "$1/local")" ] && return 0
  done
  peer=
  return 1
}

disk_state() { # RES: sets state
  if [ -e "$1/disk" ]; then state=$(cat "$1/state"); else state=Diskless; fi
}

# lost RES: the guest's writes go nowhere, and wait if that was asked for
lost() {
  disk_state "$1"
  [ "$(cat "$1/role" 2>/dev/null)" = Primary ] && [ "$state" != UpToDate ] || return 0
  if peer_of "$1"; then
    disk_state "$peer"
    [ "$state" != UpToDate ] || return 0
  fi
  [ "$(cat "$1/nodata" 2>/dev/null)" = suspend-io ] || [ "$(cat "$STUB_STATE/drbd-health" 2>/dev/null)" = image ] ||
    echo "the guest's writes fail: ${1##*/} has no disk" >>"$STUB_STATE/violations"
  : >"$1/suspended"
}

drbd_write_proc() {
  echo 'version: 8.4.11 (api:1/proto:86-101)'
  for res in "$STUB_STATE"/drbd/*; do
    [ -e "$res/minor" ] || continue
    role=$(cat "$res/role" || echo Secondary)
    disk_state "$res"
    own=$state other=DUnknown there=Unknown connection=StandAlone flags=r oos=$(cat "$res/oos" || echo 0)
    [ ! -e "$res/local" ] || connection=WFConnection
    if peer_of "$res"; then
      disk_state "$peer"
      other=$state there=$(cat "$peer/role" || echo Secondary) connection=Connected
      case $own/$other in
        UpToDate/Inconsistent) connection=SyncSource ;;
        Inconsistent/UpToDate) connection=SyncTarget ;;
      esac
    fi
    [ ! -e "$res/suspended" ] || flags=s
    if [ -e "$res/paused" ]; then flags=$flags--u--; else flags=$flags-----; fi
    printf '%4d: cs:%s ro:%s/%s ds:%s/%s C %s\n    ns:0 nr:0 dw:0 dr:0 al:8 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:%s\n' \
      "$(cat "$res/minor")" "$connection" "$role" "$there" "$own" "$other" "$flags" "$oos"
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
    if [ -e "$res/local" ]; then
      printf '    net {\n    }\n    _remote_host {\n        address\t\t\tipv4 %s;\n    }\n' "$(cat "$res/remote")"
    fi
    echo '    _this_host {'
    [ ! -e "$res/local" ] || printf '        address\t\t\tipv4 %s;\n' "$(cat "$res/local")"
    if [ -e "$res/minor" ]; then
      printf '        volume 0 {\n            device\t\t\tminor %s;\n' "$(cat "$res/minor")"
      [ ! -e "$res/disk" ] || {
        printf '            disk\t\t\t"%s";\n            meta-disk\t\t\t"%s";\n' "$(cat "$res/disk")" "$(cat "$res/meta")"
        printf '            disk {\n                size            \t8192s; # bytes\n            }\n'
      }
      echo '        }'
    fi
    printf '    }\n}\n\n'
  done
}

# drbd_holder RES: sets holder, what sysfs says of it at its disk
drbd_holder() {
  number=$(device_number "$(cat "$1/disk")")
  holder=$CONVERGE_ROOT/sys/dev/block/$(printf '%d:%d' "0x${number%:*}" "0x${number#*:}")/holders/drbd$(cat "$1/minor")
}

drbd_detach() { # RES
  meta=$(cat "$1/meta")
  drbd_holder "$1"
  rm -r "$holder"
  rm -f "$1/disk" "$1/meta"
  loop_of "$meta"
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
  [ "$(cat "$peer/role" 2>/dev/null)" = Primary ] && [ "$state" != UpToDate ] && { echo 'State change was refused by peer node' >&2; return 0; }
  disk_state "$1"
  [ "$(cat "$1/role" 2>/dev/null)" = Primary ] && [ "$state" != UpToDate ] && disk_state "$peer" && [ "$state" = UpToDate ]
}

drbdsetup_() {
  mkdir -p "$STUB_STATE/drbd"
  case $1 in
    new-resource) mkdir -p "$STUB_STATE/drbd/$2" ;;
    new-minor) # RESOURCE MINOR 0
      for res in "$STUB_STATE"/drbd/*; do
        [ "$(cat "$res/minor" 2>/dev/null)" != "$3" ] || [ "${res##*/}" = "$2" ] || exit 10
      done
      [ -d "$STUB_STATE/drbd/$2" ] || exit 10
      echo "$3" >"$STUB_STATE/drbd/$2/minor"
      printf '93:%x\n' "$3" >"$CONVERGE_ROOT/dev/drbd$3"
      mkdir -p "$CONVERGE_ROOT/sys/block/drbd$3/holders"
      ;;
    attach) # MINOR DISK META flexible …
      by_minor "$2"
      [ ! -e "$res/disk" ] || exit 10
      ! grep -qxF "$3" "$STUB_STATE"/drbd/*/disk 2>/dev/null || { echo 'Can not open backing device.' >&2; exit 10; }
      if [ -e "$STUB_STATE/drbd-refuses" ] && [ "$(cat "$res/role" 2>/dev/null)" = Primary ]; then exit 10; fi
      held=$(cat "$(meta_file "$4")")
      case $held in
        Inconsistent) [ "$(cat "$res/role" 2>/dev/null)" != Primary ] || { echo 'Can only attach to the data we lost last' >&2; exit 10; } ;;
        UpToDate) ;;
        *) echo 'No valid meta-data signature found.' >&2; exit 10 ;;
      esac
      echo "$3" >"$res/disk"
      echo "$4" >"$res/meta"
      drbd_holder "$res"
      mkdir -p "$holder"
      printf '147:%s\n' "$2" >"$holder/dev"
      echo "$held" >"$res/state"
      rm -f "$res/suspended"
      ;;
    primary)
      by_minor "$2"
      echo Primary >"$res/role"
      echo UpToDate >"$res/state"
      echo UpToDate >"$(meta_file "$(cat "$res/meta")")"
      ;;
    disk-options) by_minor "$2" ;;
    resource-options)
      [ -d "$STUB_STATE/drbd/$2" ] || exit 10
      echo "${3#*=}" >"$STUB_STATE/drbd/$2/nodata"
      ;;
    connect) # RESOURCE LOCAL REMOTE --protocol=C
      ! grep -qxF "$3" "$STUB_STATE"/drbd/*/local 2>/dev/null || { echo 'Local address(port) already in use.' >&2; exit 10; }
      echo "$3" >"$STUB_STATE/drbd/$2/local"
      echo "$4" >"$STUB_STATE/drbd/$2/remote"
      if peer_of "$STUB_STATE/drbd/$2"; then
        disk_state "$STUB_STATE/drbd/$2"
        # what waited for data that nobody had
        [ "$state" != UpToDate ] || rm -f "$peer/suspended"
        case $state in Inconsistent) echo 4096 >"$STUB_STATE/drbd/$2/oos" && echo 4096 >"$peer/oos" ;; esac
        if [ -e "$STUB_STATE/drbd-deaf" ]; then rm "$STUB_STATE/drbd/$2/local" "$STUB_STATE/drbd/$2/remote"; fi
      fi
      ;;
    disconnect) # LOCAL REMOTE [--force]
      for res in "$STUB_STATE"/drbd/*; do
        [ "$(cat "$res/local" 2>/dev/null)" = "$2" ] && break
        res=
      done
      [ -n "$res" ] || { echo 'unknown connection' >&2; exit 10; }
      [ "${4:-}" = --force ] || ! refused "$res" || exit 17
      drbd_cut "$res"
      ;;
    detach)
      by_minor "$2"
      disk_state "$res"
      if [ "$(cat "$res/role")" = Primary ]; then
        peer_of "$res" || exit 17
        disk_state "$peer"
        [ "$state" = UpToDate ] || exit 17
      fi
      [ ! -e "$res/disk" ] || drbd_detach "$res"
      ;;
    pause-sync) by_minor "$2"; [ ! -e "$res/paused" ] || exit 10; : >"$res/paused" ;;
    resume-sync) by_minor "$2"; [ -e "$res/paused" ] || exit 10; rm "$res/paused" ;;
    down)
      res=$STUB_STATE/drbd/$2
      [ -d "$res" ] || return 0
      if [ -e "$res/minor" ]; then
        ! grep -qxF "$(cat "$CONVERGE_ROOT/dev/drbd$(cat "$res/minor")")" "$STUB_STATE"/doms/*/vbd/*/physical-device 2>/dev/null || exit 11
      fi
      if [ "$(cat "$res/role" 2>/dev/null)" != Primary ] && refused "$res"; then exit 11; fi
      rm -f "$res/role"
      [ ! -e "$res/local" ] || drbd_cut "$res"
      [ ! -e "$res/disk" ] || drbd_detach "$res"
      [ ! -e "$res/minor" ] || rm -r "$CONVERGE_ROOT/dev/drbd$(cat "$res/minor")" "$CONVERGE_ROOT/sys/block/drbd$(cat "$res/minor")"
      rm -r "$res"
      ;;
    *) exit 20 ;;
  esac
  drbd_proc
}

drbdmeta_() { # --force MINOR v08 LOOP flex-external COMMAND
  case $6 in
    create-md) echo Inconsistent >"$(meta_file "$4")" ;;
    apply-al) [ -s "$(meta_file "$4")" ] ;;
  esac
}

# The kernel's copy goes on while somebody sleeps: a quarter further each time.
drbd_tick() {
  [ -e "$STUB_STATE/drbd" ] || return 0
  for res in "$STUB_STATE"/drbd/*.copy; do
    [ -e "$res/disk" ] && peer_of "$res" && [ ! -e "$res/paused" ] && [ "$(cat "$res/state")" = Inconsistent ] || continue
    case $(cat "$STUB_STATE/drbd-health" 2>/dev/null) in
      volume) drbd_detach "$res" && continue ;;
      image) [ ! -e "$peer/disk" ] || drbd_detach "$peer"; continue ;;
    esac
    source=$peer left=$(($(cat "$res/oos") - 1024))
    echo "$left" >"$res/oos"
    echo "$left" >"$source/oos"
    if [ "$left" -le 0 ]; then
      echo UpToDate >"$res/state"
      echo UpToDate >"$(meta_file "$(cat "$res/meta")")"
    fi
  done
  drbd_proc
}
