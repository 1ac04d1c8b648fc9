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

verb_guard_unnamed() { # PATH: no config of any kind, links in auto/ included, nor a comment or a copy of one
  local found
  # but the one that this run has replaced, which lies beside it until the run ends
  found=$(grep -rlsF -- "$1" "$ROOT/etc/xen/" "$ROOT/etc/xen/auto"/* 2>/dev/null | grep -vF -e "/.converge-$SAFE.former" | head -n 1)
  [ -z "$found" ] || {
    says "$found names $1"
    return 1
  }
}
