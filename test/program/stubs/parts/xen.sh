# shellcheck shell=sh disable=SC2034,SC2154
# What is done to guests. It takes the parts of all that a guest may have its disk on.

xl_create() { # STATE CONFIG [SUFFIX]
  # of a key that stands twice the last one counts
  name=$(sed -n "s/^name = //p" "$2" | tail -n 1 | tr -d '"')${3:-}
  if domid_named "$name" >/dev/null || [ -e "$STUB_STATE/dying" ]; then
    rm -f "$STUB_STATE/dying"
    echo "domain with name \"$name\" already exists" >&2
    exit 1
  fi
  id=$(($(cat "$STUB_STATE/next-domid") + 1))
  echo "$id" >"$STUB_STATE/next-domid"
  dom=$STUB_STATE/doms/$id
  mkdir -p "$dom"
  printf '%s' "$name" >"$dom/name"
  printf '%s' "$1" >"$dom/state"
  uuid=$(sed -n "s/^uuid = //p" "$2" | tail -n 1 | tr -d '"')
  printf '/vm/%s' "${uuid:-uuid-of-it}" >"$dom/vm"
  mkdir -p "$CONVERGE_ROOT/dev/pts" "$dom/console"
  cp "$STUB_STATE/clone-console" "$CONVERGE_ROOT/dev/pts/$id" 2>/dev/null || : >"$CONVERGE_ROOT/dev/pts/$id"
  printf '%s' "$CONVERGE_ROOT/dev/pts/$id" >"$dom/console/tty"
  id_of_disk=51712
  sed -n 's/^disk = //p' "$2" | while IFS='|' read -r vdev target; do
    [ -z "${3:-}" ] || [ ! -e "$STUB_STATE/wrong-disk" ] || target=$(cat "$STUB_STATE/wrong-disk")
    id_of_disk=$((id_of_disk + 1))
    vbd=$dom/vbd/$id_of_disk
    mkdir -p "$vbd"
    printf '%s' "$vdev" >"$vbd/dev"
    printf 4 >"$vbd/state"
    printf '%s' "$target" >"$vbd/params"
    case $target in
      "$CONVERGE_ROOT"/dev/*) printf '%s' "$target" >"$vbd/node" ;;
      *) losetup_ --find --show "$target" >"$vbd/node" ;;
    esac
    cat "$(cat "$vbd/node")" >"$vbd/physical-device"
    mkdir -p "$CONVERGE_ROOT/sys/bus/xen-backend/devices/vbd-$id-$id_of_disk/statistics"
    echo 0 >"$CONVERGE_ROOT/sys/bus/xen-backend/devices/vbd-$id-$id_of_disk/statistics/wr_sect"
    cp "$vbd/physical-device" "$CONVERGE_ROOT/sys/bus/xen-backend/devices/vbd-$id-$id_of_disk/physical_device"
  done
}

xl_gone() { # DOMID
  for vbd in "$STUB_STATE/doms/$1"/vbd/*; do
    node=$(cat "$vbd/node")
    case $node in */dev/loop*) rm -r "$STUB_STATE/loops/${node##*/}" "$node" ;; esac
  done
  rm -r "$STUB_STATE/doms/$1" "$CONVERGE_ROOT"/sys/bus/xen-backend/devices/vbd-"$1"-*
  rm -f "$CONVERGE_ROOT/var/lib/xen/userdata-d.$1."*
  for array in $(cat "$STUB_STATE/watchmen" 2>/dev/null); do
    case $array in
      drbd/*) [ ! -e "$CONVERGE_ROOT/dev/$array" ] || { (drbdsetup_ down "${array#drbd/}") && rm "$CONVERGE_ROOT/dev/$array"; } || : ;;
      *) [ ! -e "$CONVERGE_ROOT/dev/$array" ] || (mdadm_ --stop "/dev/$array") || : ;;
    esac
  done
  for dm in "$STUB_STATE"/dm/*; do
    if [ -e "$dm/deferred" ] && [ "$(dm_users "${dm##*/}")" = 0 ]; then dm_remove "${dm##*/}"; fi
  done
  return 0
}

# A guest's memory is worth something until the guest has run on: whoever restores it after that breaks its disk.
xl_spend() { # DOMID
  [ ! -e "$STUB_STATE/doms/$1/memory" ] || cat "$STUB_STATE/doms/$1/memory" >>"$STUB_STATE/spent"
}

xl_restore() { # STATE CONFIG FILE
  [ -s "$3" ] || exit 1
  if grep -qxF "$(cat "$3")" "$STUB_STATE/spent" 2>/dev/null; then echo "restored twice" >>"$STUB_STATE/violations"; fi
  xl_create "$1" "$2"
  cat "$3" >"$dom/memory"
  case $1 in *p*) ;; *) xl_spend "${dom##*/}" ;; esac
}

# As xl_migrate.c does it, sender and receiver in one. `migrate-dies` is the stage after which both are dead, leaving
# everything as it is; `migrate-fails`, a receiver that can not attach the disks.
xl_migrate() { # CONFIG NAME
  old=$(domid_named "$2") || exit 1
  migrate_stage 1
  xl_create --p--- "$1" --incoming
  new=${dom##*/}
  # disks come when all of the memory has
  mv "$dom/vbd" "$STUB_STATE/vbd-later" && mkdir "$dom/vbd"
  migrate_stage 2
  printf '%s' ---s-- >"$STUB_STATE/doms/$old/state"
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
  xl_gone "$old"
}

migrate_stage() {
  [ "$(cat "$STUB_STATE/migrate-dies")" != "$1" ] || exit 137
}

# A clone that boots writes to its disks, or does what a test says: `silent`, `crashes`, `fills` its snapshot, `unconnected`.
clone_runs() { # DOMID
  case $(cat "$STUB_STATE/clone") in
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

xl_change() {
  case $1 in
    create)
      if [ -e "$STUB_STATE/start-by-hand" ]; then
        # somebody was faster
        rm "$STUB_STATE/start-by-hand"
        last_of "$@"; xl_create -b---- "$LAST"
        echo "stub: already there" >&2
        exit 5
      fi
      if [ "$2" = -p ]; then xl_create --p--- "$3"; else xl_create -b---- "$2"; fi ;;
    unpause)
      shift
      last_of "$@"; id=$LAST
      [ -d "$STUB_STATE/doms/$id" ] || id=$(domid_named "$id")
      printf '%s' -b---- >"$STUB_STATE/doms/$id/state"
      xl_spend "$id"
      case $(cat "$STUB_STATE/doms/$id/name") in converge-rehearsal-*) clone_runs "$id" ;; esac
      ;;
    pause)
      last_of "$@"; id=$LAST
      [ -d "$STUB_STATE/doms/$id" ] || id=$(domid_named "$id")
      printf '%s' --p--- >"$STUB_STATE/doms/$id/state"
      ;;
    save)
      id=$(domid_named "$2") || exit 1
      echo "memory of $id" >"$3"
      xl_gone "$id"
      ;;
    restore) if [ "$2" = -p ]; then xl_restore --p--- "$3" "$4"; else xl_restore -b---- "$2" "$3"; fi ;;
    migrate) # -C CONFIG -s '' NAME RUNE
      [ "$2 $4 $5 $7" = "-C -s  exec xl migrate-receive -p" ] || exit 2
      xl_migrate "$3" "$6"
      ;;
    rename) printf '%s' "$3" >"$STUB_STATE/doms/$2/name" ;;
    config-update)
      id=$(domid_named "$2") || exit 1
      cp "$3" "$CONVERGE_ROOT/var/lib/xen/userdata-d.$id.uuid-of-it.xl"
      # between the last look at a mirror and its commit
      for res in "$STUB_STATE"/drbd/*; do
        case $(cat "$STUB_STATE/drbd-fails-late" 2>/dev/null)$res in
          volume*.copy) drbd_detach "$res" && drbd_proc ;;
          image*.copy) ;;
          image*) drbd_detach "$res" && drbd_proc ;;
        esac
      done
      for member in "$CONVERGE_ROOT"/sys/block/md*/md/dev-*; do
        [ -e "$member" ] || continue
        case $(cat "$STUB_STATE/md-fails-late" 2>/dev/null)${member##*/} in
          imagedev-7_* | volumedev-[!7]*) echo faulty,write_error >"$member/state" && echo none >"$member/slot" ;;
        esac
      done
      ;;
    destroy)
      shift
      last_of "$@"; id=$LAST
      [ -d "$STUB_STATE/doms/$id" ] || id=$(domid_named "$id")
      xl_gone "$id"
      ;;
    shutdown)
      shift
      last_of "$@"; id=$(domid_named "$LAST") || exit 1
      if [ -e "$STUB_STATE/preserved" ]; then
        # on_poweroff="preserve"
        printf '%s' ---s-- >"$STUB_STATE/doms/$id/state"
      elif [ ! -e "$STUB_STATE/stubborn" ]; then
        xl_gone "$id"
      fi
      ;;
  esac
}
