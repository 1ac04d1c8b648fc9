# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The runtime of a converge program: runs on Dom0 under /bin/sh, be it dash, bash or busybox. No `set -e` (it is
# silent in conditions, and differs between shells): what can fail is looked at where it is called. `local` is the
# one thing here that POSIX lacks and all three have. Goals and verbs are called by name, which shellcheck cannot see.
set -u
umask 077
LC_ALL=C
# lvm complains about every descriptor that it inherits
LVM_SUPPRESS_FD_WARNINGS=1
PATH=${PATH:-/usr/sbin:/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL LVM_SUPPRESS_FD_WARNINGS PATH
unset CDPATH
# only the tests set this prefix of all paths
ROOT=${CONVERGE_ROOT:-}
BOOKS=$ROOT/var/lib/converge
RUN=$ROOT/run/converge
UNITS=$ROOT/etc/systemd/system
# where xendomains saves guests (find_saved)
SAVED=$ROOT/var/lib/xen/save
BACKENDS=$ROOT/sys/bus/xen-backend/devices

# HERE: this run's directory. BOOK: the domain's, where the lock and the history are.
HERE=$(cd -P -- "${0%/*}" && pwd -P) || exit 1
BOOK=${HERE%/*/*}
JOURNAL=$HERE/journal.jsonl
OUT=$HERE/out/program.log

# about DOMAIN SAFE_NAME DIGEST CONFIG: whose program this is
about() {
  DOMAIN=$1 SAFE=$2 DIGEST=$3 CONFIG=$4
}

# says TEXT: what a goal or a verb has to say about its failing
says() {
  SAYS=$1
}
SAYS=

# kept FILE…: they are on disk, also when the power goes now. coreutils before 8.24 sync everything or nothing.
kept() {
  sync "$@" 2>/dev/null || sync
}

# opens FILE: it can be written to. By printf, here and wherever a file is made empty: `:` is a special builtin, and a shell whose
# special builtin can not open a file ends at once (POSIX, 2.8.1), with the guest down.
opens() {
  { printf '' >>"$1"; } 2>/dev/null
}

# write_kept FILE TEXT: a small file, whole or not there. Where room was set aside for it (set_aside) that is written over.
write_kept() {
  if [ -e "$1.new" ]; then
    printf '%s\n' "$2" 1<>"$1.new" && truncate -s "$(($(printf '%s\n' "$2" | wc -c)))" -- "$1.new"
  else
    printf '%s\n' "$2" >"$1.new"
  fi && kept "$1.new" && mv -f "$1.new" "$1" && kept "${1%/*}"
}

# what says how a run has ended, and what it has left
readonly LAST_WORDS='ended unfinished left unstarted'

# set_aside: while there is room, a block for each of them. A run that can not write that it has ended is found dead, be it days
# later, and taken back then: whoever stopped the guest meanwhile would have it started. To write over a block, and to rename
# it, takes no room, and nobody else can have it.
set_aside() {
  local word
  set --
  for word in $LAST_WORDS; do
    printf '%4095s\n' '' >"$HERE/$word.new" || return
    set -- "$@" "$HERE/$word.new"
  done
  kept "$@" "$HERE"
}

# give_up_aside: what was not needed, and what a full disk has cut short
give_up_aside() {
  rm -f "$HERE"/*.new
}

# note_kept FILE TEXT: the same for a new file of which half a text says no less than all of it
note_kept() {
  printf '%s\n' "$2" >"$1" && kept "$1" "${1%/*}"
}

# mark_kept FILE: it is there, and what it says says nothing. A second name takes no inode, where none is left.
mark_kept() {
  { opens "$1" || ln -- "$HERE/program.sh" "$1"; } && kept "${1%/*}"
}

# add_line FILE TEXT: on disk, and on a line of its own: a power cut may have left a torn one before it
add_line() {
  if [ -s "$1" ] && is_torn "$1"; then
    printf '\n' >>"$1" || return
  fi
  printf '%s\n' "$2" >>"$1" && kept "$1"
}

# content_of FILE: sets CONTENT, trailing newlines and all
content_of() {
  CONTENT=$(cat "$1" 2>/dev/null && echo x) || {
    CONTENT=
    return 1
  }
  CONTENT=${CONTENT%x}
}

boot_id() {
  local id
  { read -r id <"$ROOT/proc/sys/kernel/random/boot_id"; } 2>/dev/null || id=unknown
  printf '%s\n' "$id"
}
