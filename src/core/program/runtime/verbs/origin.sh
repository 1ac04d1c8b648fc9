# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The volumes that snapshots are taken of. LVM suspends one for a moment when a snapshot of it is made, grown or removed, and an
# LVM that is killed in this moment leaves it so: whoever writes to it waits for ever, every guest that has an image there, and
# converge itself where its books lie there. So nothing here writes a file, and this comes first of all in a recovery.

ORIGINS=
RESUMED=

# find_origins: sets ORIGINS, as the plan says
find_origins() {
  SURVEY=3
  plan
  SURVEY=0 STEP=0 ID=program OUT=$HERE/out/program.log
}

# is_suspended VG/LV: by the kernel's word, for which no process asks a disk
is_suspended() {
  local said
  said=0
  node_number "$ROOT/dev/$1" && [ -r "$ROOT/sys/dev/block/$NODE/dm/suspended" ] || return 1
  read -r said <"$ROOT/sys/dev/block/$NODE/dm/suspended"
  [ "$said" = 1 ]
}

# resume_origins: those that are suspended and stay so. An LVM command that is at work has the group's lock, and vgs waits for
# it: what is suspended after that was left so. lvchange puts it into the state that LVM knows, under the lock; where that fails,
# and the lock is free, device-mapper lets it go on. Each is ended when it takes too long: a lock that somebody holds is
# no reason to resume anything from under him.
resume_origins() {
  local origin NODE
  for origin in $ORIGINS; do
    is_suspended "$origin" || continue
    timeout -s KILL 120 vgs --noheadings -o vg_name "${origin%%/*}" </dev/null >/dev/null 2>&1 9>&- || :
    is_suspended "$origin" || continue
    if ! { timeout -s KILL 120 lvchange --autobackup n --refresh "$origin" </dev/null >/dev/null 2>&1 9>&- && ! is_suspended "$origin"; }; then
      timeout -s KILL 120 vgs --noheadings -o vg_name "${origin%%/*}" </dev/null >/dev/null 2>&1 9>&- || continue
      ! is_suspended "$origin" || timeout -s KILL 60 dmsetup resume --major "${NODE%:*}" --minor "${NODE#*:}" </dev/null >/dev/null 2>&1 9>&- || :
    fi
    is_suspended "$origin" || RESUMED="$RESUMED $origin"
  done
}

# tell_resumed: once the journal is open
tell_resumed() {
  [ -n "$RESUMED" ] || return 0
  journal note message "left suspended by an LVM command that was ended, and resumed:$RESUMED"
  RESUMED=
}
