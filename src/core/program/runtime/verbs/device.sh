# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The end of devices that are not device-mapper's: md arrays and DRBD resources; and of any that is of no use any more.

# clear_stale NAME FILE: an earlier run has left a device under the name, and it does not lie on FILE as that is now. The image has been
# grown or replaced since, say, and its guest be on that again. A guest that was taken onto it would have what the image was. Where
# nobody has it, it goes, and so does the loop that it alone had.
clear_stale() {
  local name file
  name=$1 file=$2
  is_laid "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  goal_mapping_unused "$name"
  case $? in
    0) ;;
    1)
      says "$SAYS, and it does not lie on $file as that is now: shut $DOMAIN down, start it from its config, and run this again"
      return 1
      ;;
    *) return 1 ;;
  esac
  remove_idle "$name" "did not lie on $file as that is now, and nobody had it: it is made anew"
}

# clear_device NAME: an earlier run has left it on an image of the guest's, and nobody has it
verb_clear_device() {
  is_laid "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  goal_mapping_unused "$1" || return 1
  remove_idle "$1" 'was of no use to anybody: it is gone'
}

# unlink_loop LOOP: it is detached; what it was known by would be in the way of the end of each run
unlink_loop() {
  local link
  for link in "$RUN/$SAFE"/*/*; do
    [ ! -L "$link" ] || [ "$(readlink -- "$link")" != "$1" ] || rm -f -- "$link" "$link.bits" "$link.map" "$link.free"
  done
}

is_laid() { # NAME
  case $1 in */*) device_of "$1" ;; *) mapping_of "$1" ;; esac
}

# remove_idle NAME WHY: it goes, and so do the loops that it alone had. They are detached first: one that somebody has stays until that one
# lets go of it (LO_FLAGS_AUTOCLEAR). Who is killed in between leaves the device, by which they are found; without it nobody looks for them.
remove_idle() {
  local loop
  for loop in "$ROOT"/dev/loop[0-9]*; do
    [ -e "$loop" ] || continue
    lies_on "$1" "$loop"
    # one that is not known to lie below is not left behind: nobody would look for it once the device is gone
    case $? in
      0) ;;
      1) continue ;;
      *)
        says "it can not be told whether $1 lies on $loop${SAYS:+: $SAYS}"
        return 1
        ;;
    esac
    ! backend_uses "$loop" || continue
    run_command losetup --detach "$loop" || return
    unlink_loop "$loop"
  done
  case $1 in */*) stop_device "$1" ;; *) run_command dmsetup remove "$1" ;; esac || return
  journal note message "$1, which an earlier run had left, $2"
}

# lay_device NAME SECTORS DEVICE: on one disk, as after a boot
lay_device() {
  case $1 in
    md/*) run_command mdadm --build "/dev/$1" --level=1 --raid-devices=1 --force "$3" && await_node "$1" ;;
    *) verb_make_resource "$1" "$3" "$2" ;;
  esac
}

stop_device() { # NAME
  case $1 in
    md/*) stop_array "$1" ;;
    *) stop_resource "$1" ;;
  esac
}

# drop_device NAME SECTORS IMAGE VOLUME: the undo of its creation. A guest that runs on it goes on doing so; one whose own
# reboot is awaited finds it then; one that xendomains has saved on it finds it again at boot, on the disk that is complete.
verb_drop_device() {
  local name
  name=$1
  device_of "$name"
  case $? in
    0)
      saved_on "$name" && return 0
      device_unused "$name" || {
        journal note message "$DOMAIN runs on under the name /dev/$name until its next start"
        # before the commit its own reboot takes it there again
        committing || return 0
        # ended within the commit: of one place it misses nothing, and has nothing to note
        case $name in
          md/*)
            members
            [ "$MEMBERS" -ne 1 ] || verb_one_member "$name" -- mdadm --grow "/dev/$name" --raid-devices=1 --force || return
            ;;
        esac
        still_awaited "$name"
        case $? in 0) ;; 1) retire_later "$name" ;; *) return 1 ;; esac
        return
      }
      still_awaited "$name"
      case $? in 0) return 0 ;; 1) ;; *) return 1 ;; esac
      stop_device "$name"
      ;;
    1)
      case $name in md/*) forget_bitmap "$name" ;; esac
      saved_on "$name" || {
        # what was begun only
        case $name in drbd/*) stop_resource "$name" ;; esac
        return
      }
      complete_disk "$3" "$4" || return
      lay_device "$name" "$2" "$DEVICE" || return
      journal note message "/dev/$name is there again, on $DEVICE: $DOMAIN was saved on it"
      # it stays until Dom0's next boot: the guest's own reboot uses what was saved with it, which names the device (seen)
      ;;
    *) return 1 ;;
  esac
}

verb_retire_device() { # NAME
  device_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  if device_unused "$1"; then
    stop_device "$1"
    return
  fi
  # whoever waits for the guest to be gone would find it so while it reboots itself (seen: it stayed down)
  still_awaited "$1"
  case $? in 0) ;; 1) retire_later "$1" ;; *) return 1 ;; esac
}

# retire_later NAME: there is nothing like device-mapper's deferred removal. A watchman waits for the guest's next start.
retire_later() {
  out_opens
  systemd-run --quiet --collect --unit="converge-late-device-$SAFE-$STEP-$$" /bin/sh "$HERE/program.sh" retire "$1" \
    </dev/null >>"$OUT" 2>&1 9>&- || journal note message "/dev/$1 stays until Dom0's next boot: no unit could be started to stop it"
  return 0
}

# retire NAME: the watchman. While a guest has the device he starts one process every ten seconds. One that was saved and restored
# meanwhile comes up on it again when it reboots itself: it is not let go of any more.
mode_retire() {
  local number found file device known
  OUT=$HERE/out/retire.log
  device_of "$1" || exit 0
  number=$(stat -L -c '%t:%T' -- "$DEVICE_NODE") || exit 0
  known=
  while :; do
    found=0
    for file in "$BACKENDS"/vbd-*/physical_device; do
      [ -r "$file" ] && read -r device <"$file" && [ "$device" = "$number" ] || continue
      found=1
      [ "$file" != "$known" ] || continue
      # another domain than at the last look; one of which that can not be told is asked for again
      awaited "$1"
      case $? in 0) exit 0 ;; 1) known=$file ;; esac
    done
    # Dom0 is going down, and what xendomains holds is restored onto it
    if [ "$found" -eq 0 ] && ! saved_on "$1"; then
      device_of "$1" || exit 0
      if ! lock_held && device_unused "$1"; then
        stop_device "$1" && exit 0
      fi
    fi
    sleep 10
  done
}
