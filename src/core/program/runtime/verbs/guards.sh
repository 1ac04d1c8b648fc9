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
  [ "$DOMID" != - ] || return 0
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

verb_guard_free() { # PATH NAME [LINK]: LINK to a loop of this run's own
  local own domid type device loop path link
  link=
  [ -z "${3:-}" ] || link=$(readlink -- "$3")
  own=-
  if [ -n "$2" ]; then
    domid_of "$2"
    case $? in 0) own=$DOMID ;; 1) ;; *) return 1 ;; esac
  fi
  # other guests first: their loops are then told by name
  for domid in $(backend_domids); do
    [ "$domid" != "$own" ] || continue
    while read -r type device; do
      [ -n "$device" ] || continue
      if [ "$(same_file "$(backend_value "$domid" "$type" "$device" params)" "$1")" = same ]; then
        says "another guest has $1: $(xenstore-read "/local/domain/$domid/name" 2>/dev/null) ($domid)"
        return 1
      fi
    done <<LIST
$(backends_of "$domid")
LIST
  done
  for loop in $(loops_over "$1"); do
    [ "$loop" != "$link" ] || continue
    path=$(mounts_of "$loop")
    [ -z "$path" ] || {
      says "$1 is mounted on $path"
      return 1
    }
    [ "$own" != - ] && loop_of_domain "$loop" "$own" || {
      says "$1 is in use by $loop, which is not ${2:-a guest}'s"
      return 1
    }
  done
}

verb_guard_unnamed() { # PATH: no config of any kind, links in auto/ included, nor a comment or a copy of one
  local found
  found=$(grep -rlsF -- "$1" "$ROOT/etc/xen/" "$ROOT/etc/xen/auto"/* 2>/dev/null | head -n 1)
  [ -z "$found" ] || {
    says "$found names $1"
    return 1
  }
}

mounts_of() { # DEVICE: the first place where it is mounted
  awk -v device="$1" '{ for (i = 6; i < NF; i++) if ($i == "-" && $(i + 2) == device) { print $5; exit } }' \
    "$ROOT/proc/self/mountinfo"
}

loop_of_domain() { # LOOP DOMID
  local type device
  while read -r type device; do
    [ -n "$device" ] && [ "$(backend_value "$2" "$type" "$device" node)" = "$1" ] && return 0
  done <<LIST
$(backends_of "$2")
LIST
  return 1
}
