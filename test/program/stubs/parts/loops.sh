# shellcheck shell=sh disable=SC2034,SC2154
# Loops and mounts.

losetup_() {
  case $1 in
    --find)
      free=0
      while ! mkdir "$STUB_STATE/loops/loop$free" 2>/dev/null; do free=$((free + 1)); done
      printf "%s" "$3" >"$STUB_STATE/loops/loop$free/file"
      printf "7:%x\n" "$free" >"$CONVERGE_ROOT/dev/loop$free"
      # as large as the file is now, whatever becomes of that
      mkdir -p "$CONVERGE_ROOT/sys/block/loop$free"
      echo "$(($("$REAL_STAT" -L -c %s -- "$3") / 512))" >"$CONVERGE_ROOT/sys/block/loop$free/size"
      printf "%s\n" "$CONVERGE_ROOT/dev/loop$free"
      ;;
    --detach)
      [ -d "$STUB_STATE/loops/${2##*/}" ] || exit 1
      ! is_mounted "$2" || exit 1
      # it goes when that one lets go of it
      if is_had "$2"; then
        ! is_served "$2" || violated "a loop detached that a guest's mapping lies on"
        : >"$STUB_STATE/loops/${2##*/}/autoclear"
        return 0
      fi
      clear_loop "${2##*/}"
      ;;
    --list)
      last_of "$@"; file=$LAST
      case $file in
        "$CONVERGE_ROOT"/dev/loop*)
          # of one device: what is behind it
          part xen-asked
          device=${file##*/}
          linger "$file"
          value "$STUB_STATE/loops/$device/file" || return 1
          # a number for its name: hosts are copied, and their files' own numbers change with that
          printf '%s' "${VALUE#"$CONVERGE_ROOT"}" | { read -r sum _ <<SUM
$(/usr/bin/cksum)
SUM
            printf ' %s 8:1\n' "$sum"; }
          return
          ;;
      esac
      for loop in "$STUB_STATE"/loops/*; do
        value "$loop/file" && [ "$VALUE" = "$file" ] && printf '%s\n' "$CONVERGE_ROOT/dev/${loop##*/}"
      done
      return 0
      ;;
    *)
      part xen-asked
      linger "$1"
      [ -d "$STUB_STATE/loops/${1##*/}" ]
      ;;
  esac
}

# is_mounted DEVICE: or was, by the beginning of that line
is_mounted() {
  while IFS= read -r line; do
    case $line in *"$1|"*) return 0 ;; esac
  done <"$STUB_STATE/mounts"
  return 1
}

clear_loop() { # NAME
  rm -r "$STUB_STATE/loops/$1" "${CONVERGE_ROOT:?}/dev/$1"
  rm -rf "$CONVERGE_ROOT/sys/block/$1"
}

# clear_loops: those that were detached while somebody had them, and that nobody has any more
clear_loops() {
  for cleared in "$STUB_STATE"/loops/*/autoclear; do
    [ -e "$cleared" ] || continue
    cleared=${cleared%/autoclear}
    is_had "$CONVERGE_ROOT/dev/${cleared##*/}" || clear_loop "${cleared##*/}"
  done
}

# is_had DEVICE: DRBD, a mapping or an array lies on the loop
is_had() {
  is_among "$1" "$STUB_STATE"/drbd/*/meta "$STUB_STATE"/drbd/*/disk || mapping_over "$1" ||
    is_among "7:${1##*loop}" "$CONVERGE_ROOT"/sys/block/md*/md/dev-*/block/dev
}

# is_served DEVICE: a guest has it by a mapping
is_served() {
  mapping_over "$1" && is_among "$CONVERGE_ROOT/dev/mapper/$MAPPING" "$STUB_STATE"/doms/*/vbd/*/node
}

# mapping_over DEVICE: sets MAPPING, the one that lies on the loop
mapping_over() {
  for MAPPING in "$STUB_STATE"/dm/*; do
    value "$MAPPING/table" || :
    case " $VALUE " in *" 7:${1##*loop} "*) ;; *) continue ;; esac
    MAPPING=${MAPPING##*/}
    return 0
  done
  return 1
}

mount_() { # [-t tmpfs -o OPTIONS] SOURCE TARGET
  case $1 in
    -t)
      [ -d "$6" ] || exit 32
      printf '%s|%s|0:63\n' "$5" "$6" >>"$STUB_STATE/mounts"
      ;;
    *)
      [ -d "$2" ] || exit 32
      device_number "$1"
      real_path "$1"
      printf '%s|%s|%s\n' "$REAL" "$2" "$NUMBER" >>"$STUB_STATE/mounts"
      ;;
  esac
  write_mountinfo
}

umount_() {
  last_of "$@"; target=$LAST
  [ ! -e "$STUB_STATE/busy" ] || { echo "umount: $target: target is busy." >&2; exit 32; }
  # the last of those that are mounted there
  kept='' since='' found=
  while IFS='|' read -r source where number; do
    line="$source|$where|$number
"
    if [ "$where" = "$target" ]; then
      kept=$kept$since found=$line since=$line
    else
      since=$since$line
    fi
  done <"$STUB_STATE/mounts"
  [ -n "$found" ] || exit 32
  # what is in a tmpfs goes with it
  case $found in "converge-memory|"*) rm -rf "${target:?}"/* ;; esac
  printf '%s' "$kept${since#"$found"}" >"$STUB_STATE/mounts"
  write_mountinfo
}

# as the kernel does: device numbers in decimal
write_mountinfo() {
  while IFS='|' read -r source target number; do
    in_decimal "$number"
    printf '36 35 %s / %s rw - ext4 %s rw\n' "$DECIMAL" "$target" "$source"
  done <"$STUB_STATE/mounts" >"$CONVERGE_ROOT/proc/self/mountinfo"
}
