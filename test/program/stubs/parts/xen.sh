# shellcheck shell=sh disable=SC2034,SC2154
# What is done to guests. What one has its disk on is another part's: it is read where there is such a disk.

xl_create() { # STATE CONFIG [SUFFIX]
  read_config "$2"
  name=$name${3:-}
  if domid_named "$name" || [ -e "$STUB_STATE/dying" ]; then
    rm -f "$STUB_STATE/dying"
    echo "domain with name \"$name\" already exists" >&2
    exit 1
  fi
  value "$STUB_STATE/next-domid"
  id=$((VALUE + 1))
  echo "$id" >"$STUB_STATE/next-domid"
  dom=$STUB_STATE/doms/$id
  make_folders
  printf '%s' "$name" >"$dom/name"
  printf '%s' "$1" >"$dom/state"
  # what was never let run has had no processor, and has connected nothing
  case $1 in *p*) connected=2 ;; *) connected=4; : >"$dom/ran"; xl_alone ;; esac
  printf '/vm/%s' "${uuid:-uuid-of-it}" >"$dom/vm"
  build_torn
  if [ -e "$STUB_STATE/clone-console" ]; then
    cp "$STUB_STATE/clone-console" "$CONVERGE_ROOT/dev/pts/$id"
  else
    : >"$CONVERGE_ROOT/dev/pts/$id"
  fi
  printf '%s' "$CONVERGE_ROOT/dev/pts/$id" >"$dom/console/tty"
  id_of_disk=51712
  while IFS='|' read -r vdev target; do
    [ -n "$vdev" ] || continue
    [ -z "${3:-}" ] || ! value "$STUB_STATE/wrong-disk" || target=$VALUE
    id_of_disk=$((id_of_disk + 1))
    vbd=$dom/vbd/$id_of_disk
    printf '%s' "$vdev" >"$vbd/dev"
    printf '%s' "$connected" >"$vbd/state"
    printf '%s' "$target" >"$vbd/params"
    case $target in
      "$CONVERGE_ROOT"/dev/*) printf '%s' "$target" >"$vbd/node" ;;
      *) part loops; losetup_ --find --show "$target" >"$vbd/node" ;;
    esac
    value "$vbd/node"
    cat "$VALUE" >"$vbd/physical-device"
    backend_of_disk
    # QEMU serves it: the kernel knows nothing of it
    [ ! -e "$STUB_STATE/qdisk" ] || continue
    echo 0 >"$BACKEND/statistics/wr_sect"
    cat "$vbd/physical-device" >"$BACKEND/physical_device"
  done <<DISKS
$disks
DISKS
}

# build_torn: xl gets no further than to a domain that is paused and has no disks yet. `NUMBER`: in how many tries from now on.
build_torn() {
  value "$STUB_STATE/build-torn" || return 0
  [ "$VALUE" -gt 1 ] && echo "$((VALUE - 1))" >"$STUB_STATE/build-torn" || rm "$STUB_STATE/build-torn"
  rm -rf "$dom/vbd" "$CONVERGE_ROOT/sys/bus/xen-backend/devices/vbd-$id"-*
  rm -f "$dom/ran"
  printf -- '--p---' >"$dom/state"
  if [ -e "$STUB_STATE/build-killed" ]; then
    rm "$STUB_STATE/build-killed"
    IN_SCOPE='' kill_program
    exit 137
  fi
  "$REAL_SLEEP" 600
}

let_run() { # DOMID
  : >"$STUB_STATE/doms/$1/ran"
  for vbd in "$STUB_STATE/doms/$1"/vbd/*; do [ ! -d "$vbd" ] || printf 4 >"$vbd/state"; done
}

# read_config CONFIG: sets name and uuid, without their quotes, and disks, a line each. Of a key that stands twice the last
# one counts.
read_config() {
  name='' uuid='' disks=''
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      'name = '*) unquoted "${line#name = }"; name=$TEXT ;;
      'uuid = '*) unquoted "${line#uuid = }"; uuid=$TEXT ;;
      'disk = '*) disks="$disks${line#disk = }
" ;;
    esac
  done <"$1"
}

unquoted() { # TEXT: sets TEXT
  TEXT=$1
  while :; do
    case $TEXT in *\"*) TEXT=${TEXT%%\"*}${TEXT#*\"} ;; *) return ;; esac
  done
}

backend_of_disk() { # sets BACKEND, what sysfs has of it
  BACKEND=$CONVERGE_ROOT/sys/bus/xen-backend/devices/vbd-$id-$id_of_disk
}

# all that a guest's files are in, in one go
make_folders() {
  set -- "$CONVERGE_ROOT/dev/pts" "$dom/console"
  served=
  [ ! -e "$STUB_STATE/qdisk" ] || served=no
  id_of_disk=51712
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    id_of_disk=$((id_of_disk + 1))
    backend_of_disk
    set -- "$@" "$dom/vbd/$id_of_disk"
    [ -n "$served" ] || set -- "$@" "$BACKEND/statistics"
  done <<DISKS
$disks
DISKS
  mkdir -p "$@"
}

xl_gone() { # DOMID
  gone=$1
  set --
  for vbd in "$STUB_STATE/doms/$gone"/vbd/*; do
    value "$vbd/node" || :
    [ -z "${KEEPS_LOOPS:-}" ] || continue
    case $VALUE in */dev/loop*) set -- "$@" "$STUB_STATE/loops/${VALUE##*/}" "$VALUE" ;; esac
  done
  set -- "$@" "$STUB_STATE/doms/$gone"
  for file in "$CONVERGE_ROOT"/sys/bus/xen-backend/devices/vbd-"$gone"-* "$CONVERGE_ROOT/var/lib/xen/userdata-d.$gone."*; do
    [ ! -e "$file" ] || set -- "$@" "$file"
  done
  rm -r "$@"
  if [ -e "$STUB_STATE/watchmen" ]; then
    part md drbd loops
    while read -r array; do
      case $array in
        drbd/*) [ ! -e "$CONVERGE_ROOT/dev/$array" ] || { (drbdsetup_ down "${array#drbd/}") && rm "$CONVERGE_ROOT/dev/$array"; } || : ;;
        *) [ ! -e "$CONVERGE_ROOT/dev/$array" ] || (mdadm_ --stop "/dev/$array") || : ;;
      esac
    done <"$STUB_STATE/watchmen"
  fi
  for deferred in "$STUB_STATE"/dm/*/deferred; do
    [ -e "$deferred" ] || continue
    part dm
    dm=${deferred%/deferred}
    dm_users "${dm##*/}"
    [ "$USERS" != 0 ] || dm_remove "${dm##*/}"
  done
  return 0
}

# xl_leave DOMID: it is on its way out. Where a test says `lingers` it is all there still when xl comes back, dying, and goes bit by
# bit, as somebody looks: see linger.
xl_leave() {
  if [ ! -e "$STUB_STATE/lingers" ]; then xl_gone "$1"; return; fi
  : >"$STUB_STATE/lingering-loops"
  for vbd in "$STUB_STATE/doms/$1"/vbd/*; do
    value "$vbd/node" || :
    case $VALUE in */dev/loop*) printf '%s\n' "$VALUE" >>"$STUB_STATE/lingering-loops" ;; esac
  done
  printf '%s' ---s-d >"$STUB_STATE/doms/$1/state"
  for file in "$CONVERGE_ROOT"/sys/bus/xen-backend/devices/vbd-"$1"-*; do [ ! -e "$file" ] || rm -r "$file"; done
  echo "$1 0" >"$STUB_STATE/lingering"
}

# xl_alone: a guest runs from now on, and nobody else may still have its disks
xl_alone() {
  [ ! -e "$STUB_STATE/lingering" ] || violated "a guest is let run while the one before it is not all gone"
}

# A guest's memory is worth something until the guest has run on: whoever restores it after that breaks its disk.
xl_spend() { # DOMID
  [ ! -e "$STUB_STATE/doms/$1/memory" ] || cat "$STUB_STATE/doms/$1/memory" >>"$STUB_STATE/spent"
}

xl_restore() { # STATE CONFIG FILE
  [ -s "$3" ] || exit 1
  value "$3"
  ! is_among "$VALUE" "$STUB_STATE/spent" || violated "restored twice"
  xl_create "$1" "$2"
  cat "$3" >"$dom/memory"
  case $1 in *p*) ;; *) xl_spend "${dom##*/}" ;; esac
}

# As xl_migrate.c does it, sender and receiver in one. `migrate-dies` is the stage after which both are dead, leaving
# everything as it is; `migrate-hangs`, the one at which it comes to nothing more, and `migrate-waits`, for a while;
# `migrate-fails`, a receiver that can not attach the disks.
xl_migrate() { # CONFIG NAME
  domid_named "$2" || exit 1
  old=$DOMID
  migrate_stage 1
  xl_create --p--- "$1" --incoming
  new=${dom##*/}
  # disks come when all of the memory has
  mv "$dom/vbd" "$STUB_STATE/vbd-later" && mkdir "$dom/vbd"
  migrate_stage 2
  printf '%s' ---ss- >"$STUB_STATE/doms/$old/state"
  echo "memory of $old" >"$dom/memory"
  migrate_stage 3
  rmdir "$dom/vbd" && mv "$STUB_STATE/vbd-later" "$dom/vbd"
  migrate_stage 4
  if [ -e "$STUB_STATE/migrate-fails" ]; then # at attaching the disks
    xl_gone "$new"
    printf '%s' -b---- >"$STUB_STATE/doms/$old/state"
    echo 'migration target: Domain creation failed (code -3).' >&2
    exit 1
  fi
  printf '%s' "$2--migratedaway" >"$STUB_STATE/doms/$old/name"
  migrate_stage 5
  printf '%s' "$2" >"$STUB_STATE/doms/$new/name"
  migrate_stage 6
  xl_leave "$old"
}

migrate_stage() {
  ! value "$STUB_STATE/migrate-dies" || [ "$VALUE" != "$1" ] || exit 137
  echo "$1" >"$STUB_STATE/migrate-at"
  ! value "$STUB_STATE/migrate-hangs" || [ "$VALUE" != "$1" ] || "$REAL_SLEEP" 600
  ! value "$STUB_STATE/migrate-waits" || [ "$VALUE" != "$1" ] || "$REAL_SLEEP" 7
}

# A clone that boots writes to its disks, or does what a test says: `silent`, `crashes`, `fills` its snapshot, `unconnected`.
clone_runs() { # DOMID
  value "$STUB_STATE/clone" || :
  case $VALUE in
    silent) ;;
    crashes) xl_gone "$1" ;;
    fills)
      for lv in "$STUB_STATE"/lv/vg0/converge-rehearsal-*; do
        IFS='|' read -r size tags _ origin _ <"$lv"
        printf '%s|%s|swi-I-s---|%s|100.00\n' "$size" "$tags" "$origin" >"$lv"
      done
      ;;
    unconnected) for vbd in "$STUB_STATE/doms/$1"/vbd/*; do printf 2 >"$vbd/state"; done ;;
    *) for counter in "$CONVERGE_ROOT"/sys/bus/xen-backend/devices/vbd-"$1"-*/statistics/wr_sect; do echo 8 >"$counter"; done ;;
  esac
}

by_id_or_name() { # sets id, where that may be a name
  [ ! -d "$STUB_STATE/doms/$id" ] || return 0
  domid_named "$id" || exit 1
  id=$DOMID
}

xl_change() {
  command=$1
  shift
  case $command in
    create)
      xl_words f:FnqvdcepV "$@"
      # as main_create in xl_vmcontrol.c has it: a word with a `=` is a setting
      case $WORD_1 in *=*) WORD_1='' ;; esac
      WORD_1=${FILE_F:-$WORD_1}
      [ -n "$WORD_1" ] || { echo "stub: xl create without a file" >&2; exit 2; }
      ;;
    restore) xl_words FnqvdcepV "$@" ;;
    shutdown) xl_words awF "$@" ;;
    destroy) xl_words f "$@" ;;
    save) xl_words cp "$@" ;;
    migrate) xl_words FC:s:epD "$@" ;;
    pause | unpause | rename) xl_words '' "$@" ;;
  esac
  id=${WORD_1:-}
  case $command in
    create)
      if [ -e "$STUB_STATE/start-by-hand" ]; then
        # somebody was faster
        rm "$STUB_STATE/start-by-hand"
        xl_create -b---- "$WORD_1"
        echo "stub: already there" >&2
        exit 5
      fi
      case $GIVEN in *p*) xl_create --p--- "$WORD_1" ;; *) xl_create -b---- "$WORD_1" ;; esac
      ;;
    unpause)
      by_id_or_name
      xl_alone
      printf '%s' -b---- >"$STUB_STATE/doms/$id/state"
      let_run "$id"
      xl_spend "$id"
      value "$STUB_STATE/doms/$id/name" || :
      case $VALUE in converge-rehearsal-*) clone_runs "$id" ;; esac
      ;;
    pause)
      by_id_or_name
      printf '%s' --p--- >"$STUB_STATE/doms/$id/state"
      ;;
    save)
      domid_named "$WORD_1" || exit 1
      # it is suspended first, and gone at the end; whoever kills xl in between leaves it there
      if [ -e "$STUB_STATE/save-torn" ]; then
        value "$STUB_STATE/save-torn"
        rm "$STUB_STATE/save-torn"
        printf '%s' ---ss- >"$STUB_STATE/doms/$DOMID/state"
        echo half >"$WORD_2"
        case $VALUE in killed) kill_program ;; hangs) "$REAL_SLEEP" 600 ;; esac
      fi
      echo "memory of $DOMID" >"$WORD_2"
      xl_leave "$DOMID"
      ;;
    restore) case $GIVEN in *p*) xl_restore --p--- "$WORD_1" "$WORD_2" ;; *) xl_restore -b---- "$WORD_1" "$WORD_2" ;; esac ;;
    migrate) # -C CONFIG -s '' -- NAME RUNE
      [ "$GIVEN $WORD_2" = "Cs exec xl migrate-receive -p" ] || exit 2
      xl_migrate "$FILE_C" "$WORD_1"
      ;;
    rename) printf '%s' "$WORD_2" >"$STUB_STATE/doms/$WORD_1/name" ;;
    config-update)
      # its first word is the guest, whatever it begins with (main_config_update in tools/xl/xl_misc.c)
      domid_named "$1" || exit 1
      cp "$2" "$CONVERGE_ROOT/var/lib/xen/userdata-d.$DOMID.uuid-of-it.xl"
      # between the last look at a mirror and its commit
      for res in "$STUB_STATE"/drbd/*; do
        [ -d "$res" ] && value "$STUB_STATE/drbd-fails-late" || continue
        part drbd
        case $VALUE$res in
          volume*.copy) drbd_detach "$res" && drbd_proc ;;
          image*.copy) ;;
          image*) drbd_detach "$res" && drbd_proc ;;
        esac
      done
      for member in "$CONVERGE_ROOT"/sys/block/md*/md/dev-*; do
        [ -e "$member" ] && value "$STUB_STATE/md-fails-late" || continue
        case $VALUE${member##*/} in
          imagedev-7_* | volumedev-[!7]*) echo faulty,write_error >"$member/state" && echo none >"$member/slot" ;;
        esac
      done
      ;;
    destroy)
      by_id_or_name
      xl_leave "$id"
      ;;
    shutdown)
      case $GIVEN in
        *a*)
          violated 'all guests are shut down'
          for dom in "$STUB_STATE"/doms/*; do xl_gone "${dom##*/}"; done
          exit 0
          ;;
      esac
      domid_named "$WORD_1" || exit 1
      id=$DOMID
      # an HVM guest that runs no drivers of Xen's (xl_vmcontrol.c, shutdown_domain)
      if [ -e "$STUB_STATE/no-drivers" ]; then
        case $GIVEN in
          *F*) echo 'PV control interface not available: sending ACPI power button event.' >&2 ;;
          *)
            echo 'PV control interface not available: external graceful shutdown not possible.' >&2
            echo 'Use "-F" to fallback to ACPI power event.' >&2
            exit 1
            ;;
        esac
      fi
      if [ -e "$STUB_STATE/preserved" ]; then
        # on_poweroff="preserve"
        printf '%s' ---s-- >"$STUB_STATE/doms/$id/state"
      elif [ ! -e "$STUB_STATE/stubborn" ]; then
        xl_leave "$id"
      fi
      ;;
  esac
}
