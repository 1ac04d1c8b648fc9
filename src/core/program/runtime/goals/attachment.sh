# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about loops, mounts and files.

# loops_over FILE: devices, one a line. losetup compares the file itself, not only its name.
loops_over() {
  losetup --list --noheadings --raw --output NAME --associated "$1" 2>/dev/null 9>&-
}

# a newline, to look for whole lines
readonly LINE='
'

# loop_is_over DEVICE FILE
loop_is_over() {
  case $LINE$(loops_over "$2")$LINE in *"$LINE$1$LINE"*) ;; *) return 1 ;; esac
}

# mounted_at TARGET: sets MOUNTED, the `major:minor` of what is mounted there last, and MOUNTED_FROM, its name. 1: nothing is. Targets are
# converge's own paths, which the kernel writes as they are.
mounted_at() {
  local number point rest
  MOUNTED='' MOUNTED_FROM=''
  while read -r rest rest number rest point rest; do
    [ "$point" = "$1" ] || continue
    MOUNTED=$number
    rest=${rest#* - }
    rest=${rest#* }
    MOUNTED_FROM=${rest%% *}
  done <"$ROOT/proc/self/mountinfo"
  [ -n "$MOUNTED" ]
}

# node_number PATH: sets NODE, the `major:minor` of a block device
node_number() {
  NODE=$(stat -L -c '%t:%T' -- "$1" 2>/dev/null) || return 1
  NODE=$((0x${NODE%:*})):$((0x${NODE#*:}))
}

# sectors_written DEVICE: sets WRITTEN, since Dom0's boot or since there is the device, and NODE. 1: the kernel does not say.
sectors_written() {
  local rest
  WRITTEN=0
  node_number "$1" && [ -r "$ROOT/sys/dev/block/$NODE/stat" ] || return 1
  read -r rest rest rest rest rest rest WRITTEN rest <"$ROOT/sys/dev/block/$NODE/stat"
}

# loop_has_all DEVICE FILE: it is as large as the file is now. A loop keeps the size that the file had when it was attached, whoever
# grows or cuts it later. Where the kernel does not say, it is taken for right.
loop_has_all() {
  local sectors bytes
  { read -r sectors <"$ROOT/sys/block/${1##*/}/size"; } 2>/dev/null && bytes=$(stat -L -c %s -- "$2" 2>/dev/null) || return 0
  [ "$sectors" -eq $((bytes / 512)) ]
}

goal_loop_attached() { # LINK FILE
  local device
  says "no loop device over $2"
  [ -L "$1" ] || return 1
  device=$(readlink -- "$1")
  if loop_is_over "$device" "$2"; then
    says "$device is over $2, as large as that was when it was attached"
    # what is to be taken back is what was attached
    [ "$MODE" = undo ] || loop_has_all "$device" "$2"
    return
  fi
  # dmeventd unmounts a snapshot that overflowed, lazily: the file is out of reach then, and the loop still holds it
  [ "$MODE" = undo ] && loop_is_recorded "$device" "$1"
}

# loop_identity DEVICE: sets IDENTITY, inode and file system of what is behind it, in one word; empty where nothing is
loop_identity() {
  IDENTITY=$(losetup --list --noheadings --output BACK-INO,BACK-MAJ:MIN "$1" 2>/dev/null 9>&-)
  # shellcheck disable=SC2086 # two words
  set -- $IDENTITY
  IDENTITY=${1:-}${2:+,$2}
}

# loop_stays DEVICE IDENTITY: what was behind it is so still. By its number alone, where no more is known of it, it may be anybody's.
loop_stays() {
  [ -n "$2" ] || {
    losetup "$1" >/dev/null 2>&1 9>&-
    return
  }
  loop_identity "$1"
  # what can not be asked any more (a file system that has shut down, a server that has forgotten it) is not gone
  [ "$IDENTITY" = "$2" ] || { [ -z "$IDENTITY" ] && losetup "$1" >/dev/null 2>&1 9>&-; }
}

# loop_is_recorded DEVICE LINK: it is what this run attached under that link
loop_is_recorded() {
  local record link
  loop_identity "$1" && [ -n "$IDENTITY" ] || return 1
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] && IFS= read -r link <"$record" && [ "$link" = "$2" ] || continue
    [ "$(cat "${record%.link}.identity" 2>/dev/null)" = "$IDENTITY" ] && return 0
  done
  return 1
}

goal_loop_detached() { # LINK
  says "$1 is still there"
  [ ! -L "$1" ] && [ ! -e "$1" ]
}

goal_mounted() { # TARGET SOURCE
  says "nothing is mounted on $1"
  mounted_at "$1" || return 1
  case $2 in
    /*) node_number "$2" && [ "$MOUNTED" = "$NODE" ] && return 0 ;;
    # a name that is no device
    *) [ "$MOUNTED_FROM" = "$2" ] && return 0 ;;
  esac
  says "something else than $2 is mounted on $1"
  return 2
}

goal_unmounted() { # TARGET
  says "$1 is still mounted"
  ! mounted_at "$1"
}

goal_file_exists() { # PATH
  says "$1 is not there"
  [ -e "$1" ] || [ -L "$1" ]
}

goal_file_absent() { # PATH
  says "$1 is still there"
  [ ! -e "$1" ] && [ ! -L "$1" ]
}

# hash_of FILE: sets HASH
hash_of() {
  # stdin: sha256sum escapes names
  HASH=$(sha256sum <"$1" 2>/dev/null) || HASH=
  HASH=${HASH%% *}
  [ -n "$HASH" ]
}

goal_config() { # PATH SHA_AFTER SHA_BEFORE
  if ! [ -f "$1" ] || ! hash_of "$1"; then
    says "$1 cannot be read"
    return 2
  fi
  [ "$HASH" != "$2" ] || return 0
  [ "$HASH" != "$3" ] || {
    says "$1 is still as it was"
    return 1
  }
  says "$1 was changed by somebody else meanwhile"
  return 2
}

goal_boot_unit() { # UNIT
  says "$1 is not installed"
  # grep ends with 2 where there is no file
  grep -qsF "$HERE/program.sh" "$UNITS/$1" && [ -L "$UNITS/multi-user.target.wants/$1" ] || return 1
}

goal_boot_unit_absent() { # UNIT
  says "$1 is still installed"
  [ ! -e "$UNITS/$1" ] && [ ! -L "$UNITS/multi-user.target.wants/$1" ]
}
