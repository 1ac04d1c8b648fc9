# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Guards: what the plan was made from is still so. Each says what differs.

differs() { # WHAT WAS IS
  [ "$2" = "$3" ] || {
    says "$1 has changed since the plan was made: was $2, is $3"
    return 1
  }
}

verb_guard_boot() { # BOOT_ID
  differs 'the boot of Dom0' "$1" "$(boot_id)"
}

verb_guard_domain() { # NAME DOMID UUID
  local vm
  domid_of "$1"
  case $? in
    0) ;;
    1) DOMID=- ;;
    *) return 1 ;;
  esac
  differs "the domain id of $1" "$2" "$DOMID" || return
  if [ "$DOMID" = - ]; then
    # started since, and saved again: restored later, it would go on on disks that it has left
    ! find_saved "$1" || {
      says "xendomains has saved $1 since the plan was made ($SAVED/$1): restore it first"
      return 1
    }
    return 0
  fi
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  differs "the uuid of $1" "$3" "${vm#/vm/}"
}

# device_number DECIMAL: as stat's %d prints it, to `major:minor`
device_number() {
  DEVNO=$((($1 >> 8 & 0xfff) | ($1 >> 32 & ~0xfff))):$((($1 & 0xff) | ($1 >> 12 & ~0xff)))
}

verb_guard_image() { # PATH INODE BYTES MAJOR:MINOR
  local inode bytes device
  read -r inode bytes device <<LINE
$(stat -L -c '%i %s %d' -- "$1" 2>/dev/null)
LINE
  [ -n "${device:-}" ] || {
    says "$1 is not there any more"
    return 1
  }
  device_number "$device"
  differs "the inode of $1" "$2" "$inode" || return
  differs "the file system of $1" "$4" "$DEVNO" || return
  [ "$3" = - ] || differs "the size of $1" "$3" "$bytes"
}

verb_guard_vacant() { # PATH
  [ ! -e "$1" ] && [ ! -L "$1" ] || {
    says "$1 is there already, and the image is to have that name"
    return 1
  }
}

verb_guard_config() { # PATH SHA256
  hash_of "$1" || {
    says "$1 cannot be read"
    return 1
  }
  [ "$HASH" = "$2" ] || {
    says "$1 has changed since the plan was made"
    return 1
  }
}

verb_guard_unnamed() { # PATH: no config of any kind, links in auto/ included, nor a comment or a copy of one
  local found
  # but the one that this run has replaced, which lies beside it until the run ends
  found=$(grep -rlsF -- "$1" "$ROOT/etc/xen/" "$ROOT/etc/xen/auto"/* 2>/dev/null | grep -vF -e "/.converge-$SAFE.former" | head -n 1)
  [ -z "$found" ] || {
    says "$found names $1"
    return 1
  }
}

verb_guard_unsnapped() { # VG/LV: `lvremove --yes` would take along what was laid over it, or taken of it, and not ask
  ask_volume "$1" lv_attr
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  # lvs(8): the first letter of an origin, also where that is a thin volume; a thin snapshot lives on by itself, and does not make one
  case $ANSWER in
    [oO]*)
      says "somebody has taken a snapshot of $1, which would be removed with it: it is kept"
      return 1
      ;;
  esac
}

# guard_room: a guest's memory fits into what was set aside for it, and Dom0 has that, with SPARE left over. The
# guest may have been given more memory since, and Dom0 have spent its own.
verb_guard_room() { # NAME TARGET BYTES SPARE
  local key value rest room
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 1 ;; esac
  # as the plan reckons it: page tables and what else belongs to a domain on top, and xl shows whole MiB
  room=$((MEMORY * 1048576 * 102 / 100 + 16777216))
  [ "$room" -le $(($3 + 1048576)) ] || {
    says "$1 has $MEMORY MiB of memory by now, which is more than the plan has room for"
    return 1
  }
  value=
  while read -r key value rest; do [ "$key" != MemAvailable: ] || break; done <"$ROOT/proc/meminfo" || value=
  case $value in
    '' | *[!0-9]*)
      says 'the kernel does not say how much memory Dom0 has available'
      return 1
      ;;
  esac
  [ "$value" -ge $((($3 + $4) / 1024)) ] || {
    says "the memory of $1 takes $(mib "$3"), and Dom0 has only $((value / 1024)) MiB available by now, of which it keeps $(mib "$4")"
    return 1
  }
  # what an earlier try left there, say
  room=$(stat -f -c '%a %S' -- "$2" 2>/dev/null) && [ $((${room% *} * ${room#* })) -ge "$3" ] || {
    says "$2 has no room for $(mib "$3")"
    return 1
  }
}

# devices_of DOMID: sets DEVICES, ` vbd/51713 vif/0 `: those that libxl has given to the guest, whoever serves them. Consoles and the
# like come by themselves, and nobody plugs them in. 1: xenstore does not say.
devices_of() {
  DEVICES=$(xenstore-ls -f "/libxl/$1/device" 2>/dev/null 9>&- | awk -F '[/ ]' '
    # /libxl/3/device/vbd/51713 = ""
    $4 == "device" && $5 ~ /^(vif|vbd|pci|vusb|vtpm|vscsi|9pfs)$/ && $6 ~ /^[0-9]+$/ && $7 == "=" { print $5 "/" $6 }' | sort)
  [ -n "$DEVICES" ] || return 1
  # shellcheck disable=SC2086 # a word each
  set -- $DEVICES
  DEVICES=" $* "
}

verb_guard_devices() { # NAME DEVICE…
  local name
  name=$1
  shift
  domid_of "$name"
  case $? in 0) ;; 1) says "$name is not there" && return 1 ;; *) return 1 ;; esac
  devices_of "$DOMID" || {
    says "xenstore does not say which devices $name has"
    return 1
  }
  same_devices "$name" " $* " 'the plan was made'
}

# same_devices NAME LIST SINCE: DEVICES are those of the list
same_devices() {
  local device
  for device in $DEVICES; do
    case $2 in *" $device "*) continue ;; esac
    says "$1 has been given a device since $3, and would lose it: $device"
    return 1
  done
  for device in $2; do
    case $DEVICES in *" $device "*) continue ;; esac
    says "a device of $1 has been taken away since $3: $device"
    return 1
  done
}

# stored_digest: sets DIGEST, of that in the file STORED which stays the same when the guest reboots itself, disks apart. libxl writes a
# line for each member: by yajl, or from Xen 4.21 on by json-c, which puts no blank behind a colon and escapes slashes. 1: there is no
# such file.
stored_digest() {
  DIGEST=
  [ -r "$STORED" ] || return 1
  DIGEST=$(tr -d '\000' <"$STORED" | awk '
    /^ *"(kernel|ramdisk|cmdline|bootloader|max_vcpus|max_memkb|mac)":/ {
      sub(/^ */, ""); sub(/,$/, ""); sub(/": */, "\": "); gsub(/\\\//, "/"); print
    }' | sort | sha256sum)
  DIGEST=${DIGEST%% *}
}

# note_stored NAME: it was taken over just now, with what this run gave it
verb_note_stored() {
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  stored_of "$DOMID"
  stored_digest || :
  devices_of "$DOMID" || :
  write_kept "$HERE/stored" "${DIGEST:--}$DEVICES"
}

# guard_stored NAME HASH|- [FILE]: nobody has stored another config for the guest's own reboot (xl config-update) than the one of HASH
# (-: none), or of FILE, which this run or an earlier one stored; and of what libxl holds itself nothing has changed since it was
# noted. config-update replaces all of it.
verb_guard_stored() {
  local digest devices
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 1 ;; esac
  stored_of "$DOMID"
  set -- "$1" "$2" "${3:-}" "${STORED%.libxl-json}.xl"
  if [ -s "$4" ] && ! { [ -n "$3" ] && cmp -s "$4" "$3"; }; then
    hash_of "$4" && [ "$HASH" = "$2" ] || {
      says "somebody has stored another config of $1 meanwhile (xl config-update): it is not overwritten"
      return 1
    }
  fi
  read_fact stored
  [ -n "$CONTENT" ] || return 0
  digest=${CONTENT%% *}
  if stored_digest && [ "$digest" != - ] && [ "$DIGEST" != "$digest" ]; then
    says "what libxl has stored of $1 has changed since it was taken over: a card was plugged in, or it has rebooted itself with another config"
    return 1
  fi
  devices=${CONTENT#"$digest"}
  case $devices in *[!' ']*) ;; *) return 0 ;; esac
  devices_of "$DOMID" || {
    says "xenstore does not say which devices $1 has"
    return 1
  }
  same_devices "$1" "$devices " 'it was taken over'
}

verb_update_stored() { # NAME FILE OLD_FILE HASH|- -- COMMAND…
  verb_guard_stored "$1" "$4" "$3" || return
  shift 5
  run_command "$@"
}
