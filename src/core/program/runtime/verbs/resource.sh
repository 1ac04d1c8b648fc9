# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# DRBD resources of converge's own: the guest's disk on its image, on image and volume, on the volume. All by drbdsetup: no
# config of the host's is read for it or changed. See goals/resource.sh for what is what.

# first of what is tried: high, out of the way of what people number by hand
readonly FIRST_MINOR=900
readonly FIRST_PORT=7900
# as DRBD counts, in KiB a second: more than any disk
readonly NO_LIMIT=4194304
# what the copy takes at least, while the guest has its disk at work too: beyond that DRBD lets the guest go first
readonly COPIED_AT_LEAST=4096

# Metadata lies in memory, on a loop device that goes when DRBD lets go of it; the file stays as long as it may be needed.
meta_of() { # RESOURCE: sets META
  META=$RUN/$SAFE/drbd/$1
}

# with_meta RESOURCE COMMAND…: the command gets a loop device over its metadata as LOOP
with_meta() {
  local status
  meta_of "$1"
  shift
  run_answer losetup --find --show "$META" || return
  LOOP=$SAID
  "$@"
  status=$?
  set -- "$SAYS"
  # what DRBD has stays until it lets go
  run_command losetup --detach "$LOOP"
  says "$1"
  return "$status"
}

forget_meta() { # RESOURCE
  local loop
  meta_of "$1"
  [ -e "$META" ] || return 0
  # left by a run that died between the two
  for loop in $(loops_over "$META"); do
    run_command losetup --detach "$loop"
  done
  rm -f -- "$META"
}

# lay_leg RESOURCE DEVICE SECTORS: makes it, with a minor that nobody has (in MINOR), and gives it its disk
lay_leg() {
  local node
  own_directory "$RUN/$SAFE/drbd" && forget_meta "$1" || return
  node=$(readlink -e -- "$2") || {
    says "$2 is not there"
    return 1
  }
  run_command drbdsetup new-resource "$1" && take_minor "$1" || return
  # 36 KiB, and a bit for each 4 KiB of the disk (drbd_int.h); twice as much does no harm
  run_command truncate --size=$((1048576 + $3 / 32)) "$META" || return
  with_meta "$1" new_disk "$node" "$3"
}

new_disk() { # DEVICE SECTORS
  run_command drbdmeta --force "$MINOR" v08 "$LOOP" flex-external create-md && attach_disk "$@"
}

attach_disk() { # DEVICE SECTORS
  run_command drbdsetup attach "$MINOR" "$1" "$LOOP" flexible "--size=${2}s" --on-io-error=detach
}

# old_disk DEVICE SECTORS: with the metadata that it had, which DRBD left as it was
old_disk() {
  run_command drbdmeta --force "$MINOR" v08 "$LOOP" flex-external apply-al && attach_disk "$@"
}

# take_minor RESOURCE: the kernel gives each to one resource only; those that configs name are left alone
take_minor() {
  local reserved last
  reserved=$(drbdadm dump 2>>"$OUT" </dev/null 9>&-) || {
    says "drbdadm can not read the host's own config: which minors it means to use is not known"
    return 1
  }
  MINOR=$FIRST_MINOR last=$((FIRST_MINOR + 1000))
  while [ "$MINOR" -lt "$last" ]; do
    if [ ! -e "$ROOT/sys/block/drbd$MINOR" ] && [ ! -L "$ROOT/run/drbd/drbd-minor-$MINOR.conf" ] &&
      ! printf '%s\n' "$reserved" | grep -Eq "(minor[[:space:]]+|/dev/drbd)${MINOR}[[:space:];]"; then
      run_command drbdsetup new-minor "$1" "$MINOR" 0
      case $? in 0) return 0 ;; "$GIVEN_UP") return 1 ;; esac
    fi
    MINOR=$((MINOR + 1))
  done
  says "no free DRBD minor from $FIRST_MINOR on"
  return 1
}

# The kernel calls its helper when a copy begins, and takes a failure for a no. As it comes with drbd-utils the helper
# looks in the host's config for the resource, and does not find converge's; so it is told where to look, minor by minor, as
# drbdadm itself does it (/run/drbd). The helper and its setting, which is one for the whole kernel, stay as they are.
tell_helper() { # RESOURCE MINOR LOCAL REMOTE
  local file host helper
  file=$RUN/$SAFE/drbd/$1.conf
  read -r host <"$ROOT/proc/sys/kernel/hostname" || host=dom0
  mkdir -p "$ROOT/run/drbd" && cat >"$file" <<CONFIG && ln -sfn -- "$file" "$ROOT/run/drbd/drbd-minor-$2.conf" || return
# Made by converge, for DRBD's helper alone: drbdsetup made this resource, and drbdadm has no business with it.
resource "$1" {
  device minor $2;
  disk /dev/null;
  meta-disk internal;
  on "$host" { address $3; }
  on "not-$host" { address $4; }
}
CONFIG
  read -r helper <"$ROOT/sys/module/drbd/parameters/usermode_helper" || helper=
  case $helper in '' | disabled) return 0 ;; esac
  # as the kernel calls it
  run_command env -i HOME=/ TERM=linux PATH=/sbin:/usr/sbin:/bin:/usr/bin "$ROOT$helper" before-resync-source "minor-$2" && return 0
  says "DRBD's helper ($helper) says no to a resource that the host's config does not name, and it is not converge's to change"
  return 1
}

forget_helper() { # RESOURCE
  local link
  for link in "$ROOT"/run/drbd/drbd-minor-*.conf; do
    [ -L "$link" ] && [ "$(readlink -- "$link")" = "$RUN/$SAFE/drbd/$1.conf" ] && rm -f -- "$link"
  done
  rm -f -- "$RUN/$SAFE/drbd/$1.conf"
}

# forget_scraps RESOURCE: what belongs to it beside itself
forget_scraps() {
  forget_meta "$1" && forget_helper "$1"
  [ ! -d "$RUN/$SAFE/drbd" ] || rmdir -- "$RUN/$SAFE/drbd" 2>/dev/null
  return 0
}

# make_resource NAME DEVICE SECTORS
verb_make_resource() {
  resource_of "$1"
  case $? in
    0)
      if [ -n "$LOWER" ] && same_device "$LOWER" "$2" && holds_all "$MINOR"; then
        # a mirror that could not be taken back, or a link that was not made any more
        drop_copy && resource_of "$1" && make_primary "$1"
        return
      fi
      device_unused "$1" || {
        says "/dev/$1 has lost its disk, and the guest has it still: restart the guest"
        return 1
      }
      stop_resource "$1" || return
      ;;
    1) stop_resource "$1" || return ;;
    *) return 1 ;;
  esac
  lay_leg "$RESOURCE" "$2" "$3" && resource_of "$1" && make_primary "$1"
}

# no_discards: what a guest discards would make holes in an image that was without any. DRBD asks the disks below anew what they
# take whenever it gets one, and whenever two ends meet (drbd_reconsider_queue_parameters).
no_discards() {
  local most
  most=$ROOT/sys/block/drbd$MINOR/queue/discard_max_bytes
  [ ! -w "$most" ] || echo 0 >"$most"
}

make_primary() { # NAME
  no_discards
  minor_state "$MINOR"
  [ "$ROLE" = Primary ] || run_command drbdsetup primary "$MINOR" --force || return
  # another guest's run may be about to remove the directory
  has_link "$1" || link_device "$1" || link_device "$1" || {
    says "cannot make /dev/$1"
    return 1
  }
}

link_device() { # NAME
  mkdir -p "$ROOT/dev/drbd" && chmod 0755 "$ROOT/dev/drbd" && ln -sfn "../drbd$MINOR" "$ROOT/dev/$1"
}

# connect_resource NAME FROM TO SECTORS KIB: KIB a second at most, 0 for no limit
verb_connect_resource() {
  local name
  name=$1
  resource_of "$name" || return
  same_device "$LOWER" "$2" && holds_all "$MINOR" || {
    says "the image gives errors: /dev/$name has lost it (DRBD says: ${DISK:-no disk})"
    return 1
  }
  # left over from a run that died
  drop_copy || return
  lay_leg "$RESOURCE.copy" "$3" "$4" && resource_of "$name" || return
  # what is copied before anybody looks must not be all of it
  LIMIT=0
  begins "$name"
  limit_copy "$5" $(($4 / 16)) && connect_legs
}

# limit_copy KIB MOST: KIB a second, or with 0 as fast as it goes and the guest lets it, but no more than MOST. The controller that
# is there by default crawls on one host (268 KiB a second, seen).
limit_copy() {
  local kib least minor
  # a rate that was asked for is what the guest leaves; c-min-rate 0 has DRBD look at nothing else
  kib=$1 least=0
  [ "$kib" -gt 0 ] || kib=$NO_LIMIT least=$COPIED_AT_LEAST
  [ "$kib" -le "$2" ] || kib=$2
  [ "$kib" -gt 0 ] || kib=1
  # a little more or less is not worth two processes
  [ "$kib" -lt $((LIMIT * 7 / 8)) ] || [ "$kib" -gt $((LIMIT * 2)) ] || return 0
  LIMIT=$kib
  for minor in "$MINOR" "$COPY_MINOR"; do
    run_command drbdsetup disk-options "$minor" --c-plan-ahead=0 "--resync-rate=$kib" "--c-min-rate=$least" || return
  done
}

# connect_legs: at a port that nobody has; the kernel gives each end to one connection only
connect_legs() {
  local port last reserved
  reserved=$(drbdadm dump 2>>"$OUT" </dev/null 9>&-) || reserved=
  port=$FIRST_PORT last=$((FIRST_PORT + 200))
  while [ "$port" -lt "$last" ]; do
    if ! port_taken "$port" && ! printf '%s\n' "$reserved" | grep -q ":$port;"; then
      tell_helper "$RESOURCE" "$MINOR" "127.0.0.1:$port" "127.0.0.2:$port" &&
        tell_helper "$COPY" "$COPY_MINOR" "127.0.0.2:$port" "127.0.0.1:$port" || return
      if run_command drbdsetup connect "$RESOURCE" "127.0.0.1:$port" "127.0.0.2:$port" --protocol=C; then
        run_command drbdsetup connect "$COPY" "127.0.0.2:$port" "127.0.0.1:$port" --protocol=C && await_connected && {
          no_discards
          return 0
        }
        run_command drbdsetup disconnect "127.0.0.1:$port" "127.0.0.2:$port"
        return 1
      fi
    fi
    port=$((port + 1))
  done
  says "no free port for DRBD from $FIRST_PORT on"
  return 1
}

# port_taken PORT: /proc/net/tcp writes them in hexadecimal
port_taken() {
  local hex
  hex=$(printf '%04X' "$1")
  grep -Eqs "^ *[0-9]+: [0-9A-F]+:$hex " "$ROOT/proc/net/tcp" "$ROOT/proc/net/tcp6"
}

await_connected() {
  local tries
  tries=150
  until minor_state "$MINOR" && connected && [ "$CONNECTION" != WFReportParams ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "$RESOURCE and $COPY do not reach each other (DRBD says: ${CONNECTION:-nothing})"
      return 1
    }
    sleep 0.1
  done
}

# both_disks: neither has failed, as resource_of found them. Sets BEHIND. LOOKS_APART counts looks, since a copy begins, and is
# broken off, a moment before the states say so.
both_disks() {
  minor_state "$COPY_MINOR" || return 1
  case $DISK in
    Inconsistent | UpToDate | Negotiating | Attaching) ;;
    *)
      says "the volume gives errors (DRBD says: ${DISK:-no disk})"
      return 1
      ;;
  esac
  minor_state "$MINOR" || return 1
  [ "$DISK" = UpToDate ] || {
    says "the image gives errors (DRBD says: ${DISK:-no disk})"
    return 1
  }
  LOOKS_APART=$((LOOKS_APART + 1))
  case $CONNECTION in
    SyncSource | PausedSyncS) LOOKS_APART=0 ;;
    Connected) [ "$PEER_DISK" != UpToDate ] || LOOKS_APART=0 ;;
  esac
  [ "$LOOKS_APART" -lt 50 ] || {
    says "$RESOURCE and $COPY lost each other (DRBD says: $CONNECTION)"
    return 1
  }
}

# await_resource NAME FROM TO BYTES KIB IMAGE: until so little is left that it could be copied between two looks; that is kept
verb_await_resource() {
  local name bytes began next base done_bytes kib before left
  name=$1 bytes=$4 kib=$5 LOOKS_APART=0 before='' LIMIT=0
  resource_of "$name" && [ -n "$COPY" ] || return 1
  since_when "$name"
  began=$MIRROR_BEGAN base=$MIRROR_BASE next=$UPTIME
  keep_watched "$name" "$6" "$2" "$ROOT/dev/$name" || return
  while :; do
    both_disks || return 1
    left=${BEHIND:-0}
    [ "$PEER_DISK" != UpToDate ] || left=0
    done_bytes=$((bytes - left * 1024))
    [ "$done_bytes" -ge 0 ] || done_bytes=0
    [ -n "$base" ] || base=$done_bytes
    [ -n "$before" ] || before=$left
    uptime_now
    if [ "$left" -le 1024 ] || [ "$left" -le $(((before - left) * 2)) ]; then
      nobody_around || return
      tell_mirrored "$began" "$base" "$done_bytes" "$bytes"
      break
    fi
    if [ "$UPTIME" -ge "$next" ]; then
      next=$((UPTIME + 100))
      nobody_around || return
      tell_mirrored "$began" "$base" "$done_bytes" "$bytes"
    fi
    # not all of what is left before the next look
    limit_copy "$kib" $((left / 2)) || return
    before=$left
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  # sometimes it was faster: then both are equal already
  [ "$left" -eq 0 ] || pause_copy || return
  mirrored "$began" "$base" "$done_bytes" "$bytes"
}

# pause_copy: the volume's end stops it, which is what both heed
pause_copy() {
  minor_state "$COPY_MINOR"
  [ "$DISK" != UpToDate ] || return 0
  case $FLAGS in *u*) return 0 ;; esac
  run_command drbdsetup pause-sync "$COPY_MINOR" && return 0
  minor_state "$COPY_MINOR"
  [ "$DISK" = UpToDate ]
}

# complete_resource NAME FROM TO BYTES
verb_complete_resource() {
  LOOKS_APART=0
  resource_of "$1" && [ -n "$COPY" ] || return 1
  minor_state "$COPY_MINOR"
  case $FLAGS in *u*) run_command drbdsetup resume-sync "$COPY_MINOR" || return ;; esac
  await_last "$4" both_disks holds_all "$COPY_MINOR"
}

# hold_resource NAME: the guest is paused, and what it had asked for before that gets to both disks. DRBD is not told to hold
# anything: of the requests that are under way when `drbdsetup suspend-io` comes, some never end (8.4.11, seen: one in 25 times
# under four writers), and the guest would wait for them for good. That nothing comes after all is seen from what was written.
hold_resource() {
  resource_of "$1" && [ -n "$COPY" ] && rest_resource "$1"
}

# rest_resource NAME: until nothing is under way in it, as resource_of found it, and nothing is left in Dom0 that would come later
rest_resource() {
  local tries quiet
  tries=300 quiet=0
  # blkback takes what is in its ring one after the other
  while [ "$quiet" -lt 10 ]; do
    quiet=$((quiet + 1))
    # what an HVM guest writes by an emulated disk its QEMU leaves in Dom0's cache, from where it comes at any moment, paused or not.
    # Without a disk it would wait for that here; there it was done before.
    [ "$quiet" -ne 5 ] || [ -z "$LOWER" ] || run_command sync "$ROOT/dev/$1" || return
    at_rest "$MINOR" && { [ -z "$COPY" ] || at_rest "$COPY_MINOR"; } || quiet=0
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "what is under way in /dev/$1 does not end"
      return 1
    }
    sleep 0.1
  done
}

# while_still NAME COMMAND…: with the guest paused, and nothing under way in its device. A write that the second resource has
# not acknowledged when its connection goes comes back to the guest as an error, for all that DRBD was told to let writes
# wait: it keeps those that come after, and of those before only what had begun on a disk of its own (8.4.11, seen). Whatever
# becomes of the command, the guest runs on.
while_still() {
  local name status
  name=$1
  shift
  domain_state "$DOMAIN"
  case $? in
    0)
      case $STATE in
        # it does nothing any more
        *[scd]*) status=0 ;;
        *) verb_pause_guest "$DOMAIN" -- xl pause -- "$DOMAIN" && resource_of "$name" && rest_resource "$name"; status=$? ;;
      esac
      ;;
    1) status=0 ;;
    *) return 1 ;;
  esac
  [ "$status" -ne 0 ] || "$@" || status=$?
  held_here || return "$status"
  set -- "$SAYS"
  verb_release_disks "$DOMAIN" || return
  says "$1"
  return "$status"
}

# cut_resource NAME FROM TO SECTORS running|offline
verb_cut_resource() {
  local status away held
  resource_of "$1" || return 1
  if ! committing || [ -n "$COPY" ]; then
    same_device "$COPY_LOWER" "$3" && holds_all "$COPY_MINOR" || {
      says "the volume gives errors (DRBD says: ${DISK:-no disk})"
      return 1
    }
    # an image that failed after the last look is no obstacle any more, for the volume has it all
    holds_all "$MINOR" ||
      journal note message "the image behind /dev/$1 gives errors (DRBD says: ${DISK:-no disk}): the volume holds everything, and takes over"
  fi
  away=$TICKER held=$HELD_CENTIS
  guest_away
  while_still "$1" commit_swap "$@"
  status=$?
  # of a guest that is down nobody waits
  if [ "$status" -eq 0 ] && [ "$HELD_CENTIS" -gt "$held" ]; then exchanged $((HELD_CENTIS - held)) 1; fi
  # where that failed its writes may wait still
  if [ "$status" -ne 0 ]; then guest_away; elif [ -z "$away" ]; then guest_here; fi
  return "$status"
}

commit_swap() { # NAME FROM TO SECTORS running|offline
  local status said
  verb_commit_live "$DOMAIN" "$5" "$1" "$3" "$2" -- drbdsetup resource-options "$RESOURCE" --on-no-data-accessible=suspend-io && {
    swap_legs "$1" "$3" "$4"
    return
  }
  status=$? said=$SAYS
  # it may have been told all the same, and an image that fails later is to give errors
  committing || [ "$status" -eq "$GIVEN_UP" ] || run_command drbdsetup resource-options "$RESOURCE" --on-no-data-accessible=io-error
  says "$said"
  return "$status"
}

# swap_legs NAME TO SECTORS: the volume becomes the disk of the guest's device, from wherever an earlier try got to
swap_legs() {
  local status
  resource_of "$1" || return 1
  if [ -n "$LOWER" ] && ! same_device "$LOWER" "$2"; then
    [ -n "$COPY" ] && holds_all "$COPY_MINOR" || {
      says "$2 gives errors: $DOMAIN runs on $LOWER alone"
      return 1
    }
    run_command drbdsetup resource-options "$RESOURCE" --on-no-data-accessible=suspend-io &&
      run_command drbdsetup detach "$MINOR" || return
    LOWER=
  fi
  if [ -z "$LOWER" ]; then
    take_down_copy || return
    with_meta "$RESOURCE.copy" old_disk "$(readlink -e -- "$2")" "$3" || {
      status=$?
      # writes have waited long enough: by way of the second resource again
      put_copy_back "$2" "$3"
      return "$status"
    }
  else
    take_down_copy || return
  fi
  disconnect_own
  run_command drbdsetup resource-options "$RESOURCE" --on-no-data-accessible=io-error || return
  forget_scraps "$RESOURCE.copy"
  forget_scraps "$RESOURCE"
}

# take_down_copy: not asked whether the other end minds, which waits for what comes next
take_down_copy() {
  [ -n "$COPY" ] || return 0
  [ -z "$COPY_LOCAL" ] || run_command drbdsetup disconnect "$COPY_LOCAL" "$COPY_REMOTE" --force || return
  run_command drbdsetup down "$COPY"
}

disconnect_own() {
  [ -n "$LOCAL" ] || return 0
  run_command drbdsetup disconnect "$LOCAL" "$REMOTE" || run_command drbdsetup disconnect "$LOCAL" "$REMOTE" --force
}

put_copy_back() { # DEVICE SECTORS
  local minor said
  said=$SAYS minor=$MINOR
  if [ -n "$LOCAL" ] && run_command drbdsetup new-resource "$RESOURCE.copy" && take_minor "$RESOURCE.copy" &&
    with_meta "$RESOURCE.copy" old_disk "$(readlink -e -- "$1")" "$2" &&
    run_command drbdsetup connect "$RESOURCE.copy" "$REMOTE" "$LOCAL" --protocol=C; then
    journal note message "$DOMAIN runs on its volume by way of $RESOURCE.copy"
  else
    journal note message "the writes of $DOMAIN wait: $SAYS"
  fi
  MINOR=$minor
  says "$said"
}

# drop_copy: the guest's device has all, and goes on alone
drop_copy() {
  if [ -n "$COPY" ]; then
    disconnect_own || return
    take_down_copy || return
  elif [ -n "$LOCAL" ]; then
    disconnect_own || return
  fi
  forget_helper "$RESOURCE"
  forget_scraps "$RESOURCE.copy"
}

# collapse_resource NAME FROM TO SECTORS: the complete disk alone
verb_collapse_resource() {
  local name
  name=$1
  resource_of "$name"
  case $? in
    0) ;;
    # nothing to take back
    1) return 0 ;;
    *) return 1 ;;
  esac
  if committing; then
    while_still "$name" swap_legs "$name" "$3" "$4"
    return
  fi
  takes_apart
  if [ -z "$LOWER" ] && [ -n "$COPY" ]; then
    holds_all "$COPY_MINOR" && {
      says "$2 gives errors: $DOMAIN runs on $3 alone"
      return 1
    }
    drop_copy && resource_of "$name" && with_meta "$RESOURCE" old_disk "$(readlink -e -- "$2")" "$4" || return
    no_discards
    journal note message "/dev/$name had lost the image to an error, and has it again: look after the file system of $DOMAIN"
    return 0
  fi
  drop_copy
}

stop_resource() { # NAME
  local tries
  resource_of "$1"
  case $? in
    0)
      tries=25
      # udev may have it open for an instant
      until run_command drbdsetup down "$RESOURCE"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] && [ "$HUNG" -eq 0 ] || return 1
        sleep 0.2
      done
      ;;
    1) ;;
    *) return 1 ;;
  esac
  take_down_copy || return
  [ ! -L "$ROOT/dev/$1" ] || rm -f -- "$ROOT/dev/$1"
  rmdir -- "$ROOT/dev/drbd" 2>/dev/null
  forget_scraps "$RESOURCE.copy"
  forget_scraps "$RESOURCE"
}
