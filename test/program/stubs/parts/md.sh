# shellcheck shell=sh disable=SC2034,SC2154
# md.

# member_ DEVICE: sets member, the directory of that device in an array (md) that may not have it
member_() {
  device_number "$1" || exit 2
  in_decimal "$NUMBER"
  member=$md/dev-${DECIMAL%:*}_${DECIMAL#*:}
}

add_member_() { # DEVICE STATE SLOT
  member_ "$1"
  mkdir -p "$member/block"
  echo "$DECIMAL" >"$member/block/dev"
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
            [ ! -e "${word#*=}" ] || violated "a bitmap of another time is used"
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
      [ "${3#*=}" != 1 ] || ! has_bitmap || violated "an array of one has a bitmap"
      value "$md/raid_disks"
      [ "$VALUE" != "${3#*=}" ] || exit 1
      echo "${3#*=}" >"$md/raid_disks"
      ;;
    --stop)
      md_of "$2"
      value "$node"
      ! is_among "$VALUE" "$STUB_STATE"/doms/*/vbd/*/physical-device || exit 1
      rm -r "${md%/md}" "$CONVERGE_ROOT$2" "$node"
      part loops
      clear_loops
      ;;
    *) # PATH --add|--fail|--remove DEVICE
      md_of "$1"
      case $2 in
        --re-add)
          # what nobody noted would be left out
          has_bitmap || violated "taken in again without a bitmap"
          [ -e "$md/trial" ] || [ -e "$STUB_STATE/copied" ] || violated "taken in before anything was copied"
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
          in_sync=0
          for state in "$md"/dev-*/state; do
            value "$state" || :
            [ "$VALUE" != in_sync ] || in_sync=$((in_sync + 1))
          done
          value "$member/state" || :
          [ "$in_sync" -gt 1 ] || [ "$VALUE" != in_sync ] || {
            violated "the last good member is failed: every write of the guest fails from now on"
            exit 2
          }
          echo faulty >"$member/state"
          echo none >"$member/slot"
          ;;
        --remove)
          member_ "$3"
          # who waits at sync_max is told by nobody that it is over
          value "$md/sync_action" || :
          if [ "$VALUE" = recover ]; then
            value "$md/sync_max" || :
            [ "$VALUE" = max ] || exit 2
          fi
          value "$member/state" || :
          case $VALUE in faulty* | spare) rm -r "$member" ;; *) exit 2 ;; esac
          part loops
          clear_loops
          ;;
      esac
      ;;
  esac
}

has_bitmap() {
  value "$md/bitmap/location" && [ "$VALUE" = file ]
}

md_of() { # PATH
  [ -e "$CONVERGE_ROOT$1" ] || exit 1
  real_path "$CONVERGE_ROOT$1"
  node=$REAL
  md=$CONVERGE_ROOT/sys/block/${node##*/}/md
}

# md_file SLOT: sets BEHIND, the file behind a member of an array over loops
md_file() {
  for slot in "$md"/dev-*/slot; do
    value "$slot" && [ "$VALUE" = "$1" ] && break
  done
  read -r number <"${slot%/slot}/block/dev"
  value "$STUB_STATE/loops/loop${number#*:}/file"
  BEHIND=$VALUE
}

# md_recover: what the bitmap names, unless a test wants this host's md to do otherwise: `everything`, or `nothing`
md_recover() {
  md_file 0
  from=$BEHIND
  md_file 1
  to=$BEHIND
  value "$STUB_STATE/bitmap-means" || :
  case $VALUE in
    everything) /bin/cat "$from" >"$to" ;;
    nothing) ;;
    *) sort -u "$md/dirty" | while read -r chunk; do /bin/dd if="$from" of="$to" bs=64K skip="$chunk" seek="$chunk" count=1 conv=notrunc status=none; done ;;
  esac
}

# md_write if=FILE of=ARRAY bs=4K seek=N …
md_write() {
  md_of "${2#of="$CONVERGE_ROOT"}"
  md_file 0
  /bin/dd "$1" of="$BEHIND" "$3" "$4" conv=notrunc status=none
  if is_among 1 "$md"/dev-*/slot; then
    md_file 1
    /bin/dd "$1" of="$BEHIND" "$3" "$4" conv=notrunc status=none
  else
    echo $((${4#seek=} / 16)) >>"$md/dirty"
  fi
}

# spare_member: sets member, the file that says so of it
spare_member() {
  for member in "$md"/dev-*/state; do
    value "$member" && [ "$VALUE" = spare ] && return
  done
  member=
}

# The kernel's copy goes on while somebody sleeps: a quarter further each time, and not past sync_max.
md_tick() {
  for md in "$CONVERGE_ROOT"/sys/block/md*/md; do
    value "$md/sync_action" && [ "$VALUE" = recover ] || continue
    spare_member
    value "$STUB_STATE/md-health" || :
    # a trial is of other disks
    [ ! -e "$md/trial" ] || VALUE=
    case $VALUE in
      volume) echo faulty,write_error >"$member" && echo none >"${member%/state}/slot" && echo idle >"$md/sync_action" && continue ;;
      image) echo none >"${member%/state}/slot" && echo idle >"$md/sync_action" && continue ;;
    esac
    read -r synced _ <"$md/sync_completed"
    # it gets no further than to so many quarters
    if [ ! -e "$md/trial" ] && value "$STUB_STATE/slow-mirror"; then [ "$synced" -lt $((${VALUE:-0} * 2048)) ] || continue; fi
    synced=$((synced + 2048))
    value "$md/sync_max"
    limit=$VALUE
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
