# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Goals about loops, mounts and files.

# loops_over FILE: devices, one a line. losetup compares the file itself, not only its name.
loops_over() {
  losetup --list --noheadings --output NAME --associated "$1" 2>/dev/null 9>&- | tr -d ' '
}

# loop_is_over DEVICE FILE
loop_is_over() {
  loops_over "$2" | grep -qxF -- "$1"
}

goal_loop_attached() { # LINK FILE
  local device
  says "no loop device over $2"
  [ -L "$1" ] || return 1
  device=$(readlink -- "$1")
  loop_is_over "$device" "$2" || return 1
}

goal_loop_detached() { # LINK
  says "$1 is still there"
  [ ! -L "$1" ] && [ ! -e "$1" ]
}

goal_mounted() { # TARGET SOURCE
  says "nothing is mounted on $1"
  [ -d "$1" ] && mountpoint -q -- "$1" || return 1
  [ "$(mountpoint -d -- "$1")" = "$(mountpoint -x -- "$2" 2>/dev/null)" ] && return 0
  says "something else than $2 is mounted on $1"
  return 2
}

goal_unmounted() { # TARGET
  says "$1 is still mounted"
  [ ! -d "$1" ] || ! mountpoint -q -- "$1"
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
