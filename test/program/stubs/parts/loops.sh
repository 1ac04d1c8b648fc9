# shellcheck shell=sh disable=SC2034,SC2154
# Loops and mounts.

losetup_() {
  case $1 in
    --find)
      free=0
      while ! mkdir "$STUB_STATE/loops/loop$free" 2>/dev/null; do free=$((free + 1)); done
      printf "%s" "$3" >"$STUB_STATE/loops/loop$free/file"
      printf "7:%x\n" "$free" >"$CONVERGE_ROOT/dev/loop$free"
      printf "%s\n" "$CONVERGE_ROOT/dev/loop$free"
      ;;
    --detach)
      [ -d "$STUB_STATE/loops/${2##*/}" ] || exit 1
      # it goes when DRBD lets go of it
      if grep -qxF "$2" "$STUB_STATE"/drbd/*/meta "$STUB_STATE"/drbd/*/disk 2>/dev/null; then
        : >"$STUB_STATE/loops/${2##*/}/autoclear"
        return 0
      fi
      ! grep -qF "$2|" "$STUB_STATE/mounts" || exit 1
      ! grep -qsw "7:${2##*loop}" "$STUB_STATE"/dm/*/table || echo "a loop detached that a mapping lies on" >>"$STUB_STATE/violations"
      rm -r "$STUB_STATE/loops/${2##*/}" "$CONVERGE_ROOT/dev/${2##*/}"
      ;;
    --list)
      last_of "$@"; file=$LAST
      for loop in "$STUB_STATE"/loops/*; do
        [ -d "$loop" ] && [ "$(cat "$loop/file")" = "$file" ] && printf '%s\n' "$CONVERGE_ROOT/dev/${loop##*/}"
      done
      return 0
      ;;
    *) [ -d "$STUB_STATE/loops/${1##*/}" ] ;;
  esac
}

mount_() { # [-t tmpfs -o OPTIONS] SOURCE TARGET
  case $1 in
    -t)
      [ -d "$6" ] || exit 32
      printf '%s|%s|0:63\n' "$5" "$6" >>"$STUB_STATE/mounts"
      ;;
    *)
      [ -d "$2" ] || exit 32
      number=$(device_number "$1")
      real_path "$1"
      printf '%s|%s|%s\n' "$REAL" "$2" "$number" >>"$STUB_STATE/mounts"
      ;;
  esac
  write_mountinfo
}

umount_() {
  last_of "$@"; target=$LAST
  [ ! -e "$STUB_STATE/busy" ] || { echo "umount: $target: target is busy." >&2; exit 32; }
  awk -F '|' -v target="$target" '$2 == target { n = NR } { line[NR] = $0 }
    END { for (i = 1; i <= NR; i++) if (i != n) print line[i]; exit !n }' "$STUB_STATE/mounts" >"$STUB_STATE/mounts.new" || exit 32
  # what is in a tmpfs goes with it
  ! grep -qF "converge-memory|$target|" "$STUB_STATE/mounts" || rm -rf "${target:?}"/*
  mv "$STUB_STATE/mounts.new" "$STUB_STATE/mounts"
  write_mountinfo
}

# as the kernel does: device numbers in decimal
write_mountinfo() {
  while IFS='|' read -r source target number; do
    printf '36 35 %d:%d / %s rw - ext4 %s rw\n' "0x${number%:*}" "0x${number#*:}" "$target" "$source"
  done <"$STUB_STATE/mounts" >"$CONVERGE_ROOT/proc/self/mountinfo"
}
