# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# Brings a program onto the host and starts it: `sh -c SUBMIT sh SAFE DIGEST OWNER STAMP SYSTEMD-RUN…`, the last of which are
# the command that starts it there, as the preview shows it (model/unit.ts); on stdin a line `PROGRAM_BYTES PLAN_BYTES` and
# then both. The last line of the answer: `started DIR`, `attach DIR`, `held JSON`
# (rc 75) or `refused TEXT` (rc 1).
set -u
umask 077
LC_ALL=C
PATH=${PATH:-/usr/sbin:/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
ROOT=${CONVERGE_ROOT:-}

# less than what the controller waits for an answer (host-runs.ts), so that it hears why
readonly LOCK_SECONDS=900

refuse() {
  printf 'refused %s\n' "$1"
  exit 1
}

# directory PATH: made if it is not there; a link in its place is somebody's trick or mistake, and so is one that others
# can write to: what lies in it is run as root
directory() {
  [ ! -L "$1" ] || refuse "$1 is a symbolic link, not a directory"
  [ -d "$1" ] || mkdir "$1" || refuse "cannot make $1"
  only_ours "$1" || refuse "$1 belongs to somebody else, or others can write to it: see ls -ld $1"
}

# only_ours PATH: by ls, for test -O and stat's formats are not everywhere
only_ours() {
  local mode owner
  read -r mode _ owner _ <<LINE
$(ls -ldn -- "$1")
LINE
  case $mode in ?????w* | ????????w*) return 1 ;; esac
  [ "$owner" = "$(id -u)" ]
}

# plain_file PATH: absent, or a file of ours and nothing else
plain_file() {
  [ ! -L "$1" ] || refuse "$1 is a symbolic link"
  [ ! -e "$1" ] || { [ -f "$1" ] && only_ours "$1"; } || refuse "$1 is no file of converge's own"
}

# held: the lock is, for longer than a follower has it. Who has it after a run has ended (it is being recovered, or looked after) is about
# to let go: there is nothing to attach to any more, and its owner holds nobody up.
held() {
  local tries limit
  tries=0
  while ! flock -n -s "$BOOK/lock" true 8>&-; do
    tries=$((tries + 1)) limit=5
    [ ! -e "$BOOK/current/ended" ] || limit=300
    [ "$tries" -lt "$limit" ] || return 0
    sleep 0.1
  done
  return 1
}

fact() {
  cat "$BOOK/current/$1" 2>/dev/null
}

answer_held() {
  if [ "$(fact digest)" = "$DIGEST" ]; then
    printf 'attach %s\n' "$(readlink -f "$BOOK/current")"
    exit 0
  fi
  json_object owner "$(fact owner)" 'since#' "$(fact since)" digest "$(fact digest)" run "$(basename "$(readlink "$BOOK/current")")"
  printf 'held %s\n' "$JSON"
  exit 75
}

# forget_old_runs: the newest twenty stay, for `converge log`; stamps sort by time, but by the clock of whoever submits: the
# current run may have one that is older than all others. One that left something behind stays too, one that a boot unit
# still has to call, or a run that replaced that unit, and one that says since when a volume is the guest's.
forget_old_runs() {
  local name current telling
  current=$(readlink "$BOOK/current")
  telling=" $(runs_that_moved | tr '\n' ' ')"
  find "$BOOK/runs" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -r | tail -n +21 | while IFS= read -r name; do
    case $telling in *" $name "*) continue ;; esac
    [ "$name" = "$STAMP" ] || [ "$name" = "${current##*/}" ] || [ -e "$BOOK/runs/$name/unfinished" ] || grep -qsF "/runs/$name/" "$ROOT/etc/systemd/system/converge-boot-$SAFE.service" "$BOOK"/runs/*/before ||
      rm -rf -- "$BOOK/runs/$name"
  done
}

# runs_that_moved: the newest one that has committed, and for each volume the newest of those: a rollback knows by it since when
# the image is behind, also after any number of runs that came to nothing. What the plan and the wish name beside was not moved.
runs_that_moved() (
  cd "$BOOK/runs" || exit
  grep -sH '' -- */committed | sort -t : -k 2,2nr | {
    known=' ' tells=1
    while IFS=: read -r file _; do
      run=${file%/committed}
      while IFS= read -r volume; do
        [ -n "$volume" ] || continue
        case $known in *" $volume "*) ;; *) known="$known$volume " tells=1 ;; esac
      done <<LIST
$(grep -so '"moved":\[[^]]*\]' -- "$run/plan.json" | head -n 1 | grep -o '"[^"/]*/[^"]*"')
LIST
      # one that does not say where it brought its guest may have brought it anywhere
      grep -qs '"moved":\[' -- "$run/plan.json" || case $known in *' ? '*) ;; *) known="$known? " tells=1 ;; esac
      [ "$tells" -eq 0 ] || printf '%s\n' "$run"
      tells=0
    done
  }
)

submit() {
  local sizes program plan dir tries
  SAFE=$1 DIGEST=$2 OWNER=$3 STAMP=$4
  shift 4
  case $SAFE$STAMP in */* | '') refuse 'a name with a slash' ;; esac
  [ -d "$ROOT/run/systemd/system" ] && command -v systemd-run >/dev/null || refuse 'this host is not run by systemd'
  command -v flock >/dev/null || refuse 'flock (util-linux) is missing on this host'
  [ -d "$ROOT/var/lib" ] || refuse "$ROOT/var/lib is missing on this host"
  directory "$ROOT/var/lib/converge"
  directory "$ROOT/var/lib/converge/domains"
  BOOK=$ROOT/var/lib/converge/domains/$SAFE
  directory "$BOOK"
  directory "$BOOK/runs"
  plain_file "$BOOK/lock"
  plain_file "$BOOK/submission"
  # not `:`, which would end the shell before it could say anything
  printf '' >>"$BOOK/lock" || refuse "cannot write $BOOK"
  # before the lock: what comes from somebody who has vanished may not end for long. By way of a file: some head read more than
  # they are asked for.
  INCOMING=$BOOK/incoming.$STAMP.$$
  trap 'rm -f -- "$INCOMING"' EXIT
  trap 'exit 1' HUP INT PIPE TERM
  cat >"$INCOMING" || refuse "cannot write $BOOK"
  sizes=$(head -n 1 "$INCOMING")
  program=${sizes% *} plan=${sizes#* }
  case $program$plan in '' | *[!0-9]*) refuse 'the submission is not well-formed' ;; esac
  [ "$(wc -c <"$INCOMING")" -eq "$((${#sizes} + 1 + program + plan))" ] || refuse 'the submission was cut short'
  # one submission at a time: another one may take a dead run back meanwhile
  exec 8>>"$BOOK/submission"
  flock -w "$LOCK_SECONDS" 8 || refuse "another submission for this guest has not come to its end in $LOCK_SECONDS s"
  # what is left of some that were killed; nothing has come for as long as none waits
  find "$BOOK" -maxdepth 1 -name 'incoming.*' -type f -mmin +60 -exec rm -f -- {} +
  ! held || answer_held
  if [ -e "$BOOK/current/program.sh" ] && { ! [ -e "$BOOK/current/ended" ] || [ -e "$BOOK/current/unfinished" ]; }; then
    printf 'note the run %s was interrupted: it is taken back first\n' "$(basename "$(readlink "$BOOK/current")")"
    /bin/sh "$(readlink -f "$BOOK/current")/program.sh" recover </dev/null >/dev/null 2>&1 8>&-
    [ -e "$BOOK/current/ended" ] || refuse "the run before could not be taken back: see $BOOK/current/journal.jsonl"
    [ ! -e "$BOOK/current/unfinished" ] || printf 'note not taken back: %s\n' "$(fact unfinished | tr '\n' ' ')"
    ! held || answer_held
  fi
  dir=$BOOK/runs/$STAMP
  mkdir "$dir" || refuse "cannot make $dir"
  tail -c "$((program + plan))" "$INCOMING" | head -c "$program" >"$dir/program.sh"
  tail -c "$plan" "$INCOMING" >"$dir/plan.json"
  # half a program does not even know how to take itself back
  if [ "$(wc -c <"$dir/program.sh")" -ne "$program" ] || [ "$(wc -c <"$dir/plan.json")" -ne "$plan" ]; then
    rm -r "$dir"
    refuse "cannot write $dir: is the disk full?"
  fi
  rm -f -- "$INCOMING"
  printf '%s\n' "$DIGEST" >"$dir/digest"
  printf '%s\n' "$OWNER" >"$dir/owner"
  date +%s >"$dir/since"
  # before it is the current one: the power may go at any moment
  sync "$dir"/* "$dir" 2>/dev/null || sync
  ln -s "runs/$STAMP" "$BOOK/current.new" && mv -fT "$BOOK/current.new" "$BOOK/current" || refuse "cannot make $BOOK/current"
  forget_old_runs
  sync "$BOOK" 2>/dev/null || sync
  if ! "$@" </dev/null >"$dir/start.log" 2>&1 8>&-; then
    printf 'failed\n' >"$dir/ended"
    refuse "systemd-run: $(tail -n 1 "$dir/start.log")"
  fi
  # until it has the lock, so that whoever follows now finds it alive
  tries=100
  while [ "$tries" -gt 0 ] && ! [ -s "$dir/journal.jsonl" ]; do
    tries=$((tries - 1))
    sleep 0.1
  done
  printf 'started %s\n' "$dir"
}
