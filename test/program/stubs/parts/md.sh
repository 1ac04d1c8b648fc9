# shellcheck shell=sh disable=SC2034,SC2154
# md.

# member_ DEVICE: sets member, the directory of that device in an array (md) that may not have it
member_() {
  number=$(device_number "$1") || exit 2
  number=$(printf '%d:%d' "0x${number%:*}" "0x${number#*:}")
  member=$md/dev-$(printf '%s' "$number" | tr : _)
}

add_member_() { # DEVICE STATE SLOT
  member_ "$1"
  mkdir -p "$member/block"
  echo "$number" >"$member/block/dev"
  echo "$2" >"$member/state"
  echo "$3" >"$member/slot"
}

mdadm_() {
  case $1 in
    --build) # PATH --level=1 --raid-devices=1 --force DEVICE, or with a bitmap and two places: … --bitmap=FILE … DEVICE missing
      name=${2#/dev/}
      [ ! -e "$CONVERGE_ROOT/dev/$name" ] || exit 1
      free=127
      while [ -e "$CONVERGE_ROOT/sys/block/md$free" ]; do free=$((free - 1)); done
      md=$CONVERGE_ROOT/sys/block/md$free/md
      mkdir -p "$md" "$CONVERGE_ROOT/sys/block/md$free/holders" "$CONVERGE_ROOT/dev/md"
      echo raid1 >"$md/level"
      echo none >"$md/metadata_version"
      echo "${4#*=}" >"$md/raid_disks"
      echo 8192 >"${md%/md}/size"
      echo 0 >"$md/suspend_hi"
      echo max >"$md/sync_max"
      echo idle >"$md/sync_action"
      echo none >"$md/sync_completed"
      case $name in *converge.try*) : >"$md/trial" ;; esac
      for word in "$@"; do
        case $word in
          --bitmap=*)
            [ ! -e "${word#*=}" ] || echo "a bitmap of another time is used" >>"$STUB_STATE/violations"
            mkdir "$md/bitmap" && echo file >"$md/bitmap/location" && echo 5 >"$md/bitmap/time_base" || exit 1
            echo "$md" >"${word#*=}"
            : >"$md/dirty"
            ;;
          "$CONVERGE_ROOT"/*) add_member_ "$word" in_sync 0 ;;
        esac
      done
      printf '9:%x\n' "$free" >"$CONVERGE_ROOT/dev/md$free"
      ln -s "../md$free" "$CONVERGE_ROOT/dev/$name"
      ;;
    --examine-bitmap)
      read -r md <"$2" && [ -d "$md" ] || exit 1
      printf '          Bitmap : 64 bits (chunks), %s dirty (0.0%%)\n' "$(sort -u "$md/dirty" | grep -c .)"
      ;;
    --grow) # PATH --raid-devices=N --force
      md_of "$2"
      [ "${3#*=}" != 1 ] || [ "$(cat "$md/bitmap/location" 2>/dev/null)" != file ] ||
        echo "an array of one has a bitmap" >>"$STUB_STATE/violations"
      [ "$(cat "$md/raid_disks")" != "${3#*=}" ] || exit 1
      echo "${3#*=}" >"$md/raid_disks"
      ;;
    --stop)
      md_of "$2"
      node=$(readlink -f "$CONVERGE_ROOT$2")
      ! grep -qxF "$(cat "$node")" "$STUB_STATE"/doms/*/vbd/*/physical-device 2>/dev/null || exit 1
      rm -r "${md%/md}" "$CONVERGE_ROOT$2" "$node"
      ;;
    *) # PATH --add|--fail|--remove DEVICE
      md_of "$1"
      case $2 in
        --re-add)
          # what nobody noted would be left out
          [ "$(cat "$md/bitmap/location" 2>/dev/null)" = file ] || echo "taken in again without a bitmap" >>"$STUB_STATE/violations"
          [ -e "$md/trial" ] || [ -e "$STUB_STATE/copied" ] || echo "taken in before anything was copied" >>"$STUB_STATE/violations"
          add_member_ "$3" spare 1
          echo recover >"$md/sync_action"
          echo '0 / 8192' >"$md/sync_completed"
          ;;
        --add)
          add_member_ "$3" spare 1
          echo recover >"$md/sync_action"
          echo '0 / 8192' >"$md/sync_completed"
          ;;
        --fail)
          member_ "$3"
          [ "$(cat "$md"/dev-*/state | grep -cx in_sync)" -gt 1 ] || [ "$(cat "$member/state")" != in_sync ] || {
            echo "the last good member is failed: every write of the guest fails from now on" >>"$STUB_STATE/violations"
            exit 2
          }
          echo faulty >"$member/state"
          echo none >"$member/slot"
          ;;
        --remove)
          member_ "$3"
          # who waits at sync_max is told by nobody that it is over
          [ "$(cat "$md/sync_action")" != recover ] || [ "$(cat "$md/sync_max")" = max ] || exit 2
          case $(cat "$member/state") in faulty* | spare) rm -r "$member" ;; *) exit 2 ;; esac
          ;;
      esac
      ;;
  esac
}

md_of() { # PATH
  node=$(readlink -e "$CONVERGE_ROOT$1") || exit 1
  md=$CONVERGE_ROOT/sys/block/${node##*/}/md
}

# md_file SLOT: the file behind a member of an array over loops
md_file() {
  slot=$(grep -lx "$1" "$md"/dev-*/slot | head -n 1)
  read -r number <"${slot%/slot}/block/dev"
  cat "$STUB_STATE/loops/loop${number#*:}/file"
}

# md_recover: what the bitmap names, unless a test wants this host's md to do otherwise: `everything`, or `nothing`
md_recover() {
  from=$(md_file 0) to=$(md_file 1)
  case $(cat "$STUB_STATE/bitmap-means" 2>/dev/null) in
    everything) /bin/cat "$from" >"$to" ;;
    nothing) ;;
    *) sort -u "$md/dirty" | while read -r chunk; do /bin/dd if="$from" of="$to" bs=64K skip="$chunk" seek="$chunk" count=1 conv=notrunc status=none; done ;;
  esac
}

# md_write if=FILE of=ARRAY bs=4K seek=N …
md_write() {
  md_of "${2#of="$CONVERGE_ROOT"}"
  /bin/dd "$1" of="$(md_file 0)" "$3" "$4" conv=notrunc status=none
  if grep -qx 1 "$md"/dev-*/slot; then
    /bin/dd "$1" of="$(md_file 1)" "$3" "$4" conv=notrunc status=none
  else
    echo $((${4#seek=} / 16)) >>"$md/dirty"
  fi
}

# The kernel's copy goes on while somebody sleeps: a quarter further each time, and not past sync_max.
md_tick() {
  for md in "$CONVERGE_ROOT"/sys/block/md*/md; do
    [ -e "$md/sync_action" ] && [ "$(cat "$md/sync_action")" = recover ] || continue
    member=$(grep -lx spare "$md"/dev-*/state | head -n 1)
    case $(cat "$STUB_STATE/md-health" 2>/dev/null)$(cat "$md/trial" 2>/dev/null && echo trial) in
      volume) echo faulty,write_error >"$member" && echo none >"${member%/state}/slot" && echo idle >"$md/sync_action" && continue ;;
      image) echo none >"${member%/state}/slot" && echo idle >"$md/sync_action" && continue ;;
    esac
    [ ! -e "$STUB_STATE/slow-mirror" ] || [ -e "$md/trial" ] || continue
    read -r synced _ <"$md/sync_completed"
    synced=$((synced + 2048))
    limit=$(cat "$md/sync_max")
    [ "$limit" != max ] || limit=8192
    [ "$synced" -le "$limit" ] || synced=$limit
    if [ "$synced" -ge 8192 ]; then
      [ ! -e "$md/trial" ] || md_recover
      echo none >"$md/sync_completed"
      echo idle >"$md/sync_action"
      echo in_sync >"$member"
    else
      echo "$synced / 8192" >"$md/sync_completed"
    fi
  done
}
