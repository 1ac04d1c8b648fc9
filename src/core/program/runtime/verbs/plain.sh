# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Commands as they stand, directories, volumes.

verb_plain() { # -- COMMAND…
  shift
  run_command "$@"
}

# try: what is worth having, and no reason to end the run where it fails
verb_try() { # -- COMMAND…
  shift
  run_command "$@" || journal note message "$1 ${2:-} ended with $?: it is gone on without"
}

# ours PATH: under converge's own run directory, and no link on the way there
ours() {
  local rest path
  path=$RUN rest=${1#"$RUN"/}
  says "$1 is not a path of converge's own under $RUN"
  case $1 in
    */../* | */.. | */./* | */. | *//* | */) return 1 ;;
    "$RUN"/*) ;;
    *) return 1 ;;
  esac
  while :; do
    [ ! -L "$path" ] || return 1
    case $rest in */*) ;; *) return 0 ;; esac
    path=$path/${rest%%/*} rest=${rest#*/}
  done
}

# own_directory PATH: makes it
own_directory() {
  ours "$1" || return
  [ ! -L "$1" ] && { [ -d "$1" ] || mkdir -p -- "$1"; } || {
    says "cannot make the directory $1"
    return 1
  }
}

verb_attach_loop() { # LINK FILE [UNDER] -- losetup --find --show FILE
  local link file under device
  link=$1 file=$2 under=
  shift 2
  [ "$1" = -- ] || { under=$1 && shift; }
  shift
  ours "$link" || return
  [ -d "${link%/*}" ] || mkdir -p -- "${link%/*}"
  # what is needed to find the loop again if this ends between the two
  # of a pass before
  rm -f "$HERE/loops/$STEP.identity"
  printf '%s\n' "$link" >"$HERE/loops/$STEP.link" &&
    printf '%s' "$file" >"$HERE/loops/$STEP.file" &&
    loops_over "$file" >"$HERE/loops/$STEP.before" || {
    says "cannot write into $HERE/loops"
    return 1
  }
  # what was made again at a boot has no link, and is the one that the mapping lies on
  if [ -n "$under" ] && loop_below "$under" "$file"; then
    loop_identity "$DEVICE"
    printf '%s\n' "$IDENTITY" >"$HERE/loops/$STEP.identity"
    link_loop "$DEVICE" "$link"
    return
  fi
  # the next one that is attached may get the number of one that goes here
  [ -z "$under" ] || { clear_stale "$under" "$file" && loops_over "$file" >"$HERE/loops/$STEP.before"; } || return
  run_answer "$@" || return
  device=$SAID
  loop_identity "$device"
  printf '%s\n' "$IDENTITY" >"$HERE/loops/$STEP.identity"
  link_loop "$device" "$link"
}

link_loop() { # DEVICE LINK
  case $1 in
    "$ROOT"/dev/loop[0-9]*) ;;
    *)
      says "losetup did not name a loop device: $1"
      return 1
      ;;
  esac
  if [ -L "$2" ]; then
    ln -s -- "$1" "$2.new" && mv -fT -- "$2.new" "$2"
  else
    ln -s -- "$1" "$2"
  fi
}

# adopt_loops: loops that were attached and not linked any more, because the program ended right between; and links
# whose loop was detached, for the same reason
adopt_loops() {
  local record link file device
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] || continue
    IFS= read -r link <"$record" || continue
    content_of "${record%.link}.file" && file=$CONTENT
    rm -f -- "$link.new"
    if [ -L "$link" ] && ! losetup "$(readlink -- "$link")" >/dev/null 2>&1 9>&-; then
      rm -f -- "$link"
    fi
    [ ! -L "$link" ] && [ -d "${link%/*}" ] || continue
    for device in $(loops_over "$file"); do
      grep -qxF -- "$device" "${record%.link}.before" && continue
      backend_uses "$device" && continue
      loop_identity "$device"
      printf '%s\n' "$IDENTITY" >"${record%.link}.identity"
      link_loop "$device" "$link"
      break
    done
  done
}

# backend_uses DEVICE: a guest has it, by this name
backend_uses() {
  backend_says node "$1"
}

# backend_says KEY VALUE: some guest's disk has that in xenstore
backend_says() {
  local domid type device
  for domid in $(backend_domids); do
    while read -r type device; do
      [ -n "$device" ] && [ "$(backend_value "$domid" "$type" "$device" "$1")" = "$2" ] && return 0
    done <<LIST
$(backends_of "$domid")
LIST
  done
  return 1
}

backend_domids() {
  local type
  for type in vbd qdisk; do
    xenstore-list "/local/domain/0/backend/$type" 2>/dev/null 9>&-
  done | grep -x '[0-9]*' | sort -u
}

verb_detach_loop() { # LINK [MAPPING]
  local device tries
  ours "$1" || return
  [ -L "$1" ] || return 0
  device=$(readlink -- "$1")
  if [ -n "${2:-}" ]; then
    lies_on "$2" "$device"
    case $? in
      # a guest runs on by it
      0) return 0 ;;
      1) ;;
      *) return 1 ;;
    esac
  fi
  case $device in
    "$ROOT"/dev/loop[0-9]*)
      # not there any more: the reboot of Dom0 took it, or an earlier try did
      # and somebody else may have got that number since
      recorded_identity "$1"
      if loop_stays "$device" "$RECORDED"; then
        run_command losetup --detach "$device" || return
        tries=50
        while loop_stays "$device" "$RECORDED"; do
          tries=$((tries - 1))
          [ "$tries" -gt 0 ] || {
            says "$device is still in use"
            return 1
          }
          sleep 0.1
        done
      fi
      ;;
  esac
  # asked in vain whether it is attached, nobody knows
  ! in_vain || return 1
  rm -f -- "$1"
  forget_loop "$1"
}

# recorded_identity LINK: sets RECORDED, what was behind the loop when this run attached it; empty where that is not known
recorded_identity() {
  local record link
  RECORDED=
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] && IFS= read -r link <"$record" && [ "$link" = "$1" ] || continue
    read -r RECORDED <"${record%.link}.identity" || :
  done 2>/dev/null
}

# forget_loop LINK: a loop over that file is no concern of this run any more
forget_loop() {
  local record link
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] && IFS= read -r link <"$record" && [ "$link" = "$1" ] && rm -f -- "$record" "${record%.link}.identity"
  done
  return 0
}

verb_mount_at() { # TARGET -- COMMAND…
  local target
  target=$1
  shift 2
  own_directory "$target" || return
  run_command "$@"
}

verb_unmount() { # TARGET
  local tries
  ours "$1" || return
  tries=20
  while mounted_at "$1"; do
    run_command umount -- "$1" && continue
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] && [ "$HUNG" -eq 0 ] || return 1
    sleep 0.2
  done
}
