# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Exclusive use: nobody but the guest has its image, and nobody at all its volume. Xen's scripts do not look for that.

verb_guard_free() { # PATH NAME [LINK [UNDER]]: LINK to a loop of this run's own, on which its own device UNDER lies
  local own loop link
  link=
  [ -z "${3:-}" ] || link=$(readlink -- "$3")
  own=-
  if [ -n "$2" ]; then
    domid_of "$2"
    case $? in 0) own=$DOMID ;; 1) ;; *) return 1 ;; esac
  fi
  # other guests first: their loops are then told by name
  not_attached "$1" "$own" || return
  for loop in $(loops_over "$1"); do
    if [ "$loop" = "$link" ]; then
      nothing_on "$loop" "$1" "${4:-}" || return
      continue
    fi
    nothing_on "$loop" "$1" || return
    [ "$own" != - ] && loop_of_domain "$loop" "$own" || {
      says "$1 is in use by $loop, which is not ${2:-a guest}'s"
      return 1
    }
  done
  ! is_exported "$1" || {
    says "$1 is exported by Dom0's kernel: $EXPORT"
    return 1
  }
  written_by "$1" "$own" || return 0
  says "$1 is open $WRITER"
  return 1
}

verb_guard_volume() { # VG/LV [UNDER]: the guest goes to it, or has it by way of UNDER, a device of this run's own
  local device loop
  device=$ROOT/dev/$1
  not_attached "$device" - && nothing_on "$device" "$1" "${2:-}" || return
  for loop in $(loops_over "$device"); do
    says "$1 is in use: $loop lies on it"
    return 1
  done
  domid_of "$DOMAIN"
  case $? in 0) loop=$DOMID ;; 1) loop=- ;; *) return 1 ;; esac
  ! is_exported "$device" || {
    says "$1 is exported by Dom0's kernel: $EXPORT"
    return 1
  }
  if written_by "$device" "$loop"; then
    says "$1 is open $WRITER"
    return 1
  fi
  # what lies on it, this run's mounts and who was seen count too: only where there is none of these the count says something
  [ -n "${2:-}" ] || [ -n "$OPENED" ] || ! is_open_still "$device" || {
    says "$1 is open, and not by a process that can be seen (dmsetup info)"
    return 1
  }
}

# is_exported FILE: the kernel serves it to other hosts itself (iSCSI and the like by LIO, NVMe over a network), and no process has it
# open. Sets EXPORT.
is_exported() {
  local path on
  for EXPORT in "$ROOT"/sys/kernel/config/target/core/*/*/udev_path "$ROOT"/sys/kernel/config/nvmet/subsystems/*/namespaces/*/device_path; do
    [ -r "$EXPORT" ] && read -r path <"$EXPORT" && [ -n "$path" ] || continue
    EXPORT=${EXPORT%/*} on=1
    # a namespace of NVMe that is switched off has nothing open
    [ ! -r "$EXPORT/enable" ] || read -r on <"$EXPORT/enable" || on=1
    [ "$on" != 0 ] || continue
    # shellcheck disable=SC3013 # dash, bash and busybox have it
    [ ! "$path" -ef "$1" ] || return 0
  done
  return 1
}

# written_by PATH DOMID: sets WRITER, how and by which process it is open: one that may write to the file or the device and is neither
# this run's nor the QEMU of the guest DOMID (`-`: of none), or the QEMU of another guest that only reads it, since a disk of that one is
# laid over it. Sets OPENED, whether anybody has it open at all. Who is just looking (udev, LVM) is gone soon.
written_by() {
  local tries
  for tries in 1 2 3; do
    [ "$tries" -eq 1 ] || sleep 0.5
    find_writer "$1" "$2" || return 1
  done
}

# find_writer PATH DOMID: names of what is open are looked at and not followed, as what lies on a server that does not answer would hang.
# A process for each kind, however many processes there are.
find_writer() {
  local name real fd pid blocks
  OPENED='' WRITER='' blocks='' TREE=
  node_number "$1" && [ "$NODE" != 0:0 ] || NODE=-
  tree_of $$
  if [ "$NODE" = - ]; then
    name=$(quoted_name "$1")
    real=$(readlink -f -- "$1") && real=$(quoted_name "$real") || real=$name
    set -- "$1" "$2" \( -lname "*/$name" -o -lname "*/$real" -o -lname "*/$real (deleted)" \)
  else
    set -- "$1" "$2" -lname '*/dev/*' ! -xtype c
  fi
  real=$1 name=$2
  shift 2
  # shellcheck disable=SC2044 # numbers, under /proc
  for fd in $(find "$ROOT"/proc/[0-9]*/fd -mindepth 1 -maxdepth 1 "$@" -print 2>/dev/null 9>&-) $(by_inode "$real"); do
    # shellcheck disable=SC3013 # dash, bash and busybox have it
    if [ "$fd" -ef "$real" ]; then
      ! writes_by "$fd" "$name" || return 0
    elif [ "$NODE" != - ] && [ -b "$fd" ]; then
      blocks="$blocks $fd"
    fi
  done
  # the same device by another node
  [ -n "$blocks" ] || return 1
  # shellcheck disable=SC2086 # names in /proc
  while read -r pid fd; do
    [ -n "$fd" ] && [ "$((0x${pid%:*})):$((0x${pid#*:}))" = "$NODE" ] || continue
    ! writes_by "$fd" "$name" || return 0
  done <<LIST
$(stat -L -c '%t:%T %n' -- $blocks 2>/dev/null 9>&-)
LIST
  return 1
}

# by_inode PATH: what is open of a file's inode, whatever it is called: by a hard link, or by a mount of this one file into a container.
# Kernels say it from 5.15 on; of an older one names are all that there is. Another file system may have the number too, and one that
# does not answer is not waited for.
by_inode() {
  local inode fd
  [ "$NODE" = - ] && inode=$(stat -L -c %i -- "$1" 2>/dev/null 9>&-) || return 0
  find "$ROOT"/proc/[0-9]*/fdinfo -mindepth 1 -maxdepth 1 -exec grep -ls "^ino:[[:blank:]]*$inode\$" {} + 2>/dev/null 9>&- | sed 's|/fdinfo/\([0-9]*\)$|/fd/\1|' | while read -r fd; do
    # shellcheck disable=SC2016,SC3013
    ! timeout -s KILL 5 sh -c '[ "$1" -ef "$2" ]' sh "$fd" "$1" 2>/dev/null 9>&- || printf '%s\n' "$fd"
  done
}

# quoted_name PATH: its last part, as a pattern that fits that only
quoted_name() {
  printf '%s' "${1##*/}" | sed 's/[][*?\\]/\\&/g'
}

# writes_by FD DOMID: /proc/PID/fd/NUMBER of a stranger's, who may write by it, or has a guest's disk laid over it; sets OPENED and WRITER
writes_by() {
  local pid key flags how
  pid=${1#"$ROOT/proc/"} flags=
  pid=${pid%%/*}
  OPENED=1
  while read -r key flags; do [ "$key" != flags: ] || break; done 2>/dev/null <"$ROOT/proc/$pid/fdinfo/${1##*/}"
  # the last two bits of an octal number (O_ACCMODE): 0 is reading
  case $flags in *[1-35-7]) how='for writing by' ;; *) how='below a disk of another guest, by' ;; esac
  case " $TREE " in *" $pid "*) return 1 ;; esac
  [ "$2" = - ] || ! is_qemu_of "$2" "$pid" || return 1
  # xenstore names the upper file alone, and QEMU only reads what is below it
  [ "$how" = 'for writing by' ] || is_qemu_of '' "$pid" || return 1
  WRITER='a process'
  { read -r WRITER <"$ROOT/proc/$pid/comm"; } 2>/dev/null
  WRITER="$how $WRITER ($pid)"
}

# is_qemu_of DOMID PID: of that guest; '': of any
is_qemu_of() {
  tr '\000' '\n' 2>/dev/null <"$ROOT/proc/$2/cmdline" | awk -v domid="$1" '
    NR == 1 { qemu = /qemu/ }
    domid != "" && (before == "-xen-domid" || before == "-d") && $0 == domid { found = 1 }
    (before == "-xen-domid" || (before == "-d" && qemu)) && domid == "" && /^[0-9]+$/ { found = 1 }
    { before = $0 }
    END { exit !found }'
}

# is_open_still DEVICE: by device-mapper's own count; udev and LVM open it for a moment. This run has not mounted it.
is_open_still() {
  local tries count
  node_number "$1" && [ -z "$(mounts_of "$1" "$NODE")" ] || return 1
  for tries in 1 2 3 4 5 6; do
    [ "$tries" -eq 1 ] || sleep 0.5
    count=$(dmsetup info -c --noheadings -o open --major "${NODE%:*}" --minor "${NODE#*:}" 2>/dev/null 9>&-) || return 1
    case $count in '' | *[!0-9]* | 0) return 1 ;; esac
  done
}

# not_attached PATH OWN: no guest but the domain OWN has the file, or the device, by whatever name
not_attached() {
  local rest disk domid type device path
  list_disks || return
  node_number "$1" || NODE=-
  rest=$DISKS
  while [ -n "$rest" ]; do
    disk=${rest%%"$LINE"*} rest=${rest#*"$LINE"}
    domid=${disk%% *} disk=${disk#* }
    type=${disk%% *} disk=${disk#* }
    device=${disk%% *}
    # params of qdisk have the format before the path: `aio:/dev/…`
    path=/${disk#*/}
    [ -n "$domid" ] && [ "$domid" != "$2" ] || continue
    # shellcheck disable=SC3013 # dash, bash and busybox have it
    [ "$path" -ef "$1" ] || serves "$type-$domid-$device" "$NODE" || continue
    says "another guest has $1: $(xenstore-read "/local/domain/$domid/name" 2>/dev/null) ($domid)"
    return 1
  done
}

# serves BACKEND NUMBER: Dom0's kernel serves the device of that number by it
serves() {
  local number
  [ -r "$BACKENDS/$1/physical_device" ] && read -r number <"$BACKENDS/$1/physical_device" || return 1
  # 0:0 is one that it has not opened yet
  case $number in 0:0 | *[!0-9a-f:]* | *:*:* | :* | *:) return 1 ;; *:*) ;; *) return 1 ;; esac
  [ "$((0x${number%:*})):$((0x${number#*:}))" = "$2" ]
}

# DISKS: a line `3 vbd 51712 /srv/disk.img` for each disk that xenstore has of any guest, with its params. A step looks once; whoever
# waits in a step forgets it, and looks anew.
DISKS=

# list_disks: sets DISKS. 1: xenstore does not say. Four processes, however many guests there are: on a host with dozens of
# them one for each would take longer than all else that is looked at before a switch.
list_disks() {
  local keys targets rest
  [ -z "$DISKS" ] || return 0
  keys="$(xenstore-list -p /local/domain/0/backend/vbd 2>/dev/null 9>&-) $(xenstore-list -p /local/domain/0/backend/qdisk 2>/dev/null 9>&-)"
  numbered "$keys"
  if [ -z "$KEYS" ]; then
    [ "$(xenstore-read /local/domain/0/name 2>/dev/null 9>&-)" = Domain-0 ] || {
      says 'xenstore cannot say which disks the guests have'
      return 1
    }
    DISKS=$LINE
    return 0
  fi
  # shellcheck disable=SC2086 # keys of xenstore, numbers at their end
  keys=$(xenstore-list -p $KEYS 2>/dev/null 9>&-) || keys=$(one_by_one list -p $KEYS)
  numbered "$keys"
  [ -n "$KEYS" ] || {
    DISKS=$LINE
    return 0
  }
  # shellcheck disable=SC2086
  set -- $KEYS
  for rest in "$@"; do
    shift
    set -- "$@" "$rest/params"
  done
  # where one has gone meanwhile, or has no such word, it ends there
  targets=$(xenstore-read -R "$@" 2>/dev/null 9>&-)$LINE && lines_are $# "$targets" || targets=$(one_by_one read -R "$@")$LINE
  for rest in $KEYS; do
    rest=${rest#/local/domain/0/backend/}
    set -- "${rest%%/*}" "${rest#*/}"
    DISKS="$DISKS${2%/*} $1 ${2#*/} ${targets%%"$LINE"*}$LINE"
    targets=${targets#*"$LINE"}
  done
}

# numbered KEYS: sets KEYS, those that end in a number
numbered() {
  local key
  KEYS=
  for key in $1; do
    case ${key##*/} in '' | *[!0-9]*) ;; *) KEYS="$KEYS $key" ;; esac
  done
}

# lines_are NUMBER TEXT: so many lines it has
lines_are() {
  local rest number
  rest=$2 number=0
  while [ -n "$rest" ]; do
    rest=${rest#*"$LINE"} number=$((number + 1))
  done
  [ "$number" -eq "$1" ]
}

# one_by_one list|read OPTION KEY…: what is not there any more is left out of a list, and an empty line of what is read
one_by_one() {
  local what option key
  what=$1 option=$2
  shift 2
  for key in "$@"; do
    key=$("xenstore-$what" "$option" "$key" 2>/dev/null 9>&-)
    # a line is a line: one in what is read would be taken for that of the next
    [ "$what" = list ] || key=${key%%"$LINE"*}
    [ "$what" = list ] && [ -z "$key" ] || printf '%s\n' "$key"
  done
}

# nothing_on DEVICE WHAT [UNDER]: Dom0 has neither it nor a partition of it mounted, and nothing lies on it but UNDER.
# What this run has mounted is no stranger's.
nothing_on() {
  local under second base part holder number found
  under=- second=-
  [ -z "${3:-}" ] || ! node_number "$3" || under=$NODE
  # a volume that DRBD mirrors to has the second of two resources on it
  case ${3:-} in
    "$ROOT"/dev/drbd/*)
      # apart: whoever waits for one disk's mirror must not come to look at another's
      second=$(resource_of "drbd/${3##*/}" && [ -n "$COPY_MINOR" ] && node_number "$ROOT/dev/drbd$COPY_MINOR" && printf '%s' "$NODE") || second=-
      ;;
  esac
  node_number "$1" || {
    says "$1 is not there"
    return 1
  }
  base=$ROOT/sys/dev/block/$NODE
  found=$(mounts_of "$1" "$NODE" "$RUN/$SAFE/")
  [ -z "$found" ] || {
    says "$2 is mounted on $found"
    return 1
  }
  for part in "$base" "$base"/*; do
    [ "$part" = "$base" ] || [ -e "$part/partition" ] || continue
    if [ "$part" != "$base" ] && read -r number <"$part/dev"; then
      found=$(mounts_of "/dev/${part##*/}" "$number" "$RUN/$SAFE/")
      [ -z "$found" ] || {
        says "$2 is mounted on $found: a partition of it"
        return 1
      }
    fi
    for holder in "$part"/holders/*; do
      [ -e "$holder" ] || continue
      number=
      read -r number <"$holder/dev"
      case $number in "$under" | "$second") continue ;; esac
      says "$2 is in use: ${holder##*/} lies on it"
      return 1
    done
  done
  swaps_on "$NODE" || return 0
  says "$2 is swap space of Dom0's"
  return 1
}

# swaps_on NUMBER
swaps_on() {
  local path rest number
  number=$1
  [ -r "$ROOT/proc/swaps" ] || return 1
  while read -r path rest; do
    case $path in "$ROOT"/dev/*) node_number "$path" && [ "$NODE" = "$number" ] && return 0 ;; esac
  done <"$ROOT/proc/swaps"
  return 1
}

# mounts_of DEVICE [NUMBER [OWN]]: the first place where it is mounted that does not begin with OWN
mounts_of() {
  awk -v device="$1" -v number="${2:--}" -v own="${3:--}" '{
    if (index($5, own) == 1) next
    if ($3 == number) { print $5; exit }
    for (i = 6; i < NF; i++) if ($i == "-" && $(i + 2) == device) { print $5; exit }
  }' "$ROOT/proc/self/mountinfo"
}

loop_of_domain() { # LOOP DOMID
  local type device
  node_number "$1" || return 1
  for device in "$BACKENDS"/vbd-"$2"-*; do
    ! serves "${device##*/}" "$NODE" || return 0
  done
  # Dom0's kernel may not have it yet
  while read -r type device; do
    [ -n "$device" ] && [ "$(backend_value "$2" "$type" "$device" node)" = "$1" ] && return 0
  done <<LIST
$(backends_of "$2")
LIST
  return 1
}

# keep_watched NAME IMAGE LINK UNDER: from here on the mirror NAME is worth something only while nobody has the image but by UNDER
keep_watched() {
  mkdir -p "$HERE/watched" && printf '%s\n' "$2" "$3" "$4" >"$HERE/watched/${1##*/}" && return 0
  says "cannot write that $2 is watched"
  return 1
}

# nobody_around: since the last look nobody has had a watched image around its mirror. Who writes to it there makes image
# and volume differ, and the mirror does not know. A guest's domain id tells that it has been started since, by itself
# or by somebody else: then it has to be on its mirrors again. Between two looks no guest starts, writes and is gone.
WATCHED_DOMID=
nobody_around() {
  local file image link under domid
  DISKS=
  domid_of "$DOMAIN"
  case $? in
    0) domid=$DOMID ;;
    1) domid=- ;;
    *) return 1 ;;
  esac
  for file in "$HERE"/watched/*; do
    [ -e "$file" ] || continue
    { IFS= read -r image && IFS= read -r link && IFS= read -r under; } <"$file" || continue
    if [ "$domid" != "$WATCHED_DOMID" ] || [ "$(loops_over "$image")" != "$(readlink -- "$link")" ]; then
      verb_guard_free "$image" '' "$link" "$under" || {
        says "the mirror is void: $SAYS"
        return 1
      }
    fi
  done
  case $WATCHED_DOMID in
    '' | "$domid") ;;
    *) [ "$domid" = - ] || journal note message "$DOMAIN has been started anew meanwhile, on its mirrors" ;;
  esac
  WATCHED_DOMID=$domid
}
