// Generated from runtime/*.sh by scripts/embed-runtime.ts: edit those, not this.

/** The hand-written part of every host program. */
export const RUNTIME = `# The runtime of a converge program: runs on Dom0 under /bin/sh, be it dash, bash or busybox. No \`set -e\` (it is
# silent in conditions, and differs between shells): what can fail is looked at where it is called. \`local\` is the
# one thing here that POSIX lacks and all three have. Goals and verbs are called by name, which shellcheck cannot see.
set -u
umask 077
LC_ALL=C
# lvm complains about every descriptor that it inherits
LVM_SUPPRESS_FD_WARNINGS=1
PATH=\${PATH:-/usr/sbin:/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL LVM_SUPPRESS_FD_WARNINGS PATH
unset CDPATH
# only the tests set this prefix of all paths
ROOT=\${CONVERGE_ROOT:-}
BOOKS=$ROOT/var/lib/converge
RUN=$ROOT/run/converge
UNITS=$ROOT/etc/systemd/system
# where xendomains saves guests (find_saved)
SAVED=$ROOT/var/lib/xen/save
BACKENDS=$ROOT/sys/bus/xen-backend/devices

# HERE: this run's directory. BOOK: the domain's, where the lock and the history are.
HERE=$(cd -P -- "\${0%/*}" && pwd -P) || exit 1
BOOK=\${HERE%/*/*}
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

# opens FILE: it can be written to. By printf, here and wherever a file is made empty: \`:\` is a special builtin, and a shell whose
# special builtin can not open a file ends at once (POSIX, 2.8.1), with the guest down.
opens() {
  { printf '' >>"$1"; } 2>/dev/null
}

# write_kept FILE TEXT: a small file, whole or not there. Where room was set aside for it (set_aside) that is written over.
write_kept() {
  if [ -e "$1.new" ]; then
    printf '%s\\n' "$2" 1<>"$1.new" && truncate -s "$(($(printf '%s\\n' "$2" | wc -c)))" -- "$1.new"
  else
    printf '%s\\n' "$2" >"$1.new"
  fi && kept "$1.new" && mv -f "$1.new" "$1" && kept "\${1%/*}"
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
    printf '%4095s\\n' '' >"$HERE/$word.new" || return
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
  printf '%s\\n' "$2" >"$1" && kept "$1" "\${1%/*}"
}

# mark_kept FILE: it is there, and what it says says nothing. A second name takes no inode, where none is left.
mark_kept() {
  { opens "$1" || ln -- "$HERE/program.sh" "$1"; } && kept "\${1%/*}"
}

# add_line FILE TEXT: on disk, and on a line of its own: a power cut may have left a torn one before it
add_line() {
  if [ -s "$1" ] && is_torn "$1"; then
    printf '\\n' >>"$1" || return
  fi
  printf '%s\\n' "$2" >>"$1" && kept "$1"
}

# content_of FILE: sets CONTENT, trailing newlines and all
content_of() {
  CONTENT=$(cat "$1" 2>/dev/null && echo x) || {
    CONTENT=
    return 1
  }
  CONTENT=\${CONTENT%x}
}

boot_id() {
  local id
  { read -r id <"$ROOT/proc/sys/kernel/random/boot_id"; } 2>/dev/null || id=unknown
  printf '%s\\n' "$id"
}

# Durations come from the uptime, which nobody sets; they are whole hundredths of a second.

# epoch: sets NOW, seconds since the epoch. The clock is asked once: the journal's times do not jump with it, and an
# event costs no process (in a switch each one counts).
epoch() {
  local stamp
  if [ -z "\${BASE:-}" ]; then
    stamp=$(date +%s%N)
    case $stamp in
      *[!0-9]* | ??????????) stamp=$(date +%s)00 ;;
      *) stamp=\${stamp%???????} ;;
    esac
    uptime_now
    BASE=$((stamp - UPTIME))
  fi
  uptime_now
  seconds $((BASE + UPTIME))
  NOW=$SECONDS_TEXT
}

# uptime_now: sets UPTIME. Whoever waits for something asks for it: while the guest is away the ticker sees that the program goes on.
uptime_now() {
  local up rest
  read -r up rest </proc/uptime
  UPTIME=$((\${up%.*} * 100 + 1\${up#*.} - 100))
  [ -z "$TICKER" ] || { printf '%s %s\\n' "$UPTIME" "$HUNG" >"$BEAT"; } 2>/dev/null || :
}

# hundredths SECONDS: \`12\`, \`12.5\` or \`12.345\` to whole hundredths, in CENTIS
hundredths() {
  local whole fraction
  whole=\${1%%.*}
  fraction=0
  case $1 in *.*) fraction=\${1#*.} ;; esac
  fraction=\${fraction}00
  fraction=\${fraction%"\${fraction#??}"}
  CENTIS=$((\${whole:-0} * 100 + 1$fraction - 100))
}

# seconds CENTIS: sets SECONDS_TEXT, with two decimals
seconds() {
  local fraction
  fraction=$((100 + $1 % 100))
  SECONDS_TEXT=$(($1 / 100)).\${fraction#1}
}

# mib BYTES: rounded up, for people
mib() {
  printf '%s MiB' $((($1 + 1048575) / 1048576))
}

# JSON from whatever bytes tools print: pure ASCII comes out, and what is no UTF-8 becomes U+FFFD.

# json_bytes: bytes on stdin to the inside of a JSON string
json_bytes() {
  od -An -v -tu1 | awk '
    function character(code) {
      if (code < 65536) printf "\\\\u%04x", code
      else printf "\\\\u%04x\\\\u%04x", 55296 + int((code - 65536) / 1024), 56320 + (code - 65536) % 1024
    }
    {
      for (i = 1; i <= NF; i++) {
        byte = $i + 0
        if (need > 0) {
          if (byte >= low && byte <= high) {
            code = code * 64 + byte - 128; low = 128; high = 191
            if (--need == 0) character(code)
            continue
          }
          printf "\\\\ufffd"; need = 0
        }
        low = 128; high = 191
        if (byte == 34) printf "\\\\\\""
        else if (byte == 92) printf "\\\\\\\\"
        else if (byte == 10) printf "\\\\n"
        else if (byte < 32 || byte == 127) printf "\\\\u%04x", byte
        else if (byte < 128) printf "%c", byte
        else if (byte >= 194 && byte <= 223) { need = 1; code = byte - 192 }
        else if (byte >= 224 && byte <= 239) {
          need = 2; code = byte - 224
          if (byte == 224) low = 160
          if (byte == 237) high = 159
        }
        else if (byte >= 240 && byte <= 244) {
          need = 3; code = byte - 240
          if (byte == 240) low = 144
          if (byte == 244) high = 143
        }
        else printf "\\\\ufffd"
      }
    }
    END { if (need > 0) printf "\\\\ufffd" }'
}

# json_string TEXT: sets JSON, with its quotes; harmless text costs no process
json_string() {
  case $1 in
    *[!A-Za-z0-9' '_.,:/@%+=-]*) JSON=\\"$(printf '%s' "$1" | json_bytes)\\" ;;
    *) JSON=\\"$1\\" ;;
  esac
}

# json_number TEXT: sets JSON; what is no number is 0
json_number() {
  case $1 in
    '' | - | *[!0-9.-]* | .* | *. | *.*.* | ?*-* | 0[0-9]*) JSON=0 ;;
    *) JSON=$1 ;;
  esac
}

# json_object [KEY VALUE]…: sets JSON; a key that ends in \`#\` has a number
json_object() {
  local object
  object=
  while [ $# -ge 2 ]; do
    case $1 in
      *'#')
        json_number "$2"
        object=$object,\\"\${1%?}\\":$JSON
        ;;
      *)
        json_string "$2"
        object=$object,\\"$1\\":$JSON
        ;;
    esac
    shift 2
  done
  JSON="{\${object#,}}"
}

# The journal: one JSON line an event, appended in one go. \`seq\` is the number of its line.

SEQ=0
# the last event may not be there, or in part: the disk was full
TORN=0

# journal EVENT [KEY VALUE]…
journal() {
  local event
  event=$1
  shift
  [ "$TORN" -eq 0 ] || close_torn || return 0
  SEQ=$((SEQ + 1))
  epoch
  json_object 'at#' "$NOW" 'seq#' "$SEQ" event "$event" "$@"
  # a full disk must not end a run that could bring a guest back
  printf '%s\\n' "$JSON" >>"$JOURNAL" || TORN=1
}

# close_torn: what is there of the last event becomes a line of its own, which readers pass over: an event behind it in the
# same line would be lost with it. Not cut off, as in open_journal: whoever follows may have read it. 1: the disk is full still.
close_torn() {
  if [ -s "$JOURNAL" ] && is_torn "$JOURNAL"; then
    printf '\\n' >>"$JOURNAL" || return
  fi
  lines_in "$JOURNAL"
  SEQ=$LINES_IN TORN=0
}

# journal_kept EVENT…: the same, and on disk
journal_kept() {
  journal "$@"
  kept "$JOURNAL"
}

# lines_in FILE: sets LINES_IN; of one that can not be read, 0
lines_in() {
  LINES_IN=0
  [ ! -r "$1" ] || LINES_IN=$(($(wc -l <"$1")))
}

# is_torn FILE: its last line has no end. By od: see open_journal.
is_torn() {
  [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' \\n')" != 0a ]
}

# open_journal: goes on after the last whole line; a torn one is cut off. After a power cut it may be one of zeros, which
# a shell's variables do not hold (seen on ext4): hence od.
open_journal() {
  local torn
  mkdir -p "$HERE/out" "$HERE/copies" "$HERE/loops"
  [ -e "$JOURNAL" ] || printf '' >"$JOURNAL"
  if [ -s "$JOURNAL" ] && is_torn "$JOURNAL"; then
    torn=$(tail -n 1 "$JOURNAL" | wc -c)
    truncate -s "-$((torn))" "$JOURNAL"
  fi
  lines_in "$JOURNAL"
  SEQ=$LINES_IN
}

# an \`end\` event, all of it. Quotes inside of strings are escaped: nothing else looks like it.
readonly END_EVENT='^{"at":[0-9.]*,"seq":[0-9]*,"event":"end",.*}$'

# journal_ended [LINES]: the \`end\` event is in it, or in so many lines of it. One that a full disk has cut short is none: nobody
# can read it.
journal_ended() {
  [ -e "$JOURNAL" ] || return
  head -n "\${1:-$(($(wc -l <"$JOURNAL")))}" "$JOURNAL" | grep -q "$END_EVENT"
}

# tail_of FILE: the end of what a command printed, in whole lines where they are not too long
tail_of() {
  [ -r "$1" ] || return 0
  tail -c 2000 "$1" | tr '\\r' '\\n' | tail -n 3 | tail -c 600
}

# One program a domain: a lock that the kernel drops with the last process that holds it, so a dead holder needs no human.

# take_lock SECONDS: waits that long at most. Followers hold it (shared) for an instant when a program ends.
take_lock() {
  local tries
  if opens "$BOOK/lock"; then
    exec 9>>"$BOOK/lock"
  else
    # read-only by now; a guest may have to be brought back all the same
    [ -r "$BOOK/lock" ] || return 1
    exec 9<"$BOOK/lock"
  fi
  tries=$(($1 * 5))
  until flock -n 9; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# lock_held: by a program that runs
lock_held() {
  [ -e "$BOOK/lock" ] || return 1
  ! flock -n -s "$BOOK/lock" true 2>/dev/null
}

# Commands, each as a process of its own. One that hangs while the guest is away would leave it down for good: it is given
# up, and what was done is taken back without it.

# bounds SECONDS: what a command may take while the guest is away
bounds() {
  hundredths "$1"
  BOUND=$CENTIS
}
BOUND=30000
# once one has hung the others get this long, but for those that bring the guest back: what hangs may be a disk that most
# of them need
readonly SHORT_BOUND=3000
HUNG=0
UNHURRIED=0
# the file that tells, where it is named, that the guest is away now: until then it runs, and the command has all its time
AWAY_ONCE=

# whoever waits for a command is woken this often, in seconds
readonly TICK=4
TICKER=
TICKED=0

# guest_away: from here on
guest_away() {
  [ -z "$TICKER" ] || return 0
  # bash mixes up how a process ended whose end comes with a signal (5.2, seen): there it is looked at twenty times a second
  if [ -n "\${BASH_VERSION:-}" ]; then WAKES=0; else trap 'TICKED=1' USR1; fi
  trap guest_here EXIT
  BEAT=$RUN/$SAFE/beat VAIN=$RUN/$SAFE/vain
  [ -d "$RUN/$SAFE" ] || mkdir -p -- "$RUN/$SAFE"
  rm -f "$VAIN"
  # in braces: a function that is called without them keeps a copy of the lock (dash, busybox)
  { ticks; } </dev/null >/dev/null 2>&1 9>&- &
  TICKER=$!
  # from here on it beats
  uptime_now
}
# whoever waits is woken by a signal
WAKES=1

# ticks: it ends with this program, whatever ends that
ticks() {
  local rest
  read -r TICKER_PID rest </proc/self/stat
  while sleep "$TICK" && if [ "$WAKES" -eq 1 ]; then kill -USR1 "$$"; else kill -0 "$$"; fi; do end_hung_question; done
}

# guest_here: nobody waits for the run any more
guest_here() {
  [ -n "$TICKER" ] || return 0
  kill "$TICKER" 2>/dev/null
  wait "$TICKER" 2>/dev/null
  TICKER=
  rm -f "$BEAT" "$VAIN" "$RUN/$SAFE/answer" "$RUN/$SAFE/error" "$RUN/$SAFE/out" "$RUN/$SAFE/out.err"
  # where it was made for these alone
  rmdir -- "$RUN/$SAFE" 2>/dev/null || :
}

# out_opens: what a command prints has a place. Where no file can be made in the books (no inode is left, the file system is
# read-only) it is in memory, or nowhere: the command is run all the same, as the guest may come back by it.
out_opens() {
  ! opens "$OUT" || return 0
  OUT=$RUN/$SAFE/out
  mkdir -p -- "\${OUT%/*}" 2>/dev/null
  opens "$OUT" || OUT=/dev/null
}

# scratch NAME: sets SCRATCH, an empty file for what is read right after it was printed. While the guest is away it is in
# memory: an answer that a full disk did not take is none. 1: nothing can be written there.
scratch() {
  SCRATCH=$HERE/out/$1
  [ -z "$TICKER" ] || SCRATCH=$RUN/$SAFE/$1
  { printf '' >"$SCRATCH"; } 2>/dev/null || {
    says "cannot write $SCRATCH"
    return 1
  }
}

# run_command COMMAND…: its output goes to the step's file, and it does not inherit the lock
run_command() {
  local status
  if [ -n "$TICKER" ]; then
    run_bounded "$@"
    return
  fi
  out_opens
  "$@" </dev/null >>"\${ANSWER_TO:-$OUT}" 2>>"$OUT" 9>&-
  status=$?
  [ "$status" -eq 0 ] || says "$1 ended with $status"
  return "$status"
}

# run_answer COMMAND…: the same, and sets SAID, the line that it printed
run_answer() {
  local status SCRATCH ANSWER_TO
  SAID=
  scratch answer || return
  ANSWER_TO=$SCRATCH
  run_command "$@"
  status=$?
  IFS= read -r SAID <"$ANSWER_TO"
  return "$status"
}
ANSWER_TO=

run_bounded() {
  local pid deadline bound
  bound=$BOUND
  [ "$HUNG" -eq 0 ] || [ "$UNHURRIED" -eq 1 ] || [ "$bound" -le "$SHORT_BOUND" ] || bound=$SHORT_BOUND
  out_opens
  uptime_now
  deadline=$((UPTIME + bound))
  "$@" </dev/null >>"\${ANSWER_TO:-$OUT}" 2>>"$OUT" 9>&- &
  pid=$!
  until await_command "$pid"; do
    uptime_now
    if [ -n "$AWAY_ONCE" ] && ! [ -e "$AWAY_ONCE" ]; then
      deadline=$((UPTIME + bound))
      continue
    fi
    [ "$UPTIME" -ge "$deadline" ] || continue
    end_tree "$pid"
    # it may have been LVM's, in the midst of what it had suspended
    resume_origins
    HUNG=1
    seconds "$bound"
    says "$1 did not end within \${SECONDS_TEXT%.00} s, and was given up"
    return "$GIVEN_UP"
  done
  [ "$STATUS" -eq 0 ] || says "$1 ended with $STATUS"
  return "$STATUS"
}

# as timeout(1) has it
readonly GIVEN_UP=124

# await_command PID: sets STATUS, once it has ended. 1: it may have not.
await_command() {
  if [ "$WAKES" -eq 0 ] && kill -0 "$1" 2>/dev/null; then
    sleep 0.05
    return 1
  fi
  TICKED=0
  wait "$1"
  STATUS=$?
  # 128 and the number of SIGUSR1: it was the tick that came
  [ "$STATUS" -ne 138 ] || [ "$TICKED" -eq 0 ]
}

# end_tree PID: it and what it has started. What waits for a disk that does not answer can not be killed: it is not waited for.
end_tree() {
  local tries pid
  TREE=
  tree_of "$1"
  for pid in $TREE; do kill -TERM "$pid" 2>/dev/null; done
  tries=10
  while [ "$tries" -gt 0 ] && any_lives; do
    tries=$((tries - 1))
    sleep 0.2
  done
  for pid in $TREE; do kill -KILL "$pid" 2>/dev/null; done
}

# tree_of PID: adds them to TREE
tree_of() {
  local child
  TREE="$TREE $1"
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree_of "$child"; done
}

any_lives() {
  local pid
  for pid in $TREE; do
    ! kill -0 "$pid" 2>/dev/null || return 0
  done
  return 1
}

# What is asked in the midst of a line (\`$(xl list …)\`, \`lvs\`, \`losetup\`): the program waits for it as it stands, and could
# not give it up itself. The ticker does, while the guest is away, and leaves word: the step then fails, whatever it made
# of such an answer.

# where the program says that it goes on (see uptime_now): in memory, as the disk under the books may be what hangs
BEAT=
# where the ticker leaves word, beside it
VAIN=

# end_hung_question: in the ticker. What the program waits for is the child that it started last. It is given up when the
# program has done nothing else for as long as a command may take; a command, and a copy, have limits of their own, and
# the program beats while it waits for them.
ASKED=''
ASKED_SINCE=0
end_hung_question() {
  local children child last beat hung bound name
  children='' last='' beat='' hung=0
  read -r children <"/proc/$$/task/$$/children" || [ -n "$children" ] || return 0
  for child in $children; do
    [ "$child" = "$TICKER_PID" ] || last=$child
  done
  uptime_now
  if [ "$last" != "$ASKED" ]; then
    ASKED=$last ASKED_SINCE=$UPTIME
    return 0
  fi
  [ -n "$last" ] && { read -r beat hung <"$BEAT"; } 2>/dev/null && [ -n "$beat" ] || return 0
  bound=$BOUND
  [ "\${hung:-0}" -eq 0 ] || [ "$bound" -le "$SHORT_BOUND" ] || bound=$SHORT_BOUND
  [ $((UPTIME - beat)) -ge "$bound" ] && [ $((UPTIME - ASKED_SINCE)) -ge "$bound" ] || return 0
  TREE=
  tree_of "$last"
  name=
  for child in $TREE; do
    { read -r name <"/proc/$child/comm"; } 2>/dev/null || :
    # it ends by itself, and its time is known where it was called
    [ "$name" != timeout ] || return 0
  done
  seconds "$bound"
  # without a word it is not given up: what did not come would pass for an answer
  printf '%s did not answer within %s s, and was given up\\n' "\${name:-a question}" "\${SECONDS_TEXT%.00}" >"$VAIN" || return 0
  end_tree "$last"
}

# in_vain: something was given up, and asked_in_vain has not yet told
in_vain() {
  [ -n "$TICKER" ] && [ -s "$VAIN" ]
}

# asked_in_vain: something was given up since the last look
asked_in_vain() {
  local what
  in_vain || return 1
  what=
  read -r what <"$VAIN"
  printf '' >"$VAIN" || rm -f "$VAIN"
  HUNG=1
  says "$what"
}

# Steps. A step is a function of \`goal\`, \`act\` and \`watch\` lines, called in several modes: each mode runs its lines only.

MODE=idle
STEP=0
ID=program
PASS=0
SWITCHING=0
TOLD_STOP=0
SURVEY=0
# ids of steps that this run does without
PASSED_OVER=

# step N ID KIND PHASE TITLE
step() {
  local began
  STEP=$1 ID=$2 DISKS=
  OUT=$HERE/out/$STEP.log
  [ "$PASS" -eq 0 ] || OUT=$HERE/out/$STEP.$PASS.log
  case $SURVEY in
    1)
      survey_step "$4"
      return 0
      ;;
    3)
      MODE=origins
      "step_$STEP"
      MODE=idle
      return 0
      ;;
    2)
      MODE=targets
      "step_$STEP"
      MODE=idle
      return 0
      ;;
  esac
  case " $PASSED_OVER " in
    *" $ID "*)
      journal skip id "$ID" why 'the guest has left by itself'
      return 0
      ;;
  esac
  # after a switch that commits nothing the guest runs on, and the way back is open again
  [ "$4" != prepare ] || SWITCHING=0
  if [ "$SWITCHING" -eq 0 ]; then
    heed_stop "before $ID"
    [ "$4" = prepare ] || SWITCHING=1
  else
    tell_stop
  fi
  is_done_always || look
  case $VERDICT in
    conflict) fail 0 "$WHY" ;;
    done)
      if [ "$GOALS" -gt 0 ]; then
        # an earlier run has made it. After a reboot of Dom0 this one answers for it: see take_back
        ! can_be_undone "$STEP" || { printf '%s\\n' "$STEP" >>"$HERE/skipped" && kept "$HERE/skipped"; } ||
          fail 1 "cannot write $HERE/skipped"
        journal skip id "$ID" why 'holds already'
        return 0
      fi
      ;;
  esac
  out_opens
  # before anything is touched: whoever finds this run dead knows what to take back
  if can_be_undone "$STEP"; then
    { printf '%s\\n' "$STEP" >>"$HERE/started" && kept "$HERE/started"; } || fail 1 "cannot write $HERE/started"
  fi
  journal step id "$ID" kind "$3" phase "$4" title "$5"
  uptime_now
  began=$UPTIME
  MODE=act STEP_RC=0 SAYS='' SEEN=0
  "step_$STEP"
  MODE=idle
  [ "$STEP_RC" -eq 0 ] || fail "$STEP_RC" "$SAYS"
  if [ "$GOALS" -gt 0 ] && [ "$SEEN" -eq 0 ]; then
    look
    [ "$VERDICT" = "done" ] || fail 0 "it ran, and yet: $WHY"
  fi
  uptime_now
  seconds $((UPTIME - began))
  journal "done" id "$ID" 'seconds#' "$SECONDS_TEXT"
}

# look: VERDICT over all goals of the step, GOALS their number, WHY the first that does not hold
look() {
  MODE=look VERDICT="done" GOALS=0 WHY=''
  "step_$STEP"
  MODE=idle
}

# is_done_always: this step is not skipped where its goals hold already, so there is no need to look whether they do
is_done_always() {
  MODE=ask VERDICT=pending GOALS=0 ALWAYS=0
  "step_$STEP"
  MODE=idle
  [ "$ALWAYS" -eq 1 ]
}

always() {
  ALWAYS=1
}

# seen: the verb has seen for itself, as the last thing that it did, that the goals hold
seen() {
  SEEN=1
}
SEEN=0

# goal NAME ARGUMENTS…
goal() {
  local name verdict
  [ "$MODE" != ask ] || GOALS=$((GOALS + 1))
  case $MODE:$1 in
    targets:attached | targets:on_volumes)
      shift 2
      TARGETS=$*
      return 0
      ;;
  esac
  [ "$MODE" = look ] || return 0
  GOALS=$((GOALS + 1))
  name=$1
  shift
  SAYS="$name $*"
  "goal_$name" "$@"
  verdict=$?
  ! asked_in_vain || verdict=2
  case $verdict in
    0) ;;
    1)
      [ "$VERDICT" != "done" ] || WHY=$SAYS
      [ "$VERDICT" = conflict ] || VERDICT=pending
      ;;
    *)
      [ "$VERDICT" = conflict ] || WHY=$SAYS
      VERDICT=conflict
      ;;
  esac
  return 0
}

# act VERB ARGUMENTS… [-- COMMAND…]
act() {
  local verb
  case $MODE in
    act) ;;
    origins)
      [ "$1" != take_snapshot ] || case " $ORIGINS " in *" $2 "*) ;; *) ORIGINS="$ORIGINS $2" ;; esac
      return 0
      ;;
    undo)
      [ "$UNDO_GOES" -eq 1 ] || return 0
      if [ "$UNDO_TOLD" -eq 0 ]; then
        UNDO_TOLD=1
        journal undo id "$ID" what "$UNDO_TITLE"
      fi
      ;;
    *) return 0 ;;
  esac
  [ "$STEP_RC" -eq 0 ] || return 0
  verb=$1
  shift
  SAYS=
  "verb_$verb" "$@"
  STEP_RC=$?
  ! asked_in_vain || STEP_RC=$GIVEN_UP
  [ "$STEP_RC" -eq 0 ] || [ -n "$SAYS" ] || says "$verb failed ($STEP_RC)"
  return 0
}

# watch NAME ARGUMENTS…: looked at while a copy of the same step runs
watch() {
  local name
  [ "$MODE" = watch ] && [ "$WATCH_RC" -eq 0 ] || return 0
  name=$1
  shift
  "watch_$name" "$@" || WATCH_RC=1
  return 0
}

# run_watches WHEN: \`running\` or \`ended\`; not 0: the copy is worth nothing or is about to be
run_watches() {
  WATCH_WHEN=$1 WATCH_RC=0 MODE=watch
  "step_$STEP"
  MODE=act
  return "$WATCH_RC"
}

# ---- requests to stop

stop_asked() {
  [ -e "$HERE/stop" ]
}

# heed_stop WHERE: a safe point
heed_stop() {
  stop_asked || return 0
  journal stopping why "stopped $1: what was done is taken back"
  abandon stopped "stopped on request $1"
}

# tell_stop: no safe point any more
tell_stop() {
  [ "$TOLD_STOP" -eq 0 ] && stop_asked || return 0
  TOLD_STOP=1
  journal stopping why 'the switch has begun: it is finished first'
}

# ---- ends

# fail EXIT MESSAGE: the step failed, and with it the run
fail() {
  journal failed id "$ID" 'exit#' "$1" message "$2" tail "\${TAIL-$(tail_of "$OUT")}"
  abandon failed "$ID: $2"
}

# abandon OUTCOME MESSAGE: takes everything back, or goes forward where there is no way back. Does not return.
abandon() {
  MODE=idle
  if committing; then
    forward "$2"
  else
    # so that whoever has to finish this knows how it was to end
    write_kept "$HERE/abandoned" "$1 $2"
    go_back "$1" "$2"
  fi
}

# remove_run_directories: those that are empty; whatever is left in one keeps it
remove_run_directories() {
  [ -d "$RUN/$SAFE" ] && [ ! -L "$RUN/$SAFE" ] || return 0
  # made from the guest's config, for single commands
  rm -f "$RUN/$SAFE/out" "$RUN/$SAFE/out.err" "$RUN/$SAFE/before.cfg" "$RUN/$SAFE/next.cfg" "$RUN/$SAFE/stored.cfg" "$RUN/$SAFE/rehearsal.cfg"
  find "$RUN/$SAFE" -xdev -depth -type d -exec rmdir -- {} + 2>/dev/null || :
}

# finish OUTCOME MESSAGE: all is in its place, and nobody but this run was at it. Does not return.
finish() {
  # what an earlier run owed the guest is seen to before the lock goes
  settle_late
  [ -z "\${LEFT:-}$UNSTARTED" ] || try_again_later
  guest_here
  give_turn
  release_throttle
  [ -n "\${LEFT:-}" ] && ! committing || forget_former
  remove_run_directories
  end_run "$1" "$2\${UNPAID:+; $UNPAID}"
}

# end_run OUTCOME MESSAGE: the file that says that nothing is left to do, and then the last event: whoever followed until
# there finds everything in its place. Does not return.
end_run() {
  # what nobody knows to be left would stay so: then it is better found dead
  # Where the books are read-only by now it is known until Dom0's next boot
  [ "$UNTOLD" -eq 1 ] || write_kept "$HERE/ended" "$1" || write_kept "$RUN/.ended.$SAFE" "\${HERE##*/} $1"
  # room for the event, too
  give_up_aside
  journal_kept end outcome "$1" message "$2"
  case $1 in done) exit 0 ;; refused) exit 3 ;; stopped) exit 4 ;; *) exit 1 ;; esac
}

# The way back, from whatever point: only from what is on disk (\`started\`) and what is seen, never from variables.

# undoing ID temporary|kept TITLE: the first line of each undo
undoing() {
  ID=$1 UNDO_TITLE=$3
  [ "$UNDO_SCOPE" = all ] || [ "$2" = temporary ] || UNDO_GOES=0
}

# when GOAL ARGUMENTS…: the undo is needed only where this holds
when() {
  local name
  [ "$MODE" = undo ] && [ "$UNDO_GOES" -eq 1 ] && [ "$STEP_RC" -eq 0 ] || return 0
  name=$1
  shift
  SAYS="$name $*"
  "goal_$name" "$@"
  set -- $?
  ! asked_in_vain || set -- 2
  case $1 in
    0) ;;
    1) UNDO_GOES=0 ;;
    # unknown is not absent: tried again, and told if it stays so
    *) STEP_RC=1 ;;
  esac
}

# take_back SCOPE [left]: all | temporary; left: only what an earlier try has left, as the guest is its owner's by now. Sets LEFT
# (numbers of steps) and LEFT_WHY. Where it turns out that there is no way back it ends there: what is taken back then, the boot
# unit too, is taken back once the guest is seen to.
take_back() {
  local number tries list of
  of=started
  [ "\${2:-}" != left ] || [ -z "$(newest_first left)" ] || of=left
  UNDO_SCOPE=$1
  resume_origins
  adopt_loops
  forget_draft
  list=$(newest_first "$of")
  TURNED=0
  for tries in 1 2 3; do
    [ "$tries" -eq 1 ] || sleep 1
    LEFT='' LEFT_WHY=
    for number in $list; do
      undo_step "$number"
      [ "$TURNED" -eq 0 ] || return 0
    done
    [ -n "$LEFT" ] || break
    list=$LEFT
  done
  # what was there already when the run came to it. Dom0's reboot took it, and a guest that was saved on it needs it again
  if rebooted; then
    UNDO_SCOPE=temporary
    for number in $(newest_first skipped) $([ "$of" = started ] || newest_first started); do
      undo_step "$number"
    done
    UNDO_SCOPE=$1
  fi
  tell_resumed
  if [ -n "$LEFT$UNSTARTED" ]; then
    list=
    for number in $LEFT; do list=$number$LINE$list; done
    # all of it is taken back once more, where this can not be written
    write_kept "$HERE/left" "$list" || rm -f "$HERE/left"
    # that it is there counts: a longer text may have no room
    UNTOLD=0
    write_kept "$HERE/unfinished" "$UNSTARTED\${UNSTARTED:+\${LEFT_WHY:+; }}$LEFT_WHY" ||
      write_kept "$HERE/unfinished" 'not everything could be taken back: see the journal' || UNTOLD=1
  else
    rm -f "$HERE/unfinished" "$HERE/left"
  fi
}
TURNED=0
# something is left, and could not be written down
UNTOLD=0

# can_be_undone NUMBER
can_be_undone() {
  command -v "undo_$1" >/dev/null 2>&1
}

undo_step() {
  can_be_undone "$1" || return 0
  STEP=$1 OUT=$HERE/out/$1.undo.log
  out_opens
  MODE=undo UNDO_GOES=1 UNDO_TOLD=0 STEP_RC=0 SAYS=
  "undo_$1"
  MODE=idle
  [ "$STEP_RC" -ne 0 ] || return 0
  LEFT="$LEFT $1"
  LEFT_WHY="\${LEFT_WHY:+$LEFT_WHY; }$ID: $SAYS"
}

rebooted() {
  read_fact boot
  [ -n "$CONTENT" ] && [ "$CONTENT" != "$(boot_id)" ]
}

newest_first() { # FILE: numbers of steps, each once
  [ -e "$HERE/$1" ] || return 0
  awk '/^[0-9]+$/ { list[++n] = $1 }
    END { for (; n > 0; n--) if (!(list[n] in seen)) { seen[list[n]] = 1; print list[n] } }' "$HERE/$1"
}

# no_way_back WHY: found while all is taken back: the guest has its new disk, and has written to it. Written down before
# anything else is done: whoever has to finish this, should it die now, must not come to another end.
no_way_back() {
  epoch
  write_kept "$HERE/committing" "$NOW" || {
    rm -f "$HERE/committing"
    says 'cannot write that the guest stays on its new disk'
    return 1
  }
  journal note message "$1"
  TURNED=1
}

# go_back OUTCOME MESSAGE: the guest is on its old disk afterwards, unless it is found on its new one. Does not return.
go_back() {
  take_back all
  ! committing || forward "$2"
  if [ -n "$LEFT" ]; then
    finish "$1" "$2; could not be taken back: $LEFT_WHY"
  fi
  finish "$1" "$2"
}

# committing: the commit was begun. From here on the new disk may hold writes that the old one has not.
committing() {
  [ -s "$HERE/committing" ]
}

# forward MESSAGE: makes sure that the guest runs on its new disk, and tidies up. Does not return.
forward() {
  local message
  message=$1
  ID=commit OUT=$HERE/out/forward.log
  out_opens
  read_fact committing
  if [ "\${CONTENT#offline}" != "$CONTENT" ]; then
    # the guest was down and stays so
    SAYS=
  elif is_gone; then
    # somebody else took it down, in a wait in which all it did was its own affair
    SAYS=
  elif ! run_on_new_disk; then
    owe_start "$SAYS"
    message="$message; $UNSTARTED"
  else
    rm -f "$HERE/unstarted"
  fi
  if ! [ -e "$HERE/committed" ] && [ "$message" = "$1" ]; then
    write_kept "$HERE/committed" "$(date +%s)"
    journal_kept commit domain "$DOMAIN"
  fi
  take_back temporary
  [ -z "$LEFT" ] || message="$message; left: $LEFT_WHY"
  # in its wait nothing but the second switch was left to do
  [ -z "\${STOPPED_WAITING:-}" ] || [ "$message" != "$1" ] || finish stopped "$message"
  REMAINS=
  SURVEY=1
  plan
  SURVEY=0
  if [ -z "$REMAINS$LEFT" ] && [ "$message" = "$1" ] && [ -n "\${FOUND_DEAD:-}" ]; then
    if is_gone; then
      finish "done" "$DOMAIN is down, and its next start is on its new disk; $message"
    fi
    finish "done" "$DOMAIN runs on its new disk; $message"
  fi
  if [ -n "$REMAINS" ]; then
    read_fact waiting
    message="$message; to be done:\${CONTENT:+ the second switch, which waited for $CONTENT,}$REMAINS"
  fi
  finish stuck "$message"
}

# note_gone: somebody else took the guest down. This program goes by it where no file can be made, too.
GONE=0
note_gone() {
  GONE=1
  [ -e "$HERE/gone" ] || mark_kept "$HERE/gone"
}

forget_gone() {
  GONE=0
  rm -f "$HERE/gone"
}

is_gone() {
  [ "$GONE" -eq 1 ] || [ -e "$HERE/gone" ]
}

# survey_step PHASE: is something of it left to do?
survey_step() {
  case $1 in settle | finish) ;; *) return 0 ;; esac
  look
  [ "$VERDICT" = "done" ] || REMAINS="$REMAINS $ID"
}

run_on_new_disk() {
  if migrates; then
    verb_settle_migration "$DOMAIN" "$CONFIG"
    return
  fi
  domain_state "$DOMAIN"
  case $? in
    0) ;;
    1)
      # saved after the commit, it knows its disk as it is
      start_as_named
      return
      ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*)
      clear_away "$DOMID" "$KEPT_SECONDS" && start_as_named
      ;;
    *p*)
      if half_built "$DOMID"; then
        # a start after the commit that was cut short: there is nothing yet that could run
        clear_half_built "$DOMID" && start_as_named
      else
        run_command xl unpause -- "$DOMID" || return
        # what a comparison has paused is told where its disks are given back
        held_here || tell_back resumed
      fi
      ;;
    *)
      # of a second switch that it did not follow in time
      ! asked_to_go "$DOMID" || withdraw_request "$DOMID" new || :
      # a run that is dead can not say whether it was about to be frozen
      if [ -n "\${FOUND_DEAD:-}" ] || [ "\${SWITCH:-}" = suspend ]; then set -- frozen; else set --; fi
      tell_running "$DOMAIN" "$@"
      ;;
  esac
}

start_as_named() {
  names_what_stayed && thaw_or_start "$DOMAIN" "$CONFIG"
}

# asked_to_go DOMID: this run has asked this very domain to shut down
asked_to_go() {
  local old boot
  read -r old _ boot 2>/dev/null <"$HERE/down" && [ "$old" = "$1" ] && [ "$boot" = "$(boot_id)" ]
}

# A guest that could not be brought up after the commit: the run has ended, and still owes it that. What was written to its
# disks by then is noted: one that somebody has started since, and stopped again, is not started.

# why the guest is down that should be up; then its boot unit stays, and so does the file \`unfinished\`
UNSTARTED=
TARGETS=

# owe_start WHY: kept before the end is, so that whoever finds it later tries again
owe_start() {
  UNSTARTED="$DOMAIN does not run on its new disk: $1"
  ! [ -e "$HERE/unstarted" ] || return 0
  find_targets
  note_targets $TARGETS
  write_kept "$HERE/unstarted" "$TARGETS"
}

# note_targets VDEV TARGET…: where it can not be seen what was written to them, nothing stands against a start
note_targets() {
  local disks
  disks=
  while [ $# -ge 2 ]; do
    disks="$disks $2"
    shift 2
  done
  verb_note_disks $disks || rm -f "$HERE/noted"
}

# find_targets: sets TARGETS, what the guest is on once it is up, as the plan's last goal about that says: VDEV TARGET…
find_targets() {
  TARGETS=
  SURVEY=2
  plan
  SURVEY=0
}

# start_owed: tries again, unless somebody has seen to the guest meanwhile. Leaves UNSTARTED set where it is still owed.
start_owed() {
  UNSTARTED=
  [ -e "$HERE/unstarted" ] || return 0
  OUT=$HERE/out/forward.log
  out_opens
  read_fact unstarted
  used_meanwhile $CONTENT
  case $? in
    0) journal note message "$DOMAIN has been on its new disk since, by somebody else: it is left as it is" ;;
    1)
      run_on_new_disk || {
        owe_start "$SAYS"
        return
      }
      [ -e "$HERE/committed" ] || write_kept "$HERE/committed" "$(date +%s)"
      journal note message "$DOMAIN runs on its new disk now"
      ;;
    *)
      owe_start "$SAYS"
      return
      ;;
  esac
  rm -f "$HERE/unstarted" && kept "$HERE"
}

# What is told of a guest that comes back without a step that waits for it: by the way back, or after a commit that went wrong.
# Nobody waits until it answers then, so this is no \`ready\`: how it came back is told, and how long it was down until then.

# when this process let the guest run, in its switch
RAN_AT=

# tell_back HOW [SINCE]: as docs/reference/events.md has HOW. SINCE: the uptime at which it went; else it is what the run knows of
# that. No downtime is told where it knows nothing: somebody else had taken it down, or Dom0 went down with it.
tell_back() {
  local how took
  how=$1 took=''
  find_down
  [ -z "\${2:-}" ] || DOWN_SINCE=$2
  case $how in
    started | restored) ;;
    *) [ -n "$DOWN_OPEN\${2:-}" ] || return 0 ;;
  esac
  epoch
  if [ "$how" = stayed ]; then
    took=0
  elif [ -n "$DOWN_SINCE" ]; then
    took=$((UPTIME - DOWN_SINCE))
    [ "$how" != resumed ] || [ "\${RAN_AT:-0}" -lt "$DOWN_SINCE" ] || took=$((RAN_AT - DOWN_SINCE))
  elif [ -n "$DOWN_OPEN" ]; then
    # by the clock: with Dom0's reboot the uptime began anew
    hundredths "$NOW"
    took=$CENTIS
    hundredths "$DOWN_OPEN"
    took=$((took - CENTIS))
  fi
  set -- domain "$DOMAIN" how "$how"
  if [ -n "$took" ] && [ "$took" -ge 0 ]; then
    hundredths "$DOWN_TOLD"
    seconds $((CENTIS + took))
    set -- "$@" 'downtime#' "$SECONDS_TEXT"
  fi
  COUNTED=\${DOWN_AT:-}
  journal_kept back "$@" || :
}

# tell_running NAME [frozen]: it runs already, where it was about to be brought up. One that was to be frozen may have stood still.
tell_running() {
  find_down
  [ -n "$DOWN_OPEN" ] && runs "$1" || return 0
  if asked_to_go "$DOMID"; then
    if [ "\${2:-}" = frozen ]; then tell_back found; else tell_back stayed; fi
  elif [ -n "$RAN_AT" ]; then
    tell_back resumed
  else
    tell_back found
  fi
}

# find_down: sets DOWN_OPEN, when this run took the guest down by the journal's clock, where it has not told since that it is up, else
# empty; DOWN_SINCE, the same by the uptime, where it is of this boot; DOWN_TOLD, the downtime that was told last.
find_down() {
  local event boot since
  DOWN_OPEN='' DOWN_SINCE='' DOWN_TOLD=0
  while read -r event; do
    case $event in
      *',"event":"down",'*)
        DOWN_OPEN=\${event#*:}
        DOWN_OPEN=\${DOWN_OPEN%%,*}
        ;;
      ?*)
        DOWN_OPEN=''
        case $event in
          *',"downtime":'*)
            DOWN_TOLD=\${event##*:}
            DOWN_TOLD=\${DOWN_TOLD%\\}}
            ;;
        esac
        ;;
    esac
  done <<LIST
$(grep -E '^[{]"at":[0-9.]+,"seq":[0-9]+,"event":"(down|ready|back)",.*[}]$' "$JOURNAL" 2>/dev/null)
LIST
  # a migration tells nothing of its beginning
  if [ -n "\${DOWN_AT:-}" ] && [ "$DOWN_AT" != "$COUNTED" ]; then
    epoch
    DOWN_OPEN=\${DOWN_OPEN:-$NOW} DOWN_SINCE=$DOWN_AT
    return
  fi
  [ -n "$DOWN_OPEN" ] || return 0
  since='' boot=''
  { read -r _ since boot <"$HERE/down"; } 2>/dev/null
  [ "$boot" != "$(boot_id)" ] || DOWN_SINCE=$since
}

# A guest that took a request to shut down and did not follow it in time: it may go down any time now, long after its run has
# ended. That it is started again then is owed, for an hour and in this boot: by a watchman in a unit of its own, and by
# whatever run finds it down meanwhile. Whoever takes it down himself owes nothing any more: his own undo brings it back.

# what of an hour is left is counted from the request on
readonly LATE_CENTIS=360000
# a start that fails is tried again
readonly LATE_TRIES=10

# when this process saw it running last: from there it counts what it was down for
LATE_SEEN=

# withdraw_request DOMID: it runs on. A request that it has not read yet is taken back; one that it has read can not be.
withdraw_request() {
  uptime_now
  LATE_SEEN=$UPTIME
  if [ -n "$(xenstore-read "/local/domain/$1/control/shutdown" 2>/dev/null 9>&-)" ]; then
    run_command xenstore-write "/local/domain/$1/control/shutdown" ''
    return
  fi
  journal note message "$DOMAIN still runs on its $2 disk; if it yet goes down within an hour, it is started again"
  owe_late "$1" || journal note message "and yet nobody waits for that, since $SAYS: after that it has to be started by hand"
  return 0
}

# owe_late DOMID: written into the guest's books, for whoever comes next. 1: nobody watches it.
owe_late() {
  uptime_now
  set -- "$1" "$1 $(boot_id) $((UPTIME + LATE_CENTIS)) $HERE$LINE$CONFIG"
  says "$BOOK/owed could not be written"
  # for this boot memory does as well, where the disk has no room
  write_kept "$BOOK/owed" "$2" || write_kept "$RUN/.owed.$SAFE" "$2" || return
  says 'systemd-run started no unit'
  out_opens
  systemd-run --quiet --collect --unit="converge-late-$SAFE-$1-$$" /bin/sh "$HERE/program.sh" late "$1" \\
    </dev/null >>"$OUT" 2>&1 9>&-
}

# owed_late: sets OWED, the domain that was up, OWED_BY, the run that it was asked by, and OWED_CONFIG. 1: nothing is owed.
owed_late() {
  local boot end
  OWED='' OWED_BY='' OWED_CONFIG='' boot='' end=''
  find_owed || return 1
  { read -r OWED boot end OWED_BY && IFS= read -r OWED_CONFIG; } 2>/dev/null <"$OWED_FILE" || return 1
  case $OWED-$end in -* | *- | *[!0-9-]*) return 1 ;; esac
  uptime_now
  [ "$boot" = "$(boot_id)" ] && [ "$UPTIME" -lt "$end" ]
}

# find_owed: sets OWED_FILE, where that is written
find_owed() {
  # where memory has it, the books took it no more
  for OWED_FILE in "$RUN/.owed.$SAFE" "$BOOK/owed"; do [ ! -e "$OWED_FILE" ] || return 0; done
  return 1
}

forget_late() {
  ! find_owed || rm -f "$BOOK/owed" "$RUN/.owed.$SAFE"
}

# settle_late: at the end of a run. One that has brought the guest up on its new disk has taken it down before, or found it down; or
# the disk has changed below it, and it is the domain still that may go down yet.
settle_late() {
  if ! committing; then
    pay_late
    return
  fi
  read_fact committing
  [ "\${CONTENT#offline}" = "$CONTENT" ] || return 0
  if owed_late; then
    [ "$OWED_BY" != "$HERE" ] || return 0
    domid_of "$DOMAIN"
    case $? in
      0) [ "$DOMID" != "$OWED" ] || return 0 ;;
      1) ;;
      *) return 0 ;;
    esac
  fi
  forget_late
}

# pay_late: under the lock, at the end of a run or by the watchman. Sets UNPAID, why the guest is down still.
UNPAID=
pay_late() {
  UNPAID=
  find_owed || return 0
  owed_late || {
    forget_late
    return 0
  }
  domain_state "$DOMAIN"
  case $? in
    0)
      # as long as it is the same one, it may go down yet
      [ "$DOMID" != "$OWED" ] || return 0
      half_built "$DOMID" || {
        forget_late
        return 0
      }
      ;;
    1) DOMID= ;;
    *)
      UNPAID=$SAYS
      return 0
      ;;
  esac
  # what hangs is given up
  guest_away
  OUT=$HERE/out/late.log
  if { [ -z "$DOMID" ] || clear_half_built "$DOMID"; } && await_gone "$OWED" 60 &&
    start_in_scope "$DOMAIN" "\${BRING_BACK_FROM:-$OWED_CONFIG}" "$LATE_SEEN"; then
    journal note message "$DOMAIN went down late, as a run had asked it to, and was started again"
    forget_late
  else
    UNPAID="$DOMAIN went down late, as a run had asked it to, and could not be started again: $SAYS"
  fi
}

# late DOMID: the watchman. While a run is at work the guest is its affair: it is down by its doing, or it is started at its end.
mode_late() {
  local tries
  tries=$LATE_TRIES
  while owed_late && [ "$OWED" = "$1" ] && [ "$OWED_BY" = "$HERE" ]; do
    domid_state "$1"
    set -- "$1" $?
    case $2$STATE in
      0*[scd]*) ;;
      0*)
        uptime_now
        LATE_SEEN=$UPTIME
        ;;
    esac
    if [ "$2" -eq 1 ] && ! lock_held && take_lock 1; then
      # one that has died, or has left something, is seen to first
      if [ -e "$BOOK/current/ended" ] && ! [ -e "$BOOK/current/unfinished" ]; then
        open_journal
        pay_late
        guest_here
        [ -n "$UNPAID" ] || exit 0
        journal note message "$UNPAID"
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
      fi
      exec 9>&-
      # each time after a longer pause
      sleep "$(((LATE_TRIES - tries) * 3))"
    fi
    sleep 2
  done
}

# A guest that a run could neither bring back nor start is down, and was not to be. What kept it there is often over soon: a host
# that was too busy for Xen's scripts, memory that was not free yet. A watchman in a unit of its own tries again, for an hour and
# in this boot; after a boot its unit does.

# seconds from one to the next
readonly AGAIN_PAUSES='15 30 60 120 240 480 960 1800'
# seconds from one look at the guest to the next
readonly AGAIN_LOOK=5

# try_again_later: at the end of a run that leaves something
try_again_later() {
  # by the watchman itself
  [ -z "\${CONVERGE_AGAIN:-}" ] || return 0
  # one that it has not taken down is not its affair
  [ -e "$HERE/down" ] || [ -e "$HERE/migrating" ] || [ -n "$UNSTARTED" ] || return 0
  ! domain_state "$DOMAIN" || half_built "$DOMID" || return 0
  out_opens
  if systemd-run --quiet --collect --unit="converge-again-$SAFE-$$" /bin/sh "$HERE/program.sh" again </dev/null >>"$OUT" 2>&1 9>&-; then
    journal note message "$DOMAIN is down; that is mended by itself, if it can be: it is tried again for an hour"
  else
    journal note message "$DOMAIN is down, and nobody tries again, since systemd-run started no unit: run converge again, or start it by hand"
  fi
}

# still_owed: by the newest run of this guest, and nobody has seen to it meanwhile
still_owed() {
  [ "$(readlink -f "$BOOK/current")" = "$HERE" ] && [ -e "$HERE/ended" ] && { [ -e "$HERE/unfinished" ] || [ -e "$HERE/unstarted" ]; }
}

# watches SECONDS: until then, or until somebody has started the guest. What is owed is settled at once then: it may be stopped
# again, by whom it is up to, and would be taken for one that is still down.
watches() {
  local left
  left=$1
  while [ "$left" -gt 0 ]; do
    sleep "$AGAIN_LOOK"
    left=$((left - AGAIN_LOOK))
    still_owed || return 0
    [ "$SEEN_UP" -eq 0 ] || continue
    ! domain_state "$DOMAIN" || half_built "$DOMID" || {
      SEEN_UP=1
      return 0
    }
  done
}
SEEN_UP=0

# again: the watchman. Each time a process of its own, which may be given up as any other.
mode_again() {
  local pause
  for pause in $AGAIN_PAUSES; do
    watches "$pause"
    still_owed || exit 0
    CONVERGE_AGAIN=1 /bin/sh "$HERE/program.sh" recover </dev/null >/dev/null 2>&1
    still_owed || exit 0
  done
  exit 1
}

# Copy passes: each is shorter than the one before, until the last one, with the guest down, fits its budget.

OVERHEAD=0
FORECAST=0

# repeat ID MIN MAX BUDGET OVERHEAD BODY FIRST: seconds; a budget of -1 is none. FIRST: the first pass is enough if it was over
# within that, or with -1 however long it took.
repeat() {
  local id minimum maximum budget overhead body old first
  [ "$SURVEY" -ne 3 ] || "$6"
  [ "$SURVEY" -eq 0 ] || return 0
  id=$1 minimum=$2 maximum=$3 body=$6 first=-1
  case \${7:--1} in
    -*) ;;
    *)
      hundredths "$7"
      first=$CENTIS
      ;;
  esac
  hundredths "$5"
  overhead=$CENTIS
  case $4 in
    -*) budget=-1 ;;
    *)
      hundredths "$4"
      budget=$CENTIS
      ;;
  esac
  PASS=0 old=-1
  while :; do
    PASS=$((PASS + 1)) PASS_CENTIS=0 PASS_BYTES=0
    "$body"
    FORECAST=$((PASS_CENTIS + 100))
    pass_verdict "$PASS" "$minimum" "$maximum" "$PASS_CENTIS" "$old" "$budget" "$overhead" "$first"
    seconds "$PASS_CENTIS"
    set -- "$SECONDS_TEXT"
    seconds "$FORECAST"
    journal pass id "$id" 'number#' "$PASS" 'seconds#' "$1" 'bytes#' "$PASS_BYTES" \\
      'forecast#' "$SECONDS_TEXT" verdict "$PASS_VERDICT"
    [ "$PASS_VERDICT" = again ] || break
    old=$PASS_CENTIS
  done
  PASS=0
  OVERHEAD=$overhead
  [ "$budget" -lt 0 ] || [ $((FORECAST + overhead)) -le "$budget" ] || {
    ID=$id
    refuse_downtime "$overhead" "$budget"
  }
}

# pass_verdict PASS MIN MAX NEW OLD BUDGET OVERHEAD FIRST: hundredths of a second, sets PASS_VERDICT. OLD -1: there was none.
pass_verdict() {
  if [ "$1" -lt "$2" ] || { [ "$1" -eq 1 ] && [ "\${8:--1}" -ge 0 ] && [ "$4" -gt "$8" ]; }; then
    PASS_VERDICT=again
  elif [ "$1" -eq 1 ] && [ "\${8:--1}" -ge 0 ] && [ "$6" -lt 0 ]; then
    PASS_VERDICT='short enough'
  elif [ "$6" -ge 0 ] && [ $(($4 + 100 + $7)) -le "$6" ]; then
    PASS_VERDICT=fits
  elif [ "$1" -ge "$3" ]; then
    PASS_VERDICT='as many passes as allowed'
  elif [ "$5" -ge 0 ] && [ $(($4 * 10)) -ge $(($5 * 8)) ]; then
    PASS_VERDICT='no longer shrinks'
  else
    PASS_VERDICT=again
  fi
}

# refuse_downtime OVERHEAD BUDGET: the gate before the guest is touched
refuse_downtime() {
  local forecast overhead
  seconds "$FORECAST"
  forecast=$SECONDS_TEXT
  seconds "$1"
  overhead=$SECONDS_TEXT
  seconds "$2"
  abandon refused "the last pass would take $forecast s and the rest of the downtime $overhead s: more than \\
the budget of $SECONDS_TEXT s; the guest was not touched"
}

# What a run took, beside what was forecast of it: a line in the guest's history, which later forecasts are made from.

# forecast STRATEGY DOWNTIME SECONDS BYTES: as the plan said
forecast() {
  STRATEGY=$1 FORECAST_DOWNTIME=$2 FORECAST_SECONDS=$3 FORECAST_BYTES=$4
}
STRATEGY=

# exchanged CENTIS DISKS: the guest was held for so long while volumes took the place of images; by disk it is remembered
exchanged() {
  EXCHANGE_CENTIS=$((EXCHANGE_CENTIS + $1)) EXCHANGES=$((EXCHANGES + $2))
}
EXCHANGE_CENTIS=0
EXCHANGES=0

remember_history() {
  local took copying bytes rate rest switch shutdown start down forecast one
  [ -n "$STRATEGY" ] && [ -n "\${BEGAN_AT:-}" ] || return 0
  count_copies
  uptime_now
  # a wait for a time of day says nothing of what a run takes
  took=$((UPTIME - BEGAN_AT - \${WAITED:-0}))
  # of each copy the first pass, which is the one that moves much; what is over in a blink, or only compared, says
  # nothing of a rate. The parentheses are needed: without them awk takes \`>\` for a redirection.
  read -r copying bytes rate <<LINE
$(awk '{ all += $3 + $4 } $1 != "last" { copying += $2 }
    FNR == 1 && $1 != "last" && $2 > 0 { bytes += $3; time += $2 }
    END { printf "%.0f %.0f %.0f", copying, all, (time > 0 && bytes >= 16777216 ? bytes * 100 / time : 0) }' \\
    "$HERE"/copies/* /dev/null 2>/dev/null)
LINE
  switch=none shutdown=0 start=0 down=0
  if [ -n "$COUNTED" ]; then
    switch=\${SWITCH:-restart} down=$DOWNTIME
    shutdown=\${SHUTDOWN_CENTIS:-0} start=$((READY_AT - \${CREATE_AT:-$READY_AT}))
  fi
  # a pause is no take-over, and is a downtime
  down=$((down + HELD_CENTIS))
  # a rehearsal is reckoned by itself, where one is asked for
  rest=$((took - copying - down - \${REHEARSED:-0}))
  [ "$rest" -ge 0 ] || rest=0
  set --
  for one in "$shutdown" "$start" "$down" "$((FORECAST + OVERHEAD))" "$took" "$rest"; do
    seconds "$one"
    set -- "$@" "$SECONDS_TEXT"
  done
  shutdown=$1 start=$2 down=$3 forecast=$4 took=$5 rest=$6
  set --
  # what freezing, thawing and migrating took goes with it, and lets other guests' be reckoned
  [ -z "$MEMORY" ] || set -- 'memoryMiB#' "$MEMORY"
  if [ "$EXCHANGES" -gt 0 ]; then
    seconds $(((EXCHANGE_CENTIS + EXCHANGES - 1) / EXCHANGES))
    set -- "$@" 'exchangeSeconds#' "$SECONDS_TEXT"
  fi
  json_object domain "$DOMAIN" strategy "$STRATEGY" switch "$switch" 'shutdownSeconds#' "$shutdown" 'startSeconds#' "$start" \\
    'downtimeSeconds#' "$down" 'forecastSeconds#' "$forecast" 'bytesPerSecond#' "$rate" 'tookSeconds#' "$took" 'restSeconds#' "$rest" \\
    'bytes#' "$bytes" 'plannedDowntimeSeconds#' "$FORECAST_DOWNTIME" 'plannedSeconds#' "$FORECAST_SECONDS" \\
    'plannedBytes#' "$FORECAST_BYTES" "$@" 'at#' "$(date +%s)"
  add_line "$BOOK/history.jsonl" "$JSON"
}

# Where xendomains(8) saves guests when Dom0 goes down, and restores them from at boot: a setting of its own, which may change
# between a plan and the boot after which it counts. Read as planning does it (src/core/facts/xendomains.ts).

# find_saved NAME: sets SAVED, the directory that has the file of the guest NAME: one that is set, or the usual one, where
# it may have been saved before it was set. Where none has it: the one that is set last. 1: none has it.
find_saved() {
  local file directory
  SAVED=$ROOT/var/lib/xen/save
  case $1 in */*) return 1 ;; esac
  [ ! -e "$SAVED/$1" ] || return 0
  for file in "$ROOT/etc/default/xendomains" "$ROOT/etc/sysconfig/xendomains"; do
    [ -f "$file" ] && [ -r "$file" ] || continue
    while IFS= read -r directory || [ -n "$directory" ]; do
      saved_directory "$directory" || continue
      SAVED=$ROOT$DIRECTORY
      [ ! -e "$SAVED/$1" ] || return 0
    done <"$file"
  done
  return 1
}

# saved_directory LINE: sets DIRECTORY, what the line sets XENDOMAINS_SAVE to. 1: it does not, or only a shell could tell to
# what: there is no plan for such a host.
saved_directory() {
  local line rest
  line=\${1#"\${1%%[![:blank:]]*}"}
  case $line in
    export[[:blank:]]*)
      line=\${line#export}
      line=\${line#"\${line%%[![:blank:]]*}"}
      ;;
  esac
  case $line in
    XENDOMAINS_SAVE=\\"*\\"*) DIRECTORY=\${line#*\\"} && rest=\${DIRECTORY#*\\"} && DIRECTORY=\${DIRECTORY%%\\"*} ;;
    XENDOMAINS_SAVE=\\'*\\'*) DIRECTORY=\${line#*\\'} && rest=\${DIRECTORY#*\\'} && DIRECTORY=\${DIRECTORY%%\\'*} ;;
    XENDOMAINS_SAVE=*) DIRECTORY=\${line#*=} && rest=\${DIRECTORY#"\${DIRECTORY%%[[:blank:];]*}"} && DIRECTORY=\${DIRECTORY%%[[:blank:];]*} ;;
    *) return 1 ;;
  esac
  case $rest in '' | [[:blank:]\\;]*) ;; *) return 1 ;; esac
  case $DIRECTORY in /*) ;; *) return 1 ;; esac
  case $DIRECTORY in *[\\$\\\`\\\\\\"\\']*) return 1 ;; esac
}

# md arrays of converge's own. They have no superblock, and so no UUID: what they hold says which they are. All is read
# from sysfs (Documentation/admin-guide/md.rst), since \`[UU]\` and the words of mdadm say less.

# array_of NAME: sets MD, its directory in sysfs, and DEVICE_NODE. 1: there is none. 2: it is not converge's.
array_of() {
  local node level metadata
  MD='' DEVICE_NODE=
  says "there is no array /dev/$1"
  node=$(readlink -e -- "$ROOT/dev/$1") || return 1
  DEVICE_NODE=$node MD=$ROOT/sys/block/\${node##*/}/md
  # a link that outlived its array
  [ -r "$MD/level" ] && read -r level <"$MD/level" && [ -n "$level" ] || return 1
  read -r metadata <"$MD/metadata_version" || metadata=
  says "/dev/$1 is there and is not converge's: $level, superblock: $metadata"
  [ "$level" = raid1 ] && [ "$metadata" = none ] || return 2
}

# member_state DEVICE: sets MEMBER, what the array says of it (\`in_sync\`, \`spare\`, \`faulty,write_error\`; empty: it is no
# member), SLOT (a number, or \`none\`) and MEMBER_NODE, its directory
member_state() {
  local member number
  MEMBER='' SLOT='' MEMBER_NODE=''
  node_number "$1" || return 1
  for member in "$MD"/dev-*; do
    [ -r "$member/block/dev" ] && read -r number <"$member/block/dev" && [ "$number" = "$NODE" ] || continue
    read -r MEMBER <"$member/state"
    read -r SLOT <"$member/slot"
    MEMBER_NODE=$member
    return 0
  done
  return 0
}

# is_in_sync DEVICE: it holds everything, and md relies on it
is_in_sync() {
  member_state "$1" || return 1
  case ,$MEMBER, in *,faulty,*) return 1 ;; *,in_sync,*) [ "$SLOT" != none ] ;; *) return 1 ;; esac
}

# members: sets MEMBERS, how many there are
members() {
  local member
  MEMBERS=0
  for member in "$MD"/dev-*; do
    [ ! -d "$member" ] || MEMBERS=$((MEMBERS + 1))
  done
}

goal_array() { # NAME DEVICE
  array_of "$1" || return
  members
  says "/dev/$1 has $MEMBERS members"
  [ "$MEMBERS" -eq 1 ] || return 1
  is_in_sync "$2" && return 0
  says "/dev/$1 lies on something else than $2"
  # two arrays may come to have one name, one after the other
  [ -n "$MEMBER" ] && return 1 || return 2
}

# bitmap_file NAME: sets BITMAP, where the bitmap of an array lies: in this guest's books
bitmap_file() {
  BITMAP=$BOOK/\${1##*/}.bitmap
}

# has_bitmap NAME: of the array that MD is; one that it has had since it was built, since md can not be given one later
has_bitmap() {
  local where
  bitmap_file "$1"
  [ -e "$BITMAP" ] && [ -r "$MD/bitmap/location" ] && read -r where <"$MD/bitmap/location" && [ "$where" = file ]
}

goal_array_tracked() { # NAME DEVICE
  array_of "$1" || return
  members
  if [ "$MEMBERS" -eq 1 ] && is_in_sync "$2" && has_bitmap "$1"; then return 0; fi
  # it is built with its bitmap, and so anew, where nobody has it
  if device_unused "$1"; then
    says "/dev/$1 has no bitmap, or does not lie on $2 alone"
    return 1
  fi
  says "/dev/$1 is in use, and has no bitmap, or does not lie on $2 alone"
  return 2
}

goal_array_mirrored() { # NAME FROM TO
  array_of "$1"
  case $? in
    0) ;;
    # nothing to take back
    1) [ "$MODE" = undo ] && return 1 || return 2 ;;
    *) return 2 ;;
  esac
  says "/dev/$1 does not have $2 and $3 as members"
  member_state "$2" && [ -n "$MEMBER" ] || return 1
  member_state "$3" && [ -n "$MEMBER" ] || return 1
}

goal_array_in_sync() { # NAME DEVICE
  array_of "$1" || return 2
  is_in_sync "$2" && return 0
  says "$2 is not in sync in /dev/$1: \${MEMBER:-it is no member}"
  return 1
}

# Goals about loops, mounts and files.

# loops_over FILE: devices, one a line. losetup compares the file itself, not only its name.
loops_over() {
  losetup --list --noheadings --raw --output NAME --associated "$1" 2>/dev/null 9>&-
}

# a newline, to look for whole lines
readonly LINE='
'

# loop_is_over DEVICE FILE
loop_is_over() {
  case $LINE$(loops_over "$2")$LINE in *"$LINE$1$LINE"*) ;; *) return 1 ;; esac
}

# mounted_at TARGET: sets MOUNTED, the \`major:minor\` of what is mounted there last, and MOUNTED_FROM, its name. 1: nothing is. Targets are
# converge's own paths, which the kernel writes as they are.
mounted_at() {
  local number point rest
  MOUNTED='' MOUNTED_FROM=''
  while read -r rest rest number rest point rest; do
    [ "$point" = "$1" ] || continue
    MOUNTED=$number
    rest=\${rest#* - }
    rest=\${rest#* }
    MOUNTED_FROM=\${rest%% *}
  done <"$ROOT/proc/self/mountinfo"
  [ -n "$MOUNTED" ]
}

# node_number PATH: sets NODE, the \`major:minor\` of a block device
node_number() {
  NODE=$(stat -L -c '%t:%T' -- "$1" 2>/dev/null) || return 1
  NODE=$((0x\${NODE%:*})):$((0x\${NODE#*:}))
}

# sectors_written DEVICE: sets WRITTEN, since Dom0's boot or since there is the device, and NODE. 1: the kernel does not say.
sectors_written() {
  local rest
  WRITTEN=0
  node_number "$1" && [ -r "$ROOT/sys/dev/block/$NODE/stat" ] || return 1
  read -r rest rest rest rest rest rest WRITTEN rest <"$ROOT/sys/dev/block/$NODE/stat"
}

# loop_has_all DEVICE FILE: it is as large as the file is now. A loop keeps the size that the file had when it was attached, whoever
# grows or cuts it later. Where the kernel does not say, it is taken for right.
loop_has_all() {
  local sectors bytes
  { read -r sectors <"$ROOT/sys/block/\${1##*/}/size"; } 2>/dev/null && bytes=$(stat -L -c %s -- "$2" 2>/dev/null) || return 0
  [ "$sectors" -eq $((bytes / 512)) ]
}

goal_loop_attached() { # LINK FILE
  local device
  says "no loop device over $2"
  [ -L "$1" ] || return 1
  device=$(readlink -- "$1")
  if loop_is_over "$device" "$2"; then
    says "$device is over $2, as large as that was when it was attached"
    # what is to be taken back is what was attached
    [ "$MODE" = undo ] || loop_has_all "$device" "$2"
    return
  fi
  # dmeventd unmounts a snapshot that overflowed, lazily: the file is out of reach then, and the loop still holds it
  [ "$MODE" = undo ] && loop_is_recorded "$device" "$1"
}

# loop_identity DEVICE: sets IDENTITY, inode and file system of what is behind it, in one word; empty where nothing is
loop_identity() {
  IDENTITY=$(losetup --list --noheadings --output BACK-INO,BACK-MAJ:MIN "$1" 2>/dev/null 9>&-)
  set -- $IDENTITY
  IDENTITY=\${1:-}\${2:+,$2}
}

# loop_stays DEVICE IDENTITY: what was behind it is so still. By its number alone, where no more is known of it, it may be anybody's.
loop_stays() {
  [ -n "$2" ] || {
    losetup "$1" >/dev/null 2>&1 9>&-
    return
  }
  loop_identity "$1"
  # what can not be asked any more (a file system that has shut down, a server that has forgotten it) is not gone
  [ "$IDENTITY" = "$2" ] || { [ -z "$IDENTITY" ] && losetup "$1" >/dev/null 2>&1 9>&-; }
}

# loop_is_recorded DEVICE LINK: it is what this run attached under that link
loop_is_recorded() {
  local record link
  loop_identity "$1" && [ -n "$IDENTITY" ] || return 1
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] && IFS= read -r link <"$record" && [ "$link" = "$2" ] || continue
    [ "$(cat "\${record%.link}.identity" 2>/dev/null)" = "$IDENTITY" ] && return 0
  done
  return 1
}

goal_loop_detached() { # LINK
  says "$1 is still there"
  [ ! -L "$1" ] && [ ! -e "$1" ]
}

goal_mounted() { # TARGET SOURCE
  says "nothing is mounted on $1"
  mounted_at "$1" || return 1
  case $2 in
    /*) node_number "$2" && [ "$MOUNTED" = "$NODE" ] && return 0 ;;
    # a name that is no device
    *) [ "$MOUNTED_FROM" = "$2" ] && return 0 ;;
  esac
  says "something else than $2 is mounted on $1"
  return 2
}

goal_unmounted() { # TARGET
  says "$1 is still mounted"
  ! mounted_at "$1"
}

goal_file_exists() { # PATH
  says "$1 is not there"
  [ -e "$1" ] || [ -L "$1" ]
}

goal_file_absent() { # PATH
  says "$1 is still there"
  [ ! -e "$1" ] && [ ! -L "$1" ]
}

# hash_of FILE: sets HASH
hash_of() {
  # stdin: sha256sum escapes names
  HASH=$(sha256sum <"$1" 2>/dev/null) || HASH=
  HASH=\${HASH%% *}
  [ -n "$HASH" ]
}

goal_config() { # PATH SHA_AFTER SHA_BEFORE
  if ! [ -f "$1" ] || ! hash_of "$1"; then
    says "$1 cannot be read"
    return 2
  fi
  [ "$HASH" != "$2" ] || return 0
  [ "$HASH" != "$3" ] || {
    says "$1 is still as it was"
    return 1
  }
  says "$1 was changed by somebody else meanwhile"
  return 2
}

goal_boot_unit() { # UNIT
  says "$1 is not installed"
  # grep ends with 2 where there is no file
  grep -qsF "$HERE/program.sh" "$UNITS/$1" && [ -L "$UNITS/multi-user.target.wants/$1" ] || return 1
}

goal_boot_unit_absent() { # UNIT
  says "$1 is still installed"
  [ ! -e "$UNITS/$1" ] && [ ! -L "$UNITS/multi-user.target.wants/$1" ]
}

# Devices of converge's own that are not device-mapper's: md arrays (\`md/…\`) and DRBD resources (\`drbd/…\`).

# device_of NAME: sets DEVICE_NODE. 1: there is none. 2: it is not converge's, or can not be told.
device_of() {
  case $1 in
    md/*) array_of "$1" ;;
    *) resource_of "$1" ;;
  esac
}

# device_unused NAME: a guest, a mount or another device may have it
device_unused() {
  local holder
  device_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  # half made: nobody could have it
  [ -n "$DEVICE_NODE" ] || return 0
  says "/dev/$1 is in use"
  for holder in "$ROOT/sys/block/\${DEVICE_NODE##*/}"/holders/*; do
    [ ! -e "$holder" ] || return 1
  done
  [ -z "$(mounts_of "$DEVICE_NODE")" ] && ! backend_says physical-device "$(stat -L -c '%t:%T' -- "$DEVICE_NODE")"
}

# Goals about guests. Names may hold anything; so xl is asked for a number, and then about the number.

# xl_names NAME: xl takes it for a name
xl_names() {
  case $1 in
    '' | *[!0-9]*) return 0 ;;
  esac
  says "xl takes the name $1 for a number"
  return 1
}

# domid_of NAME: sets DOMID. 1: no such domain. 2: xl cannot tell.
domid_of() {
  is_known "$1" && is_still_known && return 0
  DOMID='' KNOWN=''
  xl_names "$1" || return 2
  if DOMID=$(xl domid -- "$1" 2>/dev/null 9>&-); then
    case $DOMID in '' | *[!0-9]*) ;; *) KNOWN=$1 && return 0 ;; esac
  fi
  unknown_name
}

# KNOWN: the name that DOMID was found by
KNOWN=''

is_known() { # NAME
  [ -n "$KNOWN" ] && [ "$1" = "$KNOWN" ]
}

# is_still_known: xl looks names up in the same place, one domain after the other
is_still_known() {
  [ "$(xenstore-read -R "/local/domain/$DOMID/name" 2>/dev/null 9>&-)" = "$KNOWN" ]
}

unknown_name() {
  DOMID='' KNOWN=''
  # without xenstore every name is unknown: then nothing is known
  [ "$(xenstore-read /local/domain/0/name 2>/dev/null 9>&-)" != Domain-0 ] || return 1
  says 'xl cannot say which guests there are'
  return 2
}

# domid_state DOMID: sets STATE, \`r-----\` or the like. 1: no such domain. 2: xl cannot tell.
domid_state() {
  if STATE=$(xl list "$1" 2>&1 9>&-); then
    listed "$STATE" && return 0
  else
    case $STATE in *'does not exist'*) STATE='' && return 1 ;; esac
  fi
  says "xl list $1: $STATE"
  return 2
}

MEMORY=
# listed TEXT: sets LISTED, STATE, MEMORY (MiB) and RAN from the last five words (ID Mem VCPUs State Time): before them a name may hold any
listed() {
  set -f
  set -- $1
  set +f
  [ $# -ge 5 ] && shift $(($# - 5)) || return
  LISTED=$1 STATE=$4 RAN=$5
  case $LISTED in *[!0-9]*) return 1 ;; esac
  # one that is going has none any more
  case $2 in 0 | *[!0-9]*) ;; *) MEMORY=$2 ;; esac
  # the fifth letter says why it has shut down: s where it was suspended, r for its own reboot, w for a watchdog, S for a kexec, and ?
  # for what xl has no letter for (list_domains in tools/xl/xl_info.c)
  case $STATE in [r-][b-][p-][s-]?[d-]*) return 0 ;; esac
  return 1
}

# domain_state NAME: sets DOMID and STATE, by one process: in a switch each one counts
domain_state() {
  DOMID='' KNOWN=''
  xl_names "$1" || return 2
  if STATE=$(xl list -- "$1" 2>/dev/null 9>&-) && listed "$STATE"; then
    DOMID=$LISTED KNOWN=$1
    return 0
  fi
  unknown_name
}

goal_domain_running() { # NAME
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 does not run" && return 1 ;; *) return 2 ;; esac
  says "$1 is in state $STATE"
  case $STATE in *[pscd]*) return 1 ;; esac
}

goal_domain_paused() { # NAME
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 2 ;; esac
  says "$1 is in state $STATE"
  case $STATE in
    *[scd]*) return 1 ;;
    *p*) return 0 ;;
  esac
  says "$1 runs: somebody else started it"
  return 2
}

goal_domain_down() { # NAME
  domid_of "$1"
  case $? in
    1) return 0 ;;
    2) return 2 ;;
  esac
  says "$1 is still there"
  return 1
}

# backends_of DOMID: \`vbd 51712\`, one a line
backends_of() {
  local type device
  for type in vbd qdisk; do
    for device in $(xenstore-list "/local/domain/0/backend/$type/$1" 2>/dev/null 9>&-); do
      case $device in *[!0-9]*) ;; *) printf '%s %s\\n' "$type" "$device" ;; esac
    done
  done
}

# backend_value DOMID TYPE DEVICE KEY: as it is stored (-R); without it, what is not ASCII comes as C would write it
backend_value() {
  xenstore-read -R "/local/domain/0/backend/$2/$1/$3/$4" 2>/dev/null 9>&-
}

# backend_is_on DOMID TYPE DEVICE TARGET: blkback's own word (physical-device) where there is one
backend_is_on() {
  local kind number node
  kind=$(stat -L -c '%F' -- "$4" 2>/dev/null) || return 1
  number=$(backend_value "$1" "$2" "$3" physical-device)
  if [ "$kind" = 'block special file' ]; then
    if [ -n "$number" ]; then
      [ "$number" = "$(stat -L -c '%t:%T' -- "$4")" ]
      return
    fi
  else
    node=$(backend_value "$1" "$2" "$3" node)
    if [ -n "$node" ]; then
      loop_is_over "$node" "$4"
      return
    fi
  fi
  # QEMU serves it: only what it was told is to be seen
  [ "$(same_file "$(backend_value "$1" "$2" "$3" params)" "$4")" = same ]
}

same_file() {
  local path
  # params of qdisk have the format before the path: \`aio:/dev/…\`
  path=/\${1#*/}
  [ "$(stat -L -c '%d:%i' -- "$path" 2>/dev/null)" = "$(stat -L -c '%d:%i' -- "$2" 2>/dev/null)" ] && echo same
}

# served_disks DOMID: sets SERVED, a line \`xvda1 7:0\` for each disk that Dom0's kernel serves to it: its name there, and what
# it is (blkback's own word, in sysfs). One process for all of them: the guest waits for this.
served_disks() {
  local device vdev numbers
  SERVED='' numbers=''
  set -- "$BACKENDS"/vbd-"$1"-*
  for device in "$@"; do
    shift
    [ -r "$device/physical_device" ] && read -r vdev <"$device/physical_device" || continue
    numbers="$numbers $vdev" device=\${device##*/vbd-}
    set -- "$@" "/local/domain/0/backend/vbd/\${device%-*}/\${device#*-}/dev"
  done
  [ $# -gt 0 ] || return 0
  while IFS= read -r vdev; do
    numbers=\${numbers# }
    SERVED="$SERVED$vdev \${numbers%% *}$LINE"
    case $numbers in *' '*) numbers=\${numbers#* } ;; *) numbers= ;; esac
  done <<LIST
$(xenstore-read "$@" 2>/dev/null 9>&-)
LIST
}

# kernel_serves VDEV TARGET: after served_disks. 1: something else. 2: the kernel does not serve it.
kernel_serves() {
  local number node kind
  number=$LINE$SERVED
  case $number in *"$LINE$1 "*) ;; *) return 2 ;; esac
  number=\${number#*"$LINE$1 "}
  number=\${number%%"$LINE"*}
  read -r node kind <<WORDS
$(stat -L -c '%t:%T %F' -- "$2" 2>/dev/null)
WORDS
  case $kind in
    '') return 1 ;;
    'block special file') [ "$number" = "$node" ] ;;
    *)
      case $number in 7:*) ;; *) return 1 ;; esac
      loop_is_over "$ROOT/dev/loop$((0x\${number#7:}))" "$2"
      ;;
  esac
}

# same_vdev ONE OTHER: two names of one virtual device. A guest whose config somebody has rewritten has it by the name that it was built with.
same_vdev() {
  local one
  [ "$1" != "$2" ] || return 0
  vdev_number "$1"
  one=$NUMBER
  vdev_number "$2"
  [ -n "$one" ] && [ "$one" = "$NUMBER" ]
}

readonly LETTERS=abcdefghijklmnopqrstuvwxyz

# vdev_number NAME: sets NUMBER, as in xenstore (xen-vbd-interface(7)): 51713 for xvda1, d0p1 and 0xca01; empty for what is no such name
vdev_number() {
  local bus name disk part before
  NUMBER='' bus=xvd name=$1
  case $name in
    d[0-9]*p[0-9]*)
      name=\${name#d} disk=\${name%%p*} part=\${name#*p}
      is_number "$disk" && is_number "$part" || return 0
      disk=$((disk)) part=$((part))
      ;;
    xvd[a-z]* | hd[a-z]* | sd[a-z]*)
      bus=\${name%%d*}d name=\${name#*d} disk=0
      while :; do
        case $name in
          [a-z]*)
            # no process for it: a guest may be away
            before=\${LETTERS%%"\${name%"\${name#?}"}"*}
            disk=$((disk * 26 + \${#before} + 1))
            name=\${name#?}
            [ "$disk" -le 1048576 ] || return 0
            ;;
          *) break ;;
        esac
      done
      disk=$((disk - 1)) part=\${name:-0}
      case $part in 0) ;; 0*) return 0 ;; esac
      is_number "$part" || return 0
      ;;
    *)
      ! is_number "$name" || NUMBER=$((name))
      return 0
      ;;
  esac
  case $bus in
    hd) [ "$disk" -gt 3 ] || [ "$part" -gt 63 ] || NUMBER=$(((disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | part)) ;;
    sd) [ "$disk" -gt 15 ] || [ "$part" -gt 15 ] || NUMBER=$((8 << 8 | disk << 4 | part)) ;;
    *)
      if [ "$disk" -le 15 ] && [ "$part" -le 15 ]; then
        NUMBER=$((202 << 8 | disk << 4 | part))
      elif [ "$disk" -le 1048575 ] && [ "$part" -le 255 ]; then
        NUMBER=$((1 << 28 | disk << 8 | part))
      fi
      ;;
  esac
}

# is_number TEXT: as C reads one, of ten digits at most
is_number() {
  case $1 in
    '' | ???????????*) return 1 ;;
    0[xX]*) case \${1#0[xX]} in '' | *[!0-9a-fA-F]*) return 1 ;; esac ;;
    0*) case $1 in *[!0-7]*) return 1 ;; esac ;;
    *[!0-9]*) return 1 ;;
  esac
}

goal_attached() { # NAME VDEV TARGET…
  local name list type device found
  name=$1 list=-
  shift
  domid_of "$name" || {
    set -- $?
    [ "$1" -ne 1 ] || says "$name is not there"
    return "$1"
  }
  served_disks "$DOMID"
  while [ $# -ge 2 ]; do
    if kernel_serves "$1" "$2"; then
      shift 2
      continue
    fi
    # QEMU serves it, or it is another one: which one, is to be said
    [ "$list" != - ] || list=$(backends_of "$DOMID")
    found=0
    while read -r type device; do
      [ -n "$device" ] && same_vdev "$(backend_value "$DOMID" "$type" "$device" dev)" "$1" || continue
      found=1
      backend_is_on "$DOMID" "$type" "$device" "$2" || {
        says "$1 of $name is on $(backend_value "$DOMID" "$type" "$device" params), not on $2"
        return 2
      }
    done <<LIST
$list
LIST
    [ "$found" -eq 1 ] || {
      says "$name has no disk $1"
      return 2
    }
    shift 2
  done
}

# Goals about device-mapper devices of converge's own.

# mapping_of NAME: sets TABLE (\`0 262144 linear 7:2 0\`) and OPEN. 1: there is none. 2: dmsetup cannot tell, or it is not ours.
mapping_of() {
  local tries
  for tries in 1 2 3 4 5; do
    find_mapping "$1"
    set -- "$1" $?
    [ "$2" -eq 3 ] || return "$2"
  done
  return 2
}

# find_mapping NAME: the same. 3: the list was not read to its end.
find_mapping() {
  local list name uuid open
  TABLE='' OPEN=''
  list=$(dmsetup info -c --noheadings --separator ' ' -o name,uuid,open 2>&1 9>&-) || {
    says "dmsetup: $list"
    return 2
  }
  while read -r name uuid open; do
    # a list that a signal cut short has no end (dash and busybox read a long one from a pipe), and says nothing of what is not there
    [ "$name" != / ] || {
      says "there is no mapping $1"
      return 1
    }
    [ "$name" = "$1" ] || continue
    [ "$uuid" = "CONVERGE-$1" ] || {
      says "$1 is there and is not converge's"
      return 2
    }
    OPEN=$open
    TABLE=$(dmsetup table "$1" 2>&1 9>&-) && return 0
    says "dmsetup table $1: $TABLE"
    return 2
  done <<LIST
$list
/
LIST
  says "what dmsetup says was not read to its end"
  return 3
}

# loop_below NAME FILE: sets DEVICE, the loop over FILE, as it is now, that a mapping lies on
loop_below() {
  local device
  for device in $(loops_over "$2"); do
    lies_on "$1" "$device" && loop_has_all "$device" "$2" && DEVICE=$device && return 0
  done
  return 1
}

# saved_by_xendomains: it holds the guest's memory, and restores it at boot
saved_by_xendomains() {
  find_saved "$DOMAIN"
}

# saved_on NAME: that guest is restored onto the device. It may have left that by itself, long before Dom0 went down; what was
# made for it at the boot would lie there for nobody, and be made again at every boot. xl save puts the guest's config before its
# memory (xl_saverestore.c), with what the guest has attached. What is no file of xl's, or not yet, may say anything.
saved_on() {
  local path file
  saved_by_xendomains || return 1
  file=$SAVED/$DOMAIN
  case $1 in */*) path=/dev/$1 ;; *) path=/dev/mapper/$1 ;; esac
  [ "$(head -c 16 -- "$file" 2>/dev/null | tr -d '\\0')" = 'Xen saved domain' ] || return 0
  head -c 1048576 -- "$file" | names_path "$path"
}

# names_path PATH: what is read does, as a whole word: another disk's name may begin with this one. From Xen 4.21 on libxl's JSON may be
# json-c's, which writes \`\\/\` for a slash (\`"\\/dev\\/mapper\\/…"\`).
names_path() {
  tr -d '\\134' 2>/dev/null | tr -cs 'A-Za-z0-9_.+/-' '\\n' 2>/dev/null | grep -qxF -e "$1" -e "$ROOT$1"
}

goal_mapping() { # NAME DEVICE
  mapping_of "$1" || return
  says "$1 lies on something else: $TABLE"
  node_number "$2" || return 1
  case $TABLE in *" linear $NODE 0") ;; *) return 1 ;; esac
}

goal_mirrored() { # NAME FROM TO
  local from
  mapping_of "$1"
  case $? in
    0) ;;
    # nothing to take back
    1) [ "$MODE" = undo ] && return 1 || return 2 ;;
    *) return 2 ;;
  esac
  says "$1 is no mirror of $2 and $3: $TABLE"
  node_number "$2" || return 1
  from=$NODE
  node_number "$3" || return 1
  case $TABLE in *" mirror "*" $from 0 $NODE 0 "*) ;; *) return 1 ;; esac
}

# mirror_status NAME: sets SYNCED and TOTAL (regions), SECTORS, HEALTH (a letter a leg: A is alive)
mirror_status() {
  local status
  status=$(dmsetup status "$1" 2>&1 9>&-) || {
    says "dmsetup status $1: $status"
    return 1
  }
  says "$1 is no mirror: $status"
  # 0 262144 mirror 2 7:2 253:1 256/256 1 AA 1 core
  set -- $status
  [ "\${3:-}" = mirror ] || return 1
  SECTORS=$2
  shift 3
  shift "$(($1 + 1))"
  SYNCED=\${1%/*} TOTAL=\${1#*/} HEALTH=\${3:-}
  case $SYNCED$TOTAL in *[!0-9]* | '') return 1 ;; esac
}

goal_mirror_in_sync() { # NAME
  mirror_status "$1" || return 2
  says "$SYNCED of $TOTAL regions are in sync, legs: $HEALTH"
  case $HEALTH in
    AA) [ "$SYNCED" -eq "$TOTAL" ] ;;
    # its image failed after it had been in sync: the volume has everything
    ?A) was_synced "$1" ;;
    *)
      says "the volume gives errors (legs: $HEALTH)"
      return 1
      ;;
  esac
}

# lies_on NAME DEVICE. 1: it does not, or there is none of that name. 2: it can not be told.
lies_on() {
  case $1 in
    md/*)
      array_of "$1" || return
      member_state "$2" || return 2
      [ -n "$MEMBER" ]
      ;;
    drbd/*)
      resource_of "$1" || return
      same_device "$LOWER" "$2" || same_device "$COPY_LOWER" "$2"
      ;;
    *)
      mapping_of "$1" || return
      node_number "$2" || return 2
      case " $TABLE " in *" $NODE "*) ;; *) return 1 ;; esac
      ;;
  esac
}

# awaited NAME: the guest comes up on it when it reboots itself, since xl has it stored. 1: it does not. 2: it can not be told.
# What \`xl config-update\` has stored goes before what the guest was built with: a guest that xendomains has restored has the second
# alone, and that names what it was saved on.
awaited() {
  local path vm stored
  domid_of "$DOMAIN" || return
  case $1 in */*) path=/dev/$1 ;; *) path=/dev/mapper/$1 ;; esac
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  # whatever it has stored, if it can not be told whose it is
  [ -n "$vm" ] || return 2
  says "xl has $path stored for $DOMAIN's own reboot"
  stored=$ROOT/var/lib/xen/userdata-d.$DOMID.\${vm#/vm/}
  if [ -e "$stored.xl" ]; then stored=$stored.xl; else stored=$stored.libxl-json; fi
  [ -e "$stored" ] && names_path "$path" <"$stored"
}

# still_awaited NAME: it is not taken away then. Not known is not absent: the caller fails.
still_awaited() {
  awaited "$1"
  case $? in
    0) journal note message "$1 stays: $DOMAIN comes up on it when it reboots itself" ;;
    1) return 1 ;;
    *) return 2 ;;
  esac
}

goal_mapping_unused() { # NAME
  saved_on "$1" && says "$DOMAIN was saved on $1" && return 1
  awaited "$1"
  case $? in 0) return 1 ;; 1) ;; *) return 2 ;; esac
  case $1 in
    */*)
      device_unused "$1"
      return
      ;;
  esac
  mapping_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  says "$1 is in use"
  [ "$OPEN" = 0 ]
}

# stored NAME FILE: xl starts a guest that reboots itself from what was stored under \`xl\`, if there is such
goal_stored() {
  local vm
  domid_of "$1"
  case $? in
    0) ;;
    1)
      says "$1 is not there"
      [ "$MODE" = undo ] && return 1 || return 2
      ;;
    *) return 2 ;;
  esac
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  says "xl has another config of $1 stored"
  # nothing stored under \`xl\` yet is not a conflict
  cmp -s "$ROOT/var/lib/xen/userdata-d.$DOMID.\${vm#/vm/}.xl" "$2" || return 1
}

# Goals about what the QEMU of a guest has open and is doing.

# qmp WHAT DOMID…: asks it by way of qmp.py; sets ANSWER. 1: it refuses, or does not answer. 3: no QEMU serves that guest.
qmp() {
  local status SCRATCH
  # nobody has to hear what it says wrong: what it does may be what lets the guest write again
  scratch error || SCRATCH=/dev/null
  ANSWER=$(python3 -I -S -B -c "$QMP" "$@" 2>"$SCRATCH" </dev/null 9>&-)
  status=$?
  case $status in
    0) [ ! -s "$SCRATCH" ] || journal note message "$(tail_of "$SCRATCH")" ;;
    1 | 3) says "$(tail_of "$SCRATCH")" ;;
    *) says "QEMU could not be asked ($status): $(tail_of "$SCRATCH")" && status=1 ;;
  esac
  return "$status"
}

# stored_of DOMID: sets STORED, the file in which libxl keeps the configuration of a running guest
stored_of() {
  local vm
  vm=$(xenstore-read "/local/domain/$1/vm" 2>/dev/null 9>&-)
  STORED=$ROOT/var/lib/xen/userdata-d.$1.\${vm#/vm/}.libxl-json
}

goal_block_job() { # NAME JOB made|ready
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 2 ;; *) return 2 ;; esac
  qmp job "$DOMID" 20 "$2"
  case $? in 0) ;; 1) return 1 ;; *) return 2 ;; esac
  says "the job $2: $ANSWER"
  case $3:$ANSWER in
    *:'concluded '*) return 1 ;;
    made:* | ready:'ready '* | ready:'pending '*) return 0 ;;
  esac
  return 1
}

goal_on_volumes() { # NAME VDEV DEVICE…
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 2 ;; *) return 2 ;; esac
  stored_of "$DOMID"
  shift
  qmp on "$DOMID" 20 "$STORED" "$@"
  case $? in 0) ;; 1) return 1 ;; *) return 2 ;; esac
}

goal_let_go() { # NAME FILE
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 2 ;; esac
  [ -e "$2" ] || return 0
  qmp holds "$DOMID" 20 "$2"
  case $? in 0) ;; 3) return 0 ;; *) return 2 ;; esac
  says "the QEMU of $1 still has $2 open"
  [ "$ANSWER" = no ]
}

# DRBD resources of converge's own: NAME has the guest's device, NAME.copy the volume while both are mirrored. What they are
# is asked of the kernel each time: \`drbdsetup show\` for what lies where, /proc/drbd for how it is (DRBD 8.4).

# resource_of NAME: sets RESOURCE, MINOR, LOWER (what lies below; empty: nothing does), LOCAL and REMOTE (ends of its
# connection, empty: none), the same with COPY_ for the second resource (COPY empty: there is none), and DEVICE_NODE.
# 1: there is none. 2: it can not be told.
resource_of() {
  local shown
  RESOURCE=\${1#drbd/} COPY='' COPY_MINOR='' COPY_LOWER='' COPY_LOCAL='' COPY_REMOTE=''
  MINOR='' LOWER='' LOCAL='' REMOTE='' DEVICE_NODE=
  says "there is no DRBD resource $RESOURCE"
  # asked anything, drbdsetup would load the module
  [ -r "$ROOT/proc/drbd" ] || return 1
  shown=$(drbdsetup show 2>&1 9>&-) || {
    says "drbdsetup: $shown"
    return 2
  }
  show_resource "$RESOURCE.copy" "$shown"
  case $? in
    0) COPY=$RESOURCE.copy COPY_MINOR=$MINOR COPY_LOWER=$LOWER COPY_LOCAL=$LOCAL COPY_REMOTE=$REMOTE ;;
    2) return 2 ;;
  esac
  show_resource "$RESOURCE" "$shown" || return
  [ -z "$MINOR" ] || DEVICE_NODE=$ROOT/dev/drbd$MINOR
  return 0
}

# show_resource NAME SHOWN: from what \`drbdsetup show\` printed. 1: it is not there. 2: a signal cut the list short (mapping_of).
show_resource() {
  local tries
  for tries in 1 2 3 4 5; do
    read_resource "$1" "$2"
    set -- "$1" "$2" $?
    [ "$3" -eq 2 ] || return "$3"
  done
  return 2
}

read_resource() { # NAME SHOWN
  local found here whole word rest
  MINOR='' LOWER='' LOCAL='' REMOTE='' found=1 here=1 whole=0
  while read -r word rest; do
    case $word in
      /) whole=1 ;;
      resource)
        here=1 rest=\${rest%% *} rest=\${rest#\\"}
        [ "\${rest%\\"}" != "$1" ] || { here=0 found=0; }
        ;;
      _remote_host) [ "$here" -ne 0 ] || REMOTE=- ;;
      _this_host) [ "$here" -ne 0 ] || LOCAL=- ;;
      address)
        rest=\${rest##* } rest=\${rest%;}
        [ "$here" -eq 0 ] || continue
        [ "$REMOTE" != - ] || REMOTE=$rest
        [ "$LOCAL" != - ] || LOCAL=$rest
        ;;
      device)
        rest=\${rest##* }
        [ "$here" -ne 0 ] || MINOR=\${rest%;}
        ;;
      disk)
        case $rest in
          '"'*)
            rest=\${rest#\\"}
            [ "$here" -ne 0 ] || LOWER=\${rest%\\"*}
            ;;
        esac
        ;;
    esac
  done <<LIST
$2
/
LIST
  [ "$whole" -eq 1 ] || {
    says 'what drbdsetup says was not read to its end'
    return 2
  }
  # a resource that has no connection shows no address
  [ "$LOCAL" != - ] || LOCAL=
  [ "$REMOTE" != - ] || REMOTE=
  return "$found"
}

# minor_state MINOR: sets CONNECTION, ROLE, DISK and PEER_DISK (what it takes its peer's for), FLAGS, BEHIND, how many KiB
# its peer lacks, UNDER_WAY, the requests that its disk, its peer or itself has not answered yet, as four counters, and WROTE, how
# many KiB it has written to its disk. 1: there is no such minor.
minor_state() {
  local word rest found
  CONNECTION='' ROLE='' DISK='' PEER_DISK='' FLAGS='' BEHIND='' UNDER_WAY='' WROTE='' found=1
  while read -r word rest; do
    case $word in
      "$1:")
        found=0
        for word in $rest; do
          case $word in
            cs:*) CONNECTION=\${word#cs:} ;;
            ro:*) ROLE=\${word#ro:} ROLE=\${ROLE%/*} ;;
            ds:*) DISK=\${word#ds:} PEER_DISK=\${DISK#*/} DISK=\${DISK%/*} ;;
            *) FLAGS=$word ;;
          esac
        done
        ;;
      ns:*)
        [ "$found" -eq 0 ] && [ -z "$BEHIND" ] || continue
        for word in $rest; do
          case $word in
            oos:*) BEHIND=\${word#oos:} ;;
            dw:*) WROTE=\${word#dw:} ;;
            lo:* | pe:* | ua:* | ap:*) UNDER_WAY="$UNDER_WAY \${word#*:}" ;;
          esac
        done
        ;;
      [0-9]*:) [ "$found" -ne 0 ] || break ;;
    esac
  done <"$ROOT/proc/drbd"
  return "$found"
}

# at_rest MINOR: nothing is under way, neither to its disk nor to its peer
at_rest() {
  minor_state "$1" && [ "$UNDER_WAY" = ' 0 0 0 0' ]
}

# same_device A B: whatever they are called
same_device() {
  local number
  [ -n "$1" ] && node_number "$1" || return 1
  number=$NODE
  node_number "$2" && [ "$number" = "$NODE" ]
}

# has_link NAME: the name by which the guest has it leads to its device
has_link() {
  [ -n "$DEVICE_NODE" ] && [ "$(readlink -e -- "$ROOT/dev/$1")" = "$(readlink -e -- "$DEVICE_NODE")" ]
}

# holds_all MINOR: its own disk is whole
holds_all() {
  minor_state "$1" && [ "$DISK" = UpToDate ]
}

goal_resource() { # NAME DEVICE
  resource_of "$1" || return
  says "/dev/$1 lies on \${LOWER:-nothing}\${COPY:+, and on \${COPY_LOWER:-nothing} by way of $COPY}"
  [ -z "$COPY" ] || return 1
  [ -n "$LOWER" ] || return 1
  # two may come to have one name, one after the other
  same_device "$LOWER" "$2" || return 2
  holds_all "$MINOR" && [ "$ROLE" = Primary ] && has_link "$1" && return 0
  says "/dev/$1 is not all there: \${ROLE:-no role}, its disk is \${DISK:-missing}"
  return 1
}

goal_resource_mirrored() { # NAME FROM TO
  resource_of "$1" || return 2
  says "/dev/$1 does not lie on $2 and $3"
  [ -n "$COPY" ] && same_device "$LOWER" "$2" && same_device "$COPY_LOWER" "$3" || return 1
  minor_state "$MINOR"
  says "$RESOURCE and $COPY are not connected: $CONNECTION"
  connected
}

# connected: as minor_state found it. While DRBD still agrees on what to do it counts.
connected() {
  case $CONNECTION in
    Connected | SyncSource | PausedSyncS | WFBitMapS | StartingSyncS | WFSyncUUID | WFReportParams) ;;
    *) return 1 ;;
  esac
}

goal_resource_in_sync() { # NAME DEVICE
  resource_of "$1" || return 2
  same_device "$COPY_LOWER" "$2" && holds_all "$COPY_MINOR" && return 0
  says "$2 is not in sync below /dev/$1: \${DISK:-it is not there}"
  return 1
}

# Goals about logical volumes. \`lvs\` is asked once; what it says wrong is never taken for "absent".

# ask_volume VG/LV FIELDS: sets ANSWER, fields with \`|\` between them. 1: no such volume. 2: lvs cannot tell.
ask_volume() {
  local SCRATCH OUT
  # as a command, which can be left behind: what waits for a disk that does not answer can not even be killed
  scratch error || return 2
  OUT=$SCRATCH
  if run_answer lvs --noheadings --nosuffix --units b --separator '|' -o "$2" "$1"; then
    # lvs pads the first column
    ANSWER=\${SAID#"\${SAID%%[! ]*}"}
    return 0
  fi
  # rc 5 is many things; only this one says that the group was read and the volume is not in it
  grep -q 'Failed to find logical volume' "$OUT" && return 1
  says "lvs $1: $(tail_of "$OUT")"
  return 2
}

# field N: sets FIELD from ANSWER
field() {
  local number rest
  number=$1 rest=$ANSWER
  while [ "$number" -gt 1 ]; do
    rest=\${rest#*|} number=$((number - 1))
  done
  FIELD=\${rest%%|*}
}

# has_tags LIST TAG…: LIST as lvs prints it, with commas
has_tags() {
  local list tag
  list=,$1,
  shift
  for tag in "$@"; do
    case $list in *",$tag,"*) ;; *) return 1 ;; esac
  done
}

goal_volume_exists() { # VG/LV BYTES TAG…
  local volume bytes
  volume=$1 bytes=$2
  ask_volume "$volume" lv_size,lv_tags || {
    set -- $?
    [ "$1" -ne 1 ] || says "$volume is not there"
    return "$1"
  }
  shift 2
  field 2
  has_tags "$FIELD" "$@" || {
    says "$volume is there and is not converge's (its tags: $FIELD)"
    return 2
  }
  field 1
  [ "$FIELD" = "$bytes" ] || {
    says "$volume has $FIELD bytes, not $bytes"
    return 2
  }
}

goal_volume_tagged() { # VG/LV TAG…
  local volume
  volume=$1
  ask_volume "$volume" lv_tags || {
    [ $? -ne 1 ] || says "$volume is not there"
    return 2
  }
  shift
  has_tags "$ANSWER" "$@" || {
    says "$volume lacks a tag of: $*"
    return 1
  }
}

goal_snapshot_exists() { # VG/LV VG/ORIGIN TAG…
  local snapshot origin attributes
  snapshot=$1 origin=$2
  ask_volume "$snapshot" lv_attr,origin,data_percent,lv_tags || {
    set -- $?
    [ "$1" -ne 1 ] || says "$snapshot is not there"
    return "$1"
  }
  shift 2
  field 4
  has_tags "$FIELD" "$@" || {
    says "$snapshot is there and is not converge's (its tags: $FIELD)"
    return 2
  }
  field 2
  # the power went while LVM made it, or took it away: between the two it is a volume by itself, with its tags (seen). Ours to remove
  [ "$MODE" != undo ] || [ -n "$FIELD" ] || return 0
  [ "\${snapshot%%/*}/$FIELD" = "$origin" ] || {
    says "$snapshot is no snapshot of $origin"
    return 2
  }
  snapshot_valid || {
    says "$snapshot overflowed: what it holds is worthless"
    # still ours to remove
    [ "$MODE" != undo ] || return 0
    return 2
  }
}

# snapshot_valid: ANSWER begins with lv_attr,origin,data_percent
snapshot_valid() {
  field 1
  case $FIELD in
    # of a thin one the percentage says how much of it is there, and it may be all; only with its pool does it fail
    V???????F*) return 1 ;;
    V*) return 0 ;;
    ????I*) return 1 ;;
  esac
  field 3
  [ "\${FIELD:-0}" = 0 ] || [ "\${FIELD%%.*}" -lt 100 ]
}

goal_volume_absent() { # VG/LV TAG…
  local volume
  volume=$1
  ask_volume "$volume" lv_tags
  case $? in
    1) return 0 ;;
    2) return 2 ;;
  esac
  shift
  has_tags "$ANSWER" "$@" || {
    says "$volume is there and is not converge's (its tags: $ANSWER)"
    return 2
  }
  says "$volume is still there"
  return 1
}

# of what was never given one, as swap of before 2007
readonly NO_UUID=00000000-0000-0000-0000-000000000000

goal_content() { # VG/LV TYPE UUID
  local found status type uuid
  # -p: what is on the disk, not what the cache remembers
  found=$(blkid -p -o export "$ROOT/dev/$1" 2>/dev/null)
  status=$?
  type=$(printf '%s\\n' "$found" | sed -n 's/^TYPE=//p')
  uuid=$(printf '%s\\n' "$found" | sed -n 's/^UUID=//p')
  # one that is all zeroes blkid does not tell
  [ -z "$type" ] || uuid=\${uuid:-$NO_UUID}
  case $status in
    0) ;;
    2)
      [ -e "$ROOT/dev/$1" ] || {
        says "/dev/$1 is not there"
        return 1
      }
      says "$1 is blank"
      [ "$2" != blank ] || return 0
      return 1
      ;;
    *)
      says "blkid cannot tell what is on $1 ($status)"
      return 2
      ;;
  esac
  [ "$type" = "$2" ] && [ "$uuid" = "$3" ] && return 0
  says "$1 holds \${type:-something else} $uuid, not $2 $3"
  ask_volume "$1" lv_tags || return 2
  # a copy that nobody has ever used may be made anew
  has_tags "$ANSWER" converge.role=copy && {
    says "$1 holds \${type:-something else} $uuid, not $2 $3"
    return 1
  }
  return 2
}

# md arrays of converge's own: the guest's disk on one member, on two, on the other.

# build_array NAME -- COMMAND…
verb_build_array() {
  local name
  name=$1
  shift 2
  run_command "$@" && await_node "$name"
}

# await_node NAME: udev makes the link, where mdadm does not
await_node() {
  local tries
  tries=100
  until array_of "$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# two_members NAME -- COMMAND…: mdadm refuses to grow to the number that there is
verb_two_members() {
  raid_disks "$1" || return
  [ "$DISKS" != 2 ] || return 0
  shift 2
  run_command "$@"
}

# one_member NAME -- COMMAND…: an array that misses nothing is reported by nobody
verb_one_member() {
  local name tries
  name=$1
  shift 2
  tries=50
  # busy while the thread of a copy that was given up still ends
  while :; do
    raid_disks "$name" || return
    # an earlier try may have done it, whatever mdadm said of that
    [ "$DISKS" != 1 ] || return 0
    drop_bitmap "$name" && run_command "$@" && return 0
    [ $? -ne "$GIVEN_UP" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

raid_disks() { # NAME: sets DISKS
  local rest
  array_of "$1" || return
  read -r DISKS rest <"$MD/raid_disks"
}

# hold_array NAME SECTORS [KIB]: the copy waits there; what it may take is this array's own affair
verb_hold_array() {
  array_of "$1" || return
  set_md sync_max "$2" || return
  [ -z "\${3:-}" ] || { set_md sync_speed_min 1 && set_md sync_speed_max "$3"; }
}

set_md() { # FILE VALUE
  printf '%s\\n' "$2" 2>>"$OUT" >"$MD/$1" || {
    says "cannot write $2 to $MD/$1"
    return 1
  }
}

# add_member NAME DEVICE -- COMMAND…
verb_add_member() {
  array_of "$1" || return
  member_state "$2" || return
  # left over from a run that died: not in sync, or the goals would have held
  [ -z "$MEMBER" ] || take_out_held "$1" "$2" || return
  begins "$1"
  shift 3
  run_command "$@"
}

# both_alive FROM TO: neither member has failed, and the copy has not been given up. IDLE_LOOKS counts looks, since md's
# thread takes a member up only a moment after it was added.
both_alive() {
  local action
  member_state "$2" || return 1
  case ,$MEMBER, in
    ,, | *,faulty,*)
      says "the volume gives errors (md says: \${MEMBER:-no member})"
      return 1
      ;;
  esac
  if [ "$SLOT" = none ]; then
    # md gives up where it can not read, and lets the member go without calling it faulty
    read -r action <"$MD/sync_action"
    [ "$action" = idle ] || IDLE_LOOKS=0
    IDLE_LOOKS=$((IDLE_LOOKS + 1))
    [ "$IDLE_LOOKS" -lt 20 ] || {
      says 'the image gives errors: md has given up the copy'
      return 1
    }
  fi
  member_state "$1" || return 1
  case ,$MEMBER, in
    ,, | *,faulty,* | *,write_error,*)
      says "the image gives errors (md says: \${MEMBER:-no member})"
      return 1
      ;;
  esac
}

# await_array NAME FROM TO BYTES HELD IMAGE
verb_await_array() {
  since_when "$1"
  await_held "$@" tell_whole || return
  mirrored "$MIRROR_BEGAN" "$MIRROR_BASE" "$((HELD_SECTORS * 512))" "$4"
}

# tell_whole SECTORS BYTES: of a copy of everything
tell_whole() {
  tell_mirrored "$MIRROR_BEGAN" "$MIRROR_BASE" "$(($1 * 512))" "$2"
}

# await_held NAME FROM TO BYTES HELD IMAGE TELL: until the copy is where it is held; TELL tells how far it is. Sets HELD_SECTORS.
await_held() {
  local name from to bytes held tell next done_sectors total rest
  name=$1 from=$2 to=$3 bytes=$4 held=$5 tell=$7 done_sectors=0 IDLE_LOOKS=0
  uptime_now
  next=$UPTIME
  keep_watched "$name" "$6" "$from" "$ROOT/dev/$name" || return
  while :; do
    array_of "$name" && both_alive "$from" "$to" || return 1
    # \`202752 / 204800\`, \`none\` before it begins and after it has ended, \`delayed\` while another array is copied
    read -r done_sectors rest total <"$MD/sync_completed"
    case $done_sectors in
      *[!0-9]* | '') if is_in_sync "$to"; then done_sectors=$held; else done_sectors=0; fi ;;
    esac
    [ -n "$MIRROR_BASE" ] || MIRROR_BASE=$((done_sectors * 512))
    uptime_now
    if [ "$UPTIME" -ge "$next" ] || [ "$done_sectors" -ge "$held" ]; then
      next=$((UPTIME + 100))
      nobody_around || return
      "$tell" "$done_sectors" "$bytes"
    fi
    [ "$done_sectors" -lt "$held" ] || break
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  HELD_SECTORS=$done_sectors
}

# complete_array NAME FROM TO BYTES
verb_complete_array() {
  BOTH_FROM=$2 BOTH_TO=$3 IDLE_LOOKS=0
  array_of "$1" && set_md sync_max max && await_last "$4" both_members is_in_sync "$3"
}

# both_members: those that are being completed
both_members() {
  both_alive "$BOTH_FROM" "$BOTH_TO"
}

# both_in_sync NAME FROM TO: an image that failed after the last look is no obstacle any more, for the volume has it all
verb_both_in_sync() {
  array_of "$1" || return 1
  is_in_sync "$3" || {
    says "the volume gives errors (md says: \${MEMBER:-no member})"
    return 1
  }
  is_in_sync "$2" ||
    journal note message "the image behind /dev/$1 gives errors (md says: \${MEMBER:-no member}): the volume holds everything, and takes over"
}

# remove_member NAME DEVICE -- COMMAND…: what is still under way to it ends first
verb_remove_member() {
  local name device tries
  name=$1 device=$2 tries=50
  shift 3
  while :; do
    array_of "$name" && member_state "$device" || return 1
    [ -n "$MEMBER" ] || return 0
    run_command "$@" && return 0
    [ $? -ne "$GIVEN_UP" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# take_out NAME DEVICE: fails it where md still uses it. Never the last one that is in sync: see both_in_sync.
take_out() {
  member_state "$2" || return
  case ,$MEMBER, in
    ,, | *,faulty,*) ;;
    *) [ "$SLOT" = none ] || run_command mdadm "/dev/$1" --fail "$2" || return ;;
  esac
  # a copy that is held back does not notice, and the member stays busy as long (seen); nothing is copied to it any more
  set_md sync_max max || return
  verb_remove_member "$1" "$2" -- mdadm "/dev/$1" --remove "$2"
}

# take_out_held NAME DEVICE: and the next copy is to be held where this one was
take_out_held() {
  local held
  read -r held <"$MD/sync_max" && take_out "$1" "$2" && array_of "$1" && set_md sync_max "$held"
}

# collapse_array NAME FROM TO: the complete member alone
verb_collapse_array() {
  local stays goes
  stays=$2 goes=$3
  if committing; then stays=$3 goes=$2; fi
  array_of "$1" || return 1
  takes_apart
  is_in_sync "$stays" || {
    says "$stays gives errors (md says: \${MEMBER:-no member}): $DOMAIN runs on $goes alone"
    return 1
  }
  take_out "$1" "$goes" || return
  # what the guest writes is noted, for the run that goes on with it
  ! has_bitmap "$1" || committing || return 0
  # taken out already: the last step of it is still to be done
  verb_one_member "$1" -- mdadm --grow "/dev/$1" --raid-devices=1 --force
}

stop_array() { # NAME
  local tries
  tries=25
  # udev may have it open for an instant
  until run_command mdadm --stop "/dev/$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] && [ "$HUNG" -eq 0 ] || return 1
    array_of "$1" || break
    sleep 0.2
  done
  forget_bitmap "$1"
}

# What the books of a guest say of files that converge renamed: only what stands there is ever removed later.

verb_retire_image() { # DOMAIN VDEV VOLUME PATH RETIRED [KEEP_FOR] -- COMMAND…
  local domain vdev volume path retired keep inode bytes mtime
  domain=$1 vdev=$2 volume=$3 path=$4 retired=$5 keep=
  shift 5
  [ "$1" = -- ] || { keep=$1 && shift; }
  shift
  # which file it is, for whoever removes it later: another may have come under its name by then
  read -r inode bytes mtime <<LINE
$(stat -c '%i %s %Y' -- "$path" 2>/dev/null)
LINE
  [ -n "\${mtime:-}" ] || {
    says "$path is not there"
    return 1
  }
  [ ! -e "$retired" ] && [ ! -L "$retired" ] || {
    says "$retired is there already"
    return 1
  }
  # first the word, then the deed: an entry about a file that is not there harms nobody
  json_object domain "$domain" vdev "$vdev" volume "$volume" path "$path" retired "$retired" \\
    'inode#' "$inode" 'bytes#' "$bytes" 'mtime#' "$mtime" 'at#' "$(date +%s)" \${keep:+'keepFor#' "$keep"}
  add_line "$BOOK/retired.jsonl" "$JSON" || {
    says "cannot write $BOOK/retired.jsonl"
    return 1
  }
  run_command "$@"
}

# discard_retired PATH INODE BYTES MTIME -- COMMAND…: the file that the books say was retired, and no other
verb_discard_retired() {
  local entry found
  json_object retired "$1" 'inode#' "$2" 'bytes#' "$3" 'mtime#' "$4"
  entry=\${JSON#?}
  grep -qsF -- "\${entry%?}" "$BOOK/retired.jsonl" || {
    says "the books do not say that $1 was retired"
    return 1
  }
  found=$(stat -c '%i %s %Y' -- "$1" 2>/dev/null)
  [ -f "$1" ] && [ ! -L "$1" ] && [ "$found" = "$2 $3 $4" ] || {
    says "$1 is not the file that was retired: is \${found:-not there}, was $2 $3 $4"
    return 1
  }
  shift 5
  run_command "$@"
}

verb_forget_run() { # RUN -- COMMAND…
  local run
  run=$BOOK/runs/$1
  case $1 in
    '' | .* | */*)
      says "$1 is no name of a run"
      return 1
      ;;
  esac
  [ ! -L "$run" ] && [ "$run" != "$HERE" ] || {
    says "$1 is not an old run's directory"
    return 1
  }
  [ -d "$run" ] || return 0
  [ -e "$run/ended" ] && [ ! -e "$run/unfinished" ] &&
    ! grep -qsF "/runs/$1/" "$UNITS/converge-boot-$SAFE.service" "$BOOK"/runs/*/before || {
    says "the run $1 has left something to do"
    return 1
  }
  shift 2
  run_command "$@"
}

# The unit that looks after the guest when Dom0 reboots in mid-run. Its text is made by the plan (model/unit.ts), which shows it.
# A guest has one. A run that replaces an earlier one's, since the guest is on a device which that one made, or is about to be,
# notes whose it was: until it commits, a boot needs what that one brings back as well (recover_earlier), and if it is taken back
# the earlier unit is there again.

verb_install_boot_unit() { # UNIT LINE…: its text, in which @RUN@ stands for this run's directory
  local unit line
  unit=$1
  note_earlier "$UNITS/$unit" || {
    says "cannot write whose unit $unit was"
    return 1
  }
  shift
  for line in "$@"; do
    case $line in *@RUN@*) line=\${line%%@RUN@*}$HERE\${line#*@RUN@} ;; esac
    printf '%s\\n' "$line" || return 1
  done >"$UNITS/$unit.new" || return 1
  chmod 0644 "$UNITS/$unit.new" && kept "$UNITS/$unit.new" && mv -f "$UNITS/$unit.new" "$UNITS/$unit" || return 1
  # it is for the next boot, which reads all units anew: this one need not, and takes seconds for it on a slow host
  run_command systemctl --no-reload enable "$unit" || return
  # the link is what makes it run
  kept "$UNITS/multi-user.target.wants"
  kept "$UNITS"
}

verb_remove_boot_unit() { # UNIT
  if [ "$MODE" = undo ] && [ -n "$LEFT" ]; then
    # the next boot tries again what could not be taken back now
    says 'stays while something newer is not taken back'
    return 1
  fi
  if [ "$MODE" = undo ] && [ -n "$UNSTARTED" ]; then
    says "stays while $DOMAIN is not up"
    return 1
  fi
  # a later run's, which calls this one at a boot as well
  if [ "$MODE" = undo ] && [ -e "$UNITS/$1" ] && ! grep -qsF "$HERE/program.sh" "$UNITS/$1"; then return 0; fi
  # one that has committed has the last word
  if [ "$MODE" = undo ] && ! committing && grep -qsF "$HERE/program.sh" "$UNITS/$1" && earlier_program; then
    put_back_unit "$UNITS/$1" "$EARLIER"
    return
  fi
  [ -e "$UNITS/$1" ] || [ -L "$UNITS/multi-user.target.wants/$1" ] || return 0
  run_command systemctl --no-reload disable "$1"
  rm -f "$UNITS/$1" "$UNITS/$1.new" "$UNITS/multi-user.target.wants/$1"
  kept "$UNITS"
}

# note_earlier FILE: the programs that it calls until now, the newest first, into \`before\`
note_earlier() {
  local program run
  # however it is called there: another version of converge wrote it
  program=$(sed -n "s|^ExecStart=.*[ '\\"]\\\\(/[^ '\\"]*/program\\\\.sh\\\\).*|\\\\1|p" "$1" 2>/dev/null)
  [ -n "$program" ] && [ "$program" != "$HERE/program.sh" ] && [ -f "$program" ] || return 0
  run=\${program%/program.sh}
  {
    brings_nothing_back "$run" || printf '%s\\n' "$program"
    [ ! -e "$run/before" ] || cat "$run/before"
  } >"$HERE/before" && kept "$HERE/before"
}

# brings_nothing_back RUN: it was taken back whole, and makes no device: a guest may have stayed on one also where all is taken back
brings_nothing_back() {
  [ ! -e "$1/unfinished" ] && [ ! -e "$1/unstarted" ] && [ ! -s "$1/committing" ] &&
    grep -qsxE 'failed|refused|stopped' "$1/ended" && ! grep -qE '^ *act drop_(mapping|device) ' "$1/program.sh"
}

# earlier_program: sets EARLIER, the newest program that was called at boot before this one. 1: there was none, or it is gone
earlier_program() {
  EARLIER=
  [ -s "$HERE/before" ] && read -r EARLIER <"$HERE/before" && [ -f "$EARLIER" ]
}

put_back_unit() { # FILE PROGRAM
  local line
  while IFS= read -r line; do
    case $line in *"$HERE/program.sh"*) line=\${line%%"$HERE/program.sh"*}$2\${line#*"$HERE/program.sh"} ;; esac
    printf '%s\\n' "$line" || return 1
  done <"$1" >"$1.new" || return 1
  chmod 0644 "$1.new" && kept "$1.new" && mv -f "$1.new" "$1" && kept "$UNITS"
}

# recover_earlier: after a boot, once this run is taken back. Since it has not committed, the word of those before it counts.
recover_earlier() {
  local program
  ! committing || return 0
  while read -r program; do
    # with books, and an end, of its own
    [ ! -f "$program" ] || /bin/sh "$program" recover </dev/null || :
  done <"$HERE/before"
}

# Guests that are built and have not run yet. One whose building was cut short stays paused, with no disks or with some, and
# nobody counts what was written to disks that QEMU serves: so a run notes what it builds, and takes that back.

# begin_built: before the command that builds the guest. For this boot only: nothing of it needs to be on disk.
begin_built() {
  printf '%s building\\n' "$(boot_id)" >"$HERE/built"
}

# end_built STATUS: after it. One that ended by itself, with an error, has cleared away what it had begun: what is there then
# is somebody else's. One that was killed or given up has cleared nothing away.
end_built() {
  [ "$1" -eq 0 ] || [ "$1" -ge "$GIVEN_UP" ] || forget_built
}

# note_built DOMID: it is whole. The line before says the same of a domain that nobody knows yet, until this one is there.
note_built() {
  printf '%s %s\\n' "$(boot_id)" "$1" >>"$HERE/built"
}

# forget_built: it runs, and is its owner's from here on
forget_built() {
  ! [ -e "$HERE/built" ] || printf '' >"$HERE/built"
}

# built_here DOMID: this run has built it, or was about to, and it has never run. Sets WHOLE, 1 where it was seen whole.
built_here() {
  local boot what line_boot line_what
  boot='' what='' WHOLE=0
  [ -s "$HERE/built" ] || return 1
  while read -r line_boot line_what; do boot=$line_boot what=$line_what; done <"$HERE/built"
  [ "$boot" = "$(boot_id)" ] || return 1
  case $what in
    building) ;;
    "$1") WHOLE=1 ;;
    *) return 1 ;;
  esac
  never_ran "$1"
}

# half_built DOMID: this run was about to build it when that was cut short
half_built() {
  built_here "$1" && [ "$WHOLE" -eq 0 ]
}

# never_ran DOMID: it is paused, no processor has had it, and none of its disks is connected, which takes a guest that runs. An HVM
# guest may write by its device model, which connects nothing: of it the processor's time alone says so.
never_ran() {
  local type device
  domid_state "$1" && [ "$RAN" = 0.0 ] || return 1
  case $STATE in *[scd]*) return 1 ;; *p*) ;; *) return 1 ;; esac
  while read -r type device; do
    [ -n "$device" ] || continue
    # initialising, waiting for the guest, initialised (xen/io/xenbus.h)
    case $(backend_value "$1" "$type" "$device" state) in 1 | 2 | 3) ;; *) return 1 ;; esac
  done <<LIST
$(backends_of "$1")
LIST
  ! in_vain
}

# written_nothing DOMID: blkback has counted no sector. No counter, or a disk that QEMU serves as well: nobody knows. Nor of an HVM
# guest: what it writes to its emulated disks, all of it where it has no drivers for Xen's, its device model writes past blkback.
written_nothing() {
  local counter count any
  any=0
  for counter in "$BACKENDS"/vbd-"$1"-*/statistics/wr_sect; do
    [ -r "$counter" ] || return 1
    read -r count <"$counter"
    [ "$count" = 0 ] || return 1
    any=1
  done
  [ "$any" -eq 1 ] || return 1
  case $(backends_of "$1") in *qdisk*) return 1 ;; esac
  # libxl's own word, from Xen 4.10 on. Where there is none it may be anything.
  case $(xenstore-read "/libxl/$1/type" 2>/dev/null 9>&-) in pv | pvh) ;; *) return 1 ;; esac
  ! in_vain
}

# has_not_run NAME: what was to let it run has not: it is paused, and has written nothing
has_not_run() {
  domain_state "$1" || return 1
  case $STATE in
    *[scd]*) return 1 ;;
    *p*) written_nothing "$DOMID" || never_ran "$DOMID" ;;
    *) return 1 ;;
  esac
}

# runs NAME: it is seen to. Neither this nor has_not_run: nobody knows.
runs() {
  domain_state "$1" || return 1
  case $STATE in *[pscd]*) return 1 ;; esac
}

# clear_half_built DOMID: nothing of it is lost, and nothing can be made of it
clear_half_built() {
  journal note message "$DOMAIN was not built to the end: its domain $1 is destroyed"
  run_command xl destroy -- "$1" || :
  await_gone "$1" 60 || return
  forget_built
}

# Image and volume, compared while nobody writes to either.

HELD_CENTIS=0

# pause_guest NAME -- COMMAND…: what is written down first is what lets it run on
verb_pause_guest() {
  local name
  name=$1
  domain_state "$name" || {
    says "$name is not there"
    return 1
  }
  if ! held_here; then
    case $STATE in
      *p*)
        says "$name is paused, and not by this run"
        return 1
        ;;
    esac
    uptime_now
    write_kept "$HERE/held" "$DOMID $UPTIME $(boot_id)" || {
      says "cannot write that $name is paused"
      return 1
    }
  fi
  guest_away
  shift 2
  run_command "$@"
}

# hold_writes NAME: what is under way is waited for, and md keeps back what comes after it. DRBD does not: see hold_resource.
verb_hold_writes() {
  local size
  case $1 in
    drbd/*)
      hold_resource "$1"
      return
      ;;
  esac
  array_of "$1" || return 1
  read -r size <"\${MD%/md}/size" && set_md suspend_lo 0 && set_md suspend_hi "$size"
}

# held_here: sets HELD_DOMID and HELD_SINCE. This run has paused the guest, or was about to.
held_here() {
  local boot
  HELD_DOMID='' HELD_SINCE=''
  [ -e "$HERE/held" ] && read -r HELD_DOMID HELD_SINCE boot <"$HERE/held" && [ "$boot" = "$(boot_id)" ]
}

# release_disks NAME|- MAPPING…: whatever of it was done. The guest first gets its disks back.
verb_release_disks() {
  local name mapping
  name=$1
  shift
  for mapping in "$@"; do
    case $mapping in
      md/*)
        array_of "$mapping"
        case $? in
          0) set_md suspend_hi 0 && set_md suspend_lo 0 || return ;;
          1) ;;
          *) return 1 ;;
        esac
        continue
        ;;
      # nothing but the guest itself was held
      drbd/*) continue ;;
    esac
    mapping_of "$mapping"
    case $? in
      # a run that died in its commit has left the table that lies on the volume alone: to resume would bring that in
      0) run_command dmsetup clear "$mapping" && run_command dmsetup resume --noflush "$mapping" || return ;;
      1) ;;
      *) return 1 ;;
    esac
  done
  held_here || {
    rm -f "$HERE/held"
    return 0
  }
  domid_state "$HELD_DOMID"
  case $? in
    0)
      case $STATE in *p*) run_command xl unpause -- "$HELD_DOMID" || return ;; esac
      # a recovery goes on to look whether it is up
      [ -n "\${FOUND_DEAD:-}" ] || guest_here
      ;;
    1) ;;
    *) return 1 ;;
  esac
  rm -f "$HERE/held"
  uptime_now
  HELD_CENTIS=$((HELD_CENTIS + UPTIME - HELD_SINCE))
  seconds $((UPTIME - HELD_SINCE))
  journal note message "$name stood still for $SECONDS_TEXT s"
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$name" 'downtime#' "$SECONDS_TEXT"
}

# What is compared in one go, and what is copied where it differs, in bytes
STRETCH=268435456
BLOCK=1048576
# More blocks than these: that is no mirror
MOST_DIFFERING=1000

# read_volume VOLUME BLOCK: from there on, past Dom0's cache, which knows nothing of what is written below it
read_volume() {
  dd if="$1" bs="$BLOCK" skip="$2" iflag=direct status=none 2>>"$OUT" 9>&-
}

# copy_block IMAGE VOLUME BLOCK
copy_block() {
  run_command dd if="$1" of="$2" bs="$BLOCK" skip="$3" seek="$3" count=1 oflag=direct conv=notrunc,fsync status=none
}

# both_legs NAME LINK VOLUME: 1: the image failed once all was in sync, and there is nothing to compare with; the volume
# has it all. 2: it has not.
both_legs() {
  case $1 in
    md/*)
      verb_both_in_sync "$1" "$2" "$3" || return 2
      is_in_sync "$2"
      ;;
    drbd/*)
      resource_of "$1" && [ -n "$COPY" ] && same_device "$COPY_LOWER" "$3" && holds_all "$COPY_MINOR" || {
        says "$3 is not in sync below /dev/$1"
        return 2
      }
      holds_all "$MINOR" || return
      LEG_WROTE=$WROTE
      ;;
    qemu/*) is_pending "\${1#*/}" || return 2 ;;
    *)
      mirror_whole "$1" || return 2
      [ "$HEALTH" = AA ]
      ;;
  esac
}

# legs_rested NAME: nobody has written to them since both_legs
legs_rested() {
  case $1 in
    drbd/*) ;;
    qemu/*)
      is_pending "\${1#*/}"
      return
      ;;
    *) return 0 ;;
  esac
  resource_of "$1" && minor_state "$MINOR" && [ "$WROTE" = "$LEG_WROTE" ] && return 0
  says "something was written to /dev/$1 while image and volume were compared: what was seen does not count"
  return 1
}
LEG_WROTE=''

# compare_legs NAME IMAGE LINK VOLUME BYTES SECONDS
verb_compare_legs() {
  local name image volume bytes deadline at most block differing left said began last
  name=$1 image=$2 volume=$4 bytes=$5 at=0 differing=0 last=-
  both_legs "$name" "$3" "$volume"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  uptime_now
  began=$UPTIME deadline=$((UPTIME + $6 * 100))
  while [ "$at" -lt "$bytes" ]; do
    uptime_now
    left=$(((deadline - UPTIME + 99) / 100))
    [ "$left" -gt 0 ] || {
      says "image and volume are not compared within $6 s: the guest waits no longer"
      return 1
    }
    most=$((bytes - at))
    [ "$most" -le "$STRETCH" ] || most=$STRETCH
    # at is always at the beginning of a block
    said=$(read_volume "$volume" $((at / BLOCK)) | timeout "$left" cmp -n "$most" -i "0:$at" -- - "$image" 2>&1 9>&-)
    case $?$said in
      0*)
        at=$((at + most))
        continue
        ;;
      124*) continue ;;
      1*' differ: '*) ;;
      *)
        says "image and volume cannot be compared: $said"
        return 1
        ;;
    esac
    # \`- /srv/a.img differ: byte 1048577, line 3\`, counted from 1 and from where it began
    block=\${said##* differ: }
    block=\${block#* }
    block=\${block%%,*}
    case $block in
      *[!0-9]* | '')
        says "image and volume cannot be compared: $said"
        return 1
        ;;
    esac
    block=$(((at + block - 1) / BLOCK))
    # it is compared once more when it was copied
    [ "$block" != "$last" ] || {
      says "the volume does not keep what is written to its block $block"
      return 1
    }
    differing=$((differing + 1))
    [ "$differing" -le "$MOST_DIFFERING" ] || {
      says "more than $MOST_DIFFERING blocks of image and volume differ: somebody has written around the mirror"
      return 1
    }
    copy_block "$image" "$volume" "$block" || return
    at=$((block * BLOCK)) last=$block
  done
  legs_rested "$name" || return
  uptime_now
  seconds $((UPTIME - began))
  case $differing in
    0) said='are equal' ;;
    *) said="differed in $differing blocks of 1 MiB, which were copied again" ;;
  esac
  journal note message "$image and its volume, compared at rest in $SECONDS_TEXT s, $said"
}

# The xl config: replaced in one rename, with the old one kept, and only if it is the one that was planned for.

verb_edit_config() { # PATH SHA_BEFORE SHA_AFTER [START END TEXT]…
  draft_is_ready "$2" "$3" || verb_draft_config "$@" || return
  use_draft "$DRAFT_OF" "$DRAFT" || return
  # one rename of a text that is known
  seen
}

# draft_is_ready SHA_BEFORE SHA_AFTER: this run has written it before the guest went down, and both are as they were then
draft_is_ready() {
  local old new rest
  [ -n "$DRAFT_OF" ] || return 1
  { read -r old rest && read -r new rest; } <<LINES
$(sha256sum -- "$DRAFT_OF" "$DRAFT" 2>/dev/null)
LINES
  # a name that is odd has a backslash before the hash
  [ "\${old#\\\\}" = "$1" ] && [ "\${new#\\\\}" = "$2" ]
}
DRAFT_OF=''

verb_drop_draft() { # PATH
  local path
  path=$(readlink -e -- "$1") || return 0
  draft_of "$path"
  rm -f -- "$FORMER"
}

# draft_config PATH SHA_BEFORE SHA_AFTER [START END TEXT]…: the new text beside the old one, and on disk; sets DRAFT and
# DRAFT_OF, the file that it is for
verb_draft_config() {
  local path before after at draft
  before=$2 after=$3
  path=$(readlink -e -- "$1") || {
    says "$1 is not there"
    return 1
  }
  hash_of "$path" || return 1
  [ "$HASH" = "$before" ] || {
    says "$1 was changed by somebody else meanwhile"
    return 1
  }
  # of a run that died: a second name of the config, or an older one
  draft_of "$path"
  rm -f -- "$FORMER"
  [ "$(stat -c %h -- "$path")" = 1 ] || {
    says "$1 has a second name (hard link), which an edit would cut off"
    return 1
  }
  # over one that chattr has made immutable nothing is renamed; nor can it be given a mode, and be it the one that it has
  chmod -- "$(stat -c %a -- "$path")" "$path" || {
    says "$1 can not be replaced: it may be immutable (lsattr)"
    return 1
  }
  shift 3
  cp -- "$path" "$HERE/config.before" && kept "$HERE/config.before" && kept "$HERE" || {
    says 'cannot keep the config as it is'
    return 1
  }
  draft=$DRAFT
  at=0
  {
    while [ $# -ge 3 ]; do
      slice "$HERE/config.before" "$at" "$1"
      printf '%s' "$3"
      at=$2
      shift 3
    done
    tail -c "+$((at + 1))" "$HERE/config.before"
  } >"$draft" || {
    rm -f -- "$draft"
    says "cannot write $draft"
    return 1
  }
  DRAFT_OF=$path
  finish_draft "$path" "$draft" "$after" && keep_former "$path"
}

# keep_former PATH: the config as it is gets a second name beside it. The edit is a rename, and so is the way back then: for
# that there is room on a disk that is full by then, too.
keep_former() {
  # where a file has one name only, a copy
  ln -- "$1" "$FORMER" 2>/dev/null || cp -p -- "$1" "$FORMER" && kept "$FORMER" || {
    rm -f -- "$FORMER"
    says "cannot keep the config as it is beside it"
    return 1
  }
}

# forget_draft: an edit that was ended between its text and the rename has changed nothing that could be taken back, and left that
forget_draft() {
  local path
  path=$(readlink -e -- "$CONFIG") || return 0
  draft_of "$path"
}

# forget_former: there is no way back any more, or nothing to go back from
forget_former() {
  local path
  path=$(readlink -e -- "$CONFIG") || return 0
  draft_of_name "$path"
  rm -f -- "$FORMER"
}

verb_write_config() { # FROM SHA_BEFORE TO SHA_AFTER [START END TEXT]…
  local from to after at
  ours "$3" && own_directory "\${3%/*}" || return
  [ ! -L "$3" ] && [ ! -d "$3" ] || {
    says "$3 is there, and is no file"
    return 1
  }
  hash_of "$1" && [ "$HASH" = "$2" ] || {
    says "$1 was changed by somebody else meanwhile"
    return 1
  }
  from=$1 to=$3 after=$4
  shift 4
  at=0
  {
    while [ $# -ge 3 ]; do
      slice "$from" "$at" "$1"
      printf '%s' "$3"
      at=$2
      shift 3
    done
    tail -c "+$((at + 1))" "$from"
  } >"$to" || {
    says "cannot write $to"
    return 1
  }
  hash_of "$to" && [ "$HASH" = "$after" ] || {
    rm -f -- "$to"
    says "the text of $to is not the planned one"
    return 1
  }
}

verb_remove_file() { # PATH
  ours "$1" || return
  rm -f -- "$1"
}

slice() { # FILE START END
  [ "$3" -gt "$2" ] || return 0
  tail -c "+$(($2 + 1))" "$1" | head -c "$(($3 - $2))"
}

# draft_of PATH: sets DRAFT, beside it. A dot first: xendomains starts whatever else lies in /etc/xen/auto.
draft_of() {
  draft_of_name "$1"
  rm -f -- "$DRAFT"
}

draft_of_name() {
  DRAFT=\${1%/*}/.converge-$SAFE.draft FORMER=\${1%/*}/.converge-$SAFE.former
}

finish_draft() { # PATH DRAFT SHA256: it is the planned text, readable by whom the old one is, and on disk
  hash_of "$2" && [ "$HASH" = "$3" ] || {
    rm -f -- "$2"
    says "the edited config is not the planned one"
    return 1
  }
  # the mode last: nobody reads meanwhile what they could not read before
  set -- "$1" "$2" "$(stat -c '%u:%g %a' -- "$1")"
  chown -- "\${3% *}" "$2" && chmod -- "\${3#* }" "$2" && kept "$2" || {
    rm -f -- "$2"
    says "cannot write $2"
    return 1
  }
}

use_draft() { # PATH DRAFT
  mv -f -- "$2" "$1" && kept "\${1%/*}" || {
    rm -f -- "$2"
    says "cannot replace $1"
    return 1
  }
}

# note_disks TARGET…: what they are like while nobody has them, and no config names them
verb_note_disks() {
  local stamps disk
  stamps=
  for disk in "$@"; do
    disk_stamp "$disk" || {
      says "cannot see what was written to $disk"
      return 1
    }
    stamps="$stamps $STAMP"
  done
  # what is torn is no stamp, and no config names the disks yet
  note_kept "$HERE/noted" "$stamps"
}

# disk_stamp TARGET: sets STAMP, one word that is another one once a guest has had it. The kernel's count of written sectors
# begins anew at a boot; then what a mount writes to the head of a file system has to tell.
disk_stamp() {
  if sectors_written "$1"; then
    head_sum "$1" && STAMP=$SUM,$(boot_id),$NODE,$WRITTEN
    return
  fi
  set -- $(stat -L -c '%y %s' -- "$1" 2>/dev/null)
  [ $# -eq 4 ] && STAMP=file,$1,$2,$4
}

# head_sum TARGET: sets SUM. A disk that gives errors, or does not answer, has none.
head_sum() {
  SUM=$({ { timeout -s KILL 20 head -c 65536 -- "$1" 2>/dev/null && echo read >&3; } | cksum; } 3>&1)
  # cksum speaks when all has come, and so after that
  case $SUM in "read$LINE"*) SUM=\${SUM#*"$LINE"} ;; *) return 1 ;; esac
  SUM=\${SUM%% *}
}

# used_meanwhile VDEV TARGET…: those that were noted; sets USED, the first that has been written to since. 1: none has. 2: it
# can not be told. Of one that is gone, or can not be read, nothing is known; the others are looked at all the same.
used_meanwhile() {
  local was unread
  unread=
  read_fact noted
  for was in $CONTENT; do
    [ $# -ge 2 ] || break
    USED=$2
    case $was in
      # the kernel's count is exact, and needs no look at a disk that may give errors by now
      *",$(boot_id),"*) ! sectors_written "$2" || [ "$(boot_id),$NODE,$WRITTEN" = "\${was#*,}" ] || return 0 ;;
      file,*) ! disk_stamp "$2" || [ "$STAMP" = "$was" ] || return 0 ;;
      *)
        if ! node_number "$2"; then
          :
        elif head_sum "$2"; then
          [ "$SUM" = "\${was%%,*}" ] || return 0
        else
          unread=$2
        fi
        ;;
    esac
    shift 2
  done
  [ -n "$unread" ] || return 1
  says "$unread can not be read: whether $DOMAIN has been on it since is not known"
  return 2
}

# restore_config PATH SHA_AFTER [at-rest|mirrored NAME VDEV TARGET…]: not where NAME has been started on these targets meanwhile, by
# somebody else or by its own reboot: what it has written since is on them only. Nor where it has come to its end again.
# at-rest: the targets were noted (note_disks). mirrored: they have all that it wrote, wherever it did.
verb_restore_config() {
  local path shown old name how
  [ -e "$HERE/config.before" ] || return 0
  path=$(readlink -e -- "$1") || {
    says "$1 is not there: the old one is $HERE/config.before"
    without_config "$@"
    return 1
  }
  draft_of "$path"
  hash_of "$HERE/config.before" || return 1
  old=$HASH
  hash_of "$path" || return 1
  [ "$HASH" != "$old" ] || return 0
  [ "$HASH" = "$2" ] || {
    leave_edited "$path" "$@"
    return
  }
  shown=$1 how=\${3:-}
  shift 2
  if [ $# -ge 4 ]; then
    shift
    if [ "$how" = mirrored ]; then await_reboot "$1"; else domid_of "$1"; fi
    case $? in
      0)
        if goal_attached "$@"; then
          no_way_back "$1 was started on its new disk meanwhile, by somebody else: it stays there, and so does $shown"
          return
        fi
        ;;
      1)
        name=$1
        shift
        if [ "$how" = mirrored ]; then
          if ! saved_by_xendomains && volumes_hold "$@"; then
            # whoever took it down may bring it up again; what Dom0's reboot took down is started
            rebooted || note_gone
            no_way_back "$name is down, and may have been on its new disk since, which lacks nothing: it stays there, and so does $shown"
            return
          fi
        else
          used_meanwhile "$@"
          case $? in
            0)
              no_way_back "$name was started on its new disk meanwhile, by somebody else, and has written to $USED: it stays there, and so does $shown"
              return
              ;;
            1) ;;
            *) return 1 ;;
          esac
        fi
        ;;
      *) return 1 ;;
    esac
  fi
  if [ -f "$FORMER" ] && hash_of "$FORMER" && [ "$HASH" = "$old" ]; then
    use_draft "$path" "$FORMER" && return
  fi
  cp -- "$HERE/config.before" "$DRAFT" && finish_draft "$path" "$DRAFT" "$old" && use_draft "$path" "$DRAFT" && return
  # the guest is brought back all the same, on its old disk
  BRING_BACK_FROM=$HERE/config.before
  says "$shown could not be put back as it was, and names the new disk: the old one is $HERE/config.before"
  return 1
}
BRING_BACK_FROM=

# without_config PATH SHA_AFTER [at-rest NAME VDEV TARGET…]: the guest is brought back all the same, if it has not been on its new disk
without_config() {
  [ "\${3:-}" = at-rest ] && ! is_apart || return 0
  shift 4
  set -- "$SAYS" "$@"
  used_meanwhile_of "$@"
  [ $? -ne 1 ] || BRING_BACK_FROM=$HERE/config.before
  says "$1"
}

# used_meanwhile_of ANYTHING VDEV TARGET…
used_meanwhile_of() {
  shift
  used_meanwhile "$@"
}

# leave_edited FILE PATH SHA_AFTER [at-rest|mirrored NAME VDEV TARGET…]: somebody else has changed the config since it was written, or
# before that, and it is theirs now. Whatever starts the guest next goes by what it names: so does this run, where the guest is not on
# the other one. The new disks have all that it wrote by the time they are named, and it has been on no other one since, or on both.
leave_edited() {
  local file shown how named where
  file=$1 shown=$2 how=\${4:-}
  shift 3
  if [ $# -ge 4 ]; then
    shift
    names_disks "$file" "$@"
    named=$?
    where_is "$how" "$@"
    where=$?
    case $named$where in
      # the new disk, and it is there already, or can go there
      00 | 02 | 04)
        # whoever took it down may bring it up again; what Dom0's reboot took down is started
        [ "$where" -ne 4 ] || rebooted || note_gone
        no_way_back "$shown was changed by somebody else meanwhile, and names the new disk, which lacks nothing: $1 goes there"
        return
        ;;
      # none of them, and it is on none of them
      11 | 12)
        journal note message "$shown was changed by somebody else meanwhile, and does not name the new disk: it is left as it is"
        return 0
        ;;
      10 | 14)
        says "$shown was changed by somebody else meanwhile, and does not name the new disk, which $1 is on, or was last"
        return 1
        ;;
    esac
  fi
  says "$shown was changed by somebody else meanwhile: it is left as it is; the old one is $HERE/config.before"
  return 1
}

# where_is at-rest|mirrored NAME VDEV TARGET…: 0: on its new disks, or down, and has been there. 1: on others. 2: down, or on devices of
# this run's, and new and old disks are equal. 3: that is not known. 4: down by somebody's doing, and what it wrote last may be on the new
# ones only, which lack nothing.
where_is() {
  local how
  how=$1
  shift
  if [ "$how" = mirrored ]; then await_reboot "$1"; else domid_of "$1"; fi
  case $? in
    0)
      ! goal_attached "$@" || return 0
      [ "$how" = mirrored ] || return 1
      if ! on_devices "$@" || is_apart; then return 1; fi
      ! hold_all "$@" || return 2
      return 3
      ;;
    1)
      if [ "$how" = mirrored ]; then
        if saved_by_xendomains || is_apart; then return 3; fi
        hold_all "$@" || return 3
        return 4
      fi
      shift
      used_meanwhile "$@"
      case $? in
        0) return 0 ;;
        1) ! is_apart || return 3 ;;
        *) return 3 ;;
      esac
      return 2
      ;;
  esac
  return 3
}

# takes_apart: from here on only the old disk has what the guest writes. Written down, since
# whoever looks at the mirror after that could take it for whole.
takes_apart() {
  committing && return
  TAKEN_APART=1
  [ -e "$HERE/apart" ] || mark_kept "$HERE/apart" || :
}
TAKEN_APART=0

is_apart() {
  [ "$TAKEN_APART" -eq 1 ] || [ -e "$HERE/apart" ]
}

# hold_all NAME VDEV TARGET…
hold_all() {
  shift
  volumes_hold "$@"
}

# on_devices NAME VDEV TARGET…: it has each of its disks on a device of this run's
on_devices() {
  local name file device found
  name=$1
  shift
  while [ $# -ge 2 ]; do
    found=0
    for file in "$HERE"/watched/*; do
      for device in mapper md drbd; do
        device=$ROOT/dev/$device/\${file##*/}
        if [ -e "$device" ] && goal_attached "$name" "$1" "$device"; then found=1; fi
      done
    done
    [ "$found" -eq 1 ] || return 1
    shift 2
  done
}

# names_disks FILE NAME VDEV TARGET…: which of the targets stand in it, comments apart. 0: all; 1: none; 2: some of them, or it can not be
# told: xl has several ways to write what is not plain, and a volume several names.
names_disks() {
  local file there all
  file=$1 there=0 all=0
  shift 2
  while [ $# -ge 2 ]; do
    case $2 in *[!A-Za-z0-9/._:+@%-]*) return 2 ;; esac
    all=$((all + 1))
    other_names "\${2#"$ROOT"}"
    NAMED=$2 OTHER=$MAPPER_NAME SHORT=$SHORT_NAME awk '
      function stands(text, name,    at, rest) {
        if (name == "") return 0
        for (rest = text; (at = index(rest, name)) > 0; rest = substr(rest, at + 1))
          if ((at == 1 || substr(rest, at - 1, 1) !~ PART) && substr(rest, at + length(name), 1) !~ PART) return 1
        return 0
      }
      BEGIN { PART = "[A-Za-z0-9/._+@%-]" }
      {
        # a comment begins where no string has
        text = "" ; quote = ""
        for (i = 1; i <= length($0); i++) {
          c = substr($0, i, 1)
          if (quote == "" && c == "#") break
          if (quote == "" && (c == "\\"" || c == "\\047")) { quote = c; c = " " }
          else if (c == quote) { quote = ""; c = " " }
          text = text c
        }
        if (stands(text, ENVIRON["NAMED"])) named = 1
        if (stands(text, ENVIRON["OTHER"]) || stands(text, ENVIRON["SHORT"])) other = 1
      }
      END { exit named ? 0 : other ? 2 : 1 }' "$file"
    case $? in
      0) there=$((there + 1)) ;;
      1) ;;
      *) return 2 ;;
    esac
    shift 2
  done
  [ "$there" -ne "$all" ] || return 0
  [ "$there" -ne 0 ] && return 2
  return 1
}

# other_names PATH: sets MAPPER_NAME and SHORT_NAME, other names of a volume that is called /dev/VG/LV; empty for what is none
other_names() {
  MAPPER_NAME='' SHORT_NAME=''
  case $1 in /dev/mapper/*) return ;; /dev/*/*/*) return ;; /dev/*/*) ;; *) return ;; esac
  SHORT_NAME=\${1#/dev/}
  MAPPER_NAME=/dev/mapper/$(printf '%s %s' "\${SHORT_NAME%%/*}" "\${SHORT_NAME#*/}" | sed 's/-/--/g; s/ /-/')
}

# await_reboot NAME: as domid_of; in its own reboot a guest is not there for a moment
await_reboot() {
  local tries status
  tries=10
  while :; do
    domid_of "$1"
    status=$?
    tries=$((tries - 1))
    [ "$status" -eq 1 ] && [ "$tries" -gt 0 ] && ! rebooted || return "$status"
    sleep 0.5
  done
}

# volumes_hold VDEV TARGET…: mirrors were in sync when the config was edited, nobody has taken one apart, and no volume that can
# still be asked for has failed since
volumes_hold() {
  local file name vdev volume
  ! is_apart || return 1
  for file in "$HERE"/watched/*; do
    name=\${file##*/}
    if [ -e "$ROOT/dev/mapper/$name" ]; then verb_mirror_whole "$name" || return 1; fi
    if resource_of "drbd/$name" && [ -n "$COPY" ]; then holds_all "$COPY_MINOR" || return 1; fi
    [ -e "$ROOT/dev/md/$name" ] && array_of "md/$name" || continue
    while read -r vdev volume; do
      member_state "$volume"
      case ,$MEMBER, in *,faulty,*) return 1 ;; esac
    done <<LIST
$(printf '%s %s\\n' "$@")
LIST
  done
}

# restore_stored NAME FILE [VDEV TARGET…]: not where NAME has come up on these targets meanwhile, by its own reboot
verb_restore_stored() {
  local name file
  name=$1 file=$2
  shift 2
  if [ $# -gt 0 ] && goal_attached "$name" "$@"; then
    journal note message "$name has come up on its new disk meanwhile: what xl stored for its reboots stays"
    return 0
  fi
  # no \`--\`: its first word is the guest, whatever it begins with
  run_command xl config-update "$name" "$file"
}

# Copies: run in the background, in a process group of their own, and looked after while they run.

PASS_CENTIS=0
PASS_BYTES=0

# if_no_room TARGET: said before a copy, of that copy. A changed file is written anew beside the old one, for which there may be no
# room. Then what is to be replaced is taken out of the copy first: nobody has it yet, and the source has all of it.
verb_if_no_room() {
  ROOM_IN=$1
}
ROOM_IN=
# ids of copies that have met that: from then on each of their passes begins with it
CRAMPED=

# parted SOURCE TARGET: said before a copy, of that copy. Two names of one file in TARGET that are of two in SOURCE by now, and look
# alike, rsync leaves as they are (seen, 3.5, with --checksum too): what is done to one of them, a mode that it is given, is done to
# both, and so is what the guest writes to one later. They are taken out of TARGET first.
verb_parted() {
  PARTED_FROM=$1 PARTED_IN=$2
}
PARTED_FROM=
PARTED_IN=

# unless_shut_down: said before a copy, of that copy. Where the guest was destroyed or has crashed, its last writes may be on its disk under
# a file's old time, and every file is compared. What that takes no pass has measured: it has four times as long as the longest of
# them, which read each file once at the least, and a minute.
verb_unless_shut_down() {
  COMPARE_ALL=$NOT_SHUT_DOWN
  # right before it was asked to go
  [ -n "$COMPARE_ALL" ] || [ "$SEEN_GOING" -eq 1 ] || COMPARE_ALL="$DOMAIN went before it was asked to shut down"
}
COMPARE_ALL=

verb_copy() { # ID ROLE -- COMMAND…
  local id role began took room from into all gently ended
  id=$1 role=$2 room=$ROOM_IN from=$PARTED_FROM into=$PARTED_IN all=$COMPARE_ALL ROOM_IN='' PARTED_FROM='' PARTED_IN='' COMPARE_ALL=''
  shift 3
  # what is before rsync, so that what goes before it is no less gentle with the host: words without blanks (steps/throttle.ts)
  gently=$*
  case $gently in *'rsync '*) gently=\${gently%%rsync *} ;; *) gently='' ;; esac
  if [ -n "$all" ]; then
    journal note message "$all: every file is compared, which takes longer than was forecast"
    set -- "$@" --checksum
  fi
  COPY_LIMIT=0 COPY_NAP=0.25
  if [ "$role" = last ]; then
    COPY_NAP=0.1
    forecast_of "$id"
    COPY_LIMIT=$((FORECAST_OF * 3))
    [ "$COPY_LIMIT" -ge $((FORECAST_OF + 500)) ] || COPY_LIMIT=$((FORECAST_OF + 500))
    [ "$FORECAST_OF" -gt 0 ] || COPY_LIMIT=0
    if [ -n "$all" ] && [ "$COPY_LIMIT" -gt 0 ]; then
      COPY_LIMIT=$((COPY_LIMIT + 6000 + 4 * $(awk '$2 > most { most = $2 } END { print most + 0 }' "$HERE/copies/$id")))
    fi
  fi
  uptime_now
  began=$UPTIME COPY_BEGAN=$UPTIME
  [ -z "$into" ] || part_names "$id" "$from" "$into" "$gently" || return
  case " $CRAMPED " in
    *" $id "*) copy_cramped "$id" "$room" "$@" || return ;;
    *) looked_after "$id" "$@" || return ;;
  esac
  if [ "$STATUS" -ne 0 ] && [ -n "$room" ] && found_no_room; then
    case " $CRAMPED " in
      *" $id "*) ;;
      *)
        CRAMPED="$CRAMPED $id"
        journal watch id "$ID" what "$room" value 'no room for a changed file' acted 'what is to be replaced goes first'
        copy_cramped "$id" "$room" "$@" || return
        ;;
    esac
  fi
  uptime_now
  took=$((UPTIME - began))
  [ "$role" = last ] && [ "$STATUS" -eq 0 ] || report_progress "$id" "$OUT"
  if [ "$STATUS" -ne 0 ]; then
    # who looks may wait for a command, too
    ended=$STATUS
    # it may have failed of what is watched before anybody has looked again: of a snapshot that overflowed, all is unreadable
    run_watches ended || {
      says "the copy ended with $ended: $SAYS"
      return "$ended"
    }
    case $ended in
      24) says 'files vanished while they were copied (24): somebody writes to the source' ;;
      *)
        says "the copy ended with $ended"
        ! found_no_room ||
          says "the volume has no room for what the image holds ($ended): a larger size in the playbook gives it that, and a strategy that copies blocks needs none"
        ;;
    esac
    return "$ended"
  fi
  # once more: a copy from a snapshot that overflowed meanwhile does not count
  run_watches ended || {
    says "the copy does not count: $SAYS"
    return 1
  }
  if [ "$role" = last ]; then
    UNCOUNTED="$UNCOUNTED $STEP:$took:$id"
    return 0
  fi
  literal_bytes "$OUT"
  PASS_CENTIS=$((PASS_CENTIS + took))
  PASS_BYTES=$((PASS_BYTES + LITERAL))
  printf '%s %s %s\\n' "$role" "$took" "$LITERAL" >>"$HERE/copies/$id"
}

# looked_after ID COMMAND…: runs it to its end, under the watches of this step, within COPY_LIMIT hundredths since COPY_BEGAN if it
# is not 0, and sets STATUS. 1: it was ended.
looked_after() {
  local id pid next why log
  id=$1 log=$OUT why=
  shift
  [ "$log" != /dev/null ] && printf '' >"$log" || {
    says "cannot write what the copy says"
    return 1
  }
  uptime_now
  next=$((UPTIME + 100))
  setsid "$@" </dev/null >"$log" 2>"$log.err" 9>&- &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep "$COPY_NAP"
    uptime_now
    if [ "$COPY_LIMIT" -gt 0 ] && [ $((UPTIME - COPY_BEGAN)) -gt "$COPY_LIMIT" ]; then
      seconds "$COPY_LIMIT"
      why="it was not done within $SECONDS_TEXT s"
      seconds "$FORECAST_OF"
      [ "$COPY_LIMIT" -gt "$((FORECAST_OF * 3 + 6000))" ] || why="took more than three times its forecast of $SECONDS_TEXT s"
      break
    fi
    if [ "$SWITCHING" -eq 0 ]; then
      ! stop_asked || break
    else
      tell_stop
    fi
    [ "$UPTIME" -ge "$next" ] || continue
    next=$UPTIME
    report_progress "$id" "$log"
    run_watches running || {
      why=$SAYS
      break
    }
    # once a second, and on a slow host a fifth of the time at most
    uptime_now
    next=$((UPTIME + (UPTIME - next) * 4))
    [ "$next" -ge $((UPTIME + 100)) ] || next=$((UPTIME + 100))
  done
  # still there: one of the above stops it
  if kill -0 "$pid" 2>/dev/null; then
    kill_group "$pid"
    # not for ever: it may wait for a disk that does not answer
    await_command "$pid" 2>/dev/null
    cat "$log.err" >>"$log"
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the copy of $id"
    says "the copy was ended: $why"
    return 1
  fi
  until await_command "$pid"; do :; done
  [ ! -s "$log.err" ] || cat "$log.err" >>"$log"
  return 0
}

found_no_room() {
  grep -qs 'No space left on device' "$OUT.err"
}

# copy_cramped ID TARGET COMMAND…: what COMMAND, an rsync, would replace goes first, and what it deletes goes before anything is
# copied: at no time is there more in TARGET than in the source. A changed file's name may lead through what is a link in TARGET,
# and out of it: only what find(1) comes upon there, which follows none, is removed. rsync writes bytes that are no letters as
# \\#012, of which none is looked for: such a file stays, and takes its room twice.
copy_cramped() {
  local id
  id=$1
  shift
  looked_after "$id" sh -c '
    list=$1 target=$2
    shift 2
    "$@" --dry-run --8-bit-output --out-format=%i/%n >"$list.all" || exit
    tr "\\r" "\\n" <"$list.all" | sed -n "s,^[>h]f[^/]*/,./,p" >"$list" || exit
    (cd -P -- "$target" && find . -xdev -type f -print0 | { grep -zxFf "$list" || :; } | xargs -0 -r rm -f --) || exit
    exec "$@" --delete-before' sh "$HERE/out/replaced" "$@"
}

# part_names ID SOURCE TARGET GENTLY: in TARGET only what find(1) comes upon is removed, which follows no link. Of each file there one name
# may stay. A name with a line's end in it stays as well. GENTLY: words that the commands are put behind.
part_names() {
  looked_after "$1" $4 sh -c '
    list=$1 source=$2 awk=$4
    cd -P -- "$3" || exit
    find . -xdev -type f -links +1 ! -path "*
*" -print0 | xargs -0 -r sh -c "
      source=\\$1
      shift
      stat --printf \\"T %i %n\\\\n\\" -- \\"\\$@\\"
      # what is not there any more is for rsync to delete
      cd -P -- \\"\\$source\\" && stat --printf \\"S %i %n\\\\n\\" -- \\"\\$@\\" 2>/dev/null
      :" sh "$source" | awk "$awk" >"$list" || exit
    tr "\\n" "\\0" <"$list" | xargs -0 -r rm -f --' sh "$HERE/out/parted" "$2" "$3" "$NAMES_PARTED" || return
  [ "$STATUS" -eq 0 ] && return
  says "cannot take names in $3 apart that are of one file"
  return 1
}

# Of lines \`T INODE NAME\` and \`S INODE NAME\`, turn by turn some names in the target and the same in the source: names of a file in
# the target that are of another one in the source than the first name of it that came. Inodes are words, and may be too large for numbers.
readonly NAMES_PARTED='
{ name = substr($0, length($2) + 4) }
$1 == "T" && was == "S" { for (each in inode) delete inode[each] }
$1 == "T" { inode[name] = $2 "" }
$1 == "S" && name in inode {
  one = inode[name]
  if (!(one in first)) first[one] = $2 ""
  else if (first[one] != $2 "") print name
}
{ was = $1 }'

# check_copy VG/LV -- COMMAND…: what is found out of order in a copy stays so, whoever goes on with it: a pass mends no file system
# that a power cut has left half written, as it does where there is no journal (ext2).
verb_check_copy() {
  local volume status
  volume=$1
  shift 2
  run_command "$@"
  status=$?
  case $1:$status in
    e2fsck:4 | xfs_repair:1)
      says "$SAYS: the file system of the copy is not in order. Where the next run says so too, begin anew: lvremove $volume (the \\
image has all that is in it)"
      ;;
  esac
  return "$status"
}

# last copies whose bytes are not counted yet: that is done while the guest boots, and not while it waits to
UNCOUNTED=
count_copies() {
  local copy log took id
  for copy in $UNCOUNTED; do
    log=$HERE/out/\${copy%%:*}.log copy=\${copy#*:}
    took=\${copy%%:*} id=\${copy#*:}
    report_progress "$id" "$log"
    literal_bytes "$log"
    printf 'last %s %s\\n' "$took" "$LITERAL" >>"$HERE/copies/$id"
  done
  UNCOUNTED=
}

# forecast_of ID: sets FORECAST_OF, hundredths: the newest delta pass, or else the first, and a second. 0: no pass yet.
forecast_of() {
  local role centis rest known
  FORECAST_OF=0 known=
  [ -r "$HERE/copies/$1" ] || return 0
  # few lines, and no process: the guest is down already
  while read -r role centis rest; do
    case $role in
      delta) known=$role ;;
      first) [ -z "$known" ] || continue ;;
      *) continue ;;
    esac
    FORECAST_OF=$((centis + 100))
  done <"$HERE/copies/$1"
}

# kill_group PID: of the group that it leads. \`-s\` and \`--\` are not known to the kill of every shell.
kill_group() {
  local tries
  kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null
  tries=25
  while kill -0 "-$1" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      kill -KILL "-$1" 2>/dev/null
      break
    }
    sleep 0.2
  done
}

# report_progress ID FILE: the newest line of --info=progress2, \`1,234,567  45%   12.34MB/s    0:00:12 …\`. At the end
# of a copy some 700 bytes of --stats follow it.
report_progress() {
  local bytes percent rate left
  read -r bytes percent rate left <<LINE
$(tail -c 2000 "$2" | tr '\\r' '\\n' | awk '
    $2 ~ /^[0-9]+%$/ && $4 ~ /^[0-9]+:[0-9][0-9]:[0-9][0-9]$/ {
      gsub(/[^0-9]/, "", $1); bytes = $1; percent = $2 + 0
      unit = $3; sub(/^[0-9.]+/, "", unit); rate = $3 + 0
      if (unit ~ /^k/) rate *= 1024
      if (unit ~ /^M/) rate *= 1048576
      if (unit ~ /^G/) rate *= 1073741824
      split($4, t, ":"); left = t[1] * 3600 + t[2] * 60 + t[3]; found = 1
    }
    END { if (found) printf "%s %d %.0f %d\\n", bytes, percent, rate, left }')
LINE
  [ -n "\${left:-}" ] || return 0
  journal progress id "$1" 'bytes#' "$bytes" 'percent#' "$percent" 'rate#' "$rate" 'left#' "$left"
}

# literal_bytes FILE: from --stats, in LITERAL
literal_bytes() {
  LITERAL=$(awk '/^Literal data: / { gsub(/[^0-9]/, "", $3); n = $3 } END { print n }' "$1")
  LITERAL=\${LITERAL:-0}
}

# distrust_fresh SOURCE TARGET WINDOW_SECONDS: a file whose time was in the snapshot before its data was looks the same
# to the last pass. So what was fresh gets, in the copy, a time that no file has, and is compared for real.
verb_distrust_fresh() {
  local source target newest now
  source=$1 target=$2
  # the clock itself, not the journal's; and the second that it is in
  now=$(($(date +%s) + 1))
  # the guest's clock is not Dom0's; nothing that it changed lies later than its own now
  newest=$(find "$source" -xdev -printf '%C@\\n' 2>>"$OUT" | awk -v now="$now" '
    $1 + 0 <= now + 0 && $1 + 0 > newest + 0 { newest = $1 + 0 } END { if (NR > 0) printf "%.3f\\n", newest }')
  [ -n "$newest" ] || {
    says "no file in $source"
    return 1
  }
  # all of them later than now: it is Dom0's clock that has been set back, and everything may be fresh
  newest=\${newest%.*}
  [ "$newest" -gt "$3" ] || newest=$3
  find "$source" -xdev -type f -newerct "@$((newest - $3))" -printf './%P\\0' >"$HERE/out/fresh" 2>>"$OUT" || {
    says "cannot read all of $source"
    return 1
  }
  # 1970-01-01 19:57:03: set by no clock, and by no tool that levels times
  (
    cd -P -- "$target" || exit 1
    xargs -0 -r sh -c '
      for file do
        if [ -L "$file" ] || [ ! -f "$file" ]; then
          printf "%s is missing in the copy\\n" "$file"
          exit 255
        fi
      done
      touch -h -c -d @71823.987654321 -- "$@" || exit 255' sh
  ) <"$HERE/out/fresh" >>"$OUT" 2>&1 9>&- || {
    says "files that were fresh in the snapshot are not all in the copy"
    return 1
  }
}

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
        says "it can not be told whether $1 lies on $loop\${SAYS:+: $SAYS}"
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
  systemd-run --quiet --collect --unit="converge-late-device-$SAFE-$STEP-$$" /bin/sh "$HERE/program.sh" retire "$1" \\
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

# Exclusive use: nobody but the guest has its image, and nobody at all its volume. Xen's scripts do not look for that.

verb_guard_free() { # PATH NAME [LINK [UNDER]]: LINK to a loop of this run's own, on which its own device UNDER lies
  local own loop link
  link=
  [ -z "\${3:-}" ] || link=$(readlink -- "$3")
  own=-
  if [ -n "$2" ]; then
    domid_of "$2"
    case $? in 0) own=$DOMID ;; 1) ;; *) return 1 ;; esac
  fi
  # other guests first: their loops are then told by name
  not_attached "$1" "$own" || return
  for loop in $(loops_over "$1"); do
    if [ "$loop" = "$link" ]; then
      nothing_on "$loop" "$1" "\${4:-}" || return
      continue
    fi
    nothing_on "$loop" "$1" || return
    [ "$own" != - ] && loop_of_domain "$loop" "$own" || {
      says "$1 is in use by $loop, which is not \${2:-a guest}'s"
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
  not_attached "$device" - && nothing_on "$device" "$1" "\${2:-}" || return
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
  [ -n "\${2:-}" ] || [ -n "$OPENED" ] || ! is_open_still "$device" || {
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
    EXPORT=\${EXPORT%/*} on=1
    # a namespace of NVMe that is switched off has nothing open
    [ ! -r "$EXPORT/enable" ] || read -r on <"$EXPORT/enable" || on=1
    [ "$on" != 0 ] || continue
    [ ! "$path" -ef "$1" ] || return 0
  done
  return 1
}

# written_by PATH DOMID: sets WRITER, how and by which process it is open: one that may write to the file or the device and is neither
# this run's nor the QEMU of the guest DOMID (\`-\`: of none), or the QEMU of another guest that only reads it, since a disk of that one is
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
    set -- "$1" "$2" \\( -lname "*/$name" -o -lname "*/$real" -o -lname "*/$real (deleted)" \\)
  else
    set -- "$1" "$2" -lname '*/dev/*' ! -xtype c
  fi
  real=$1 name=$2
  shift 2
  for fd in $(find "$ROOT"/proc/[0-9]*/fd -mindepth 1 -maxdepth 1 "$@" -print 2>/dev/null 9>&-) $(by_inode "$real"); do
    if [ "$fd" -ef "$real" ]; then
      ! writes_by "$fd" "$name" || return 0
    elif [ "$NODE" != - ] && [ -b "$fd" ]; then
      blocks="$blocks $fd"
    fi
  done
  # the same device by another node
  [ -n "$blocks" ] || return 1
  while read -r pid fd; do
    [ -n "$fd" ] && [ "$((0x\${pid%:*})):$((0x\${pid#*:}))" = "$NODE" ] || continue
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
  find "$ROOT"/proc/[0-9]*/fdinfo -mindepth 1 -maxdepth 1 -exec grep -ls "^ino:[[:blank:]]*$inode\\$" {} + 2>/dev/null 9>&- | sed 's|/fdinfo/\\([0-9]*\\)$|/fd/\\1|' | while read -r fd; do
    ! timeout -s KILL 5 sh -c '[ "$1" -ef "$2" ]' sh "$fd" "$1" 2>/dev/null 9>&- || printf '%s\\n' "$fd"
  done
}

# quoted_name PATH: its last part, as a pattern that fits that only
quoted_name() {
  printf '%s' "\${1##*/}" | sed 's/[][*?\\\\]/\\\\&/g'
}

# writes_by FD DOMID: /proc/PID/fd/NUMBER of a stranger's, who may write by it, or has a guest's disk laid over it; sets OPENED and WRITER
writes_by() {
  local pid key flags how
  pid=\${1#"$ROOT/proc/"} flags=
  pid=\${pid%%/*}
  OPENED=1
  while read -r key flags; do [ "$key" != flags: ] || break; done 2>/dev/null <"$ROOT/proc/$pid/fdinfo/\${1##*/}"
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
  tr '\\000' '\\n' 2>/dev/null <"$ROOT/proc/$2/cmdline" | awk -v domid="$1" '
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
    count=$(dmsetup info -c --noheadings -o open --major "\${NODE%:*}" --minor "\${NODE#*:}" 2>/dev/null 9>&-) || return 1
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
    disk=\${rest%%"$LINE"*} rest=\${rest#*"$LINE"}
    domid=\${disk%% *} disk=\${disk#* }
    type=\${disk%% *} disk=\${disk#* }
    device=\${disk%% *}
    # params of qdisk have the format before the path: \`aio:/dev/…\`
    path=/\${disk#*/}
    [ -n "$domid" ] && [ "$domid" != "$2" ] || continue
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
  [ "$((0x\${number%:*})):$((0x\${number#*:}))" = "$2" ]
}

# DISKS: a line \`3 vbd 51712 /srv/disk.img\` for each disk that xenstore has of any guest, with its params. A step looks once; whoever
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
  keys=$(xenstore-list -p $KEYS 2>/dev/null 9>&-) || keys=$(one_by_one list -p $KEYS)
  numbered "$keys"
  [ -n "$KEYS" ] || {
    DISKS=$LINE
    return 0
  }
  set -- $KEYS
  for rest in "$@"; do
    shift
    set -- "$@" "$rest/params"
  done
  # where one has gone meanwhile, or has no such word, it ends there
  targets=$(xenstore-read -R "$@" 2>/dev/null 9>&-)$LINE && lines_are $# "$targets" || targets=$(one_by_one read -R "$@")$LINE
  for rest in $KEYS; do
    rest=\${rest#/local/domain/0/backend/}
    set -- "\${rest%%/*}" "\${rest#*/}"
    DISKS="$DISKS\${2%/*} $1 \${2#*/} \${targets%%"$LINE"*}$LINE"
    targets=\${targets#*"$LINE"}
  done
}

# numbered KEYS: sets KEYS, those that end in a number
numbered() {
  local key
  KEYS=
  for key in $1; do
    case \${key##*/} in '' | *[!0-9]*) ;; *) KEYS="$KEYS $key" ;; esac
  done
}

# lines_are NUMBER TEXT: so many lines it has
lines_are() {
  local rest number
  rest=$2 number=0
  while [ -n "$rest" ]; do
    rest=\${rest#*"$LINE"} number=$((number + 1))
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
    [ "$what" = list ] || key=\${key%%"$LINE"*}
    [ "$what" = list ] && [ -z "$key" ] || printf '%s\\n' "$key"
  done
}

# nothing_on DEVICE WHAT [UNDER]: Dom0 has neither it nor a partition of it mounted, and nothing lies on it but UNDER.
# What this run has mounted is no stranger's.
nothing_on() {
  local under second base part holder number found
  under=- second=-
  [ -z "\${3:-}" ] || ! node_number "$3" || under=$NODE
  # a volume that DRBD mirrors to has the second of two resources on it
  case \${3:-} in
    "$ROOT"/dev/drbd/*)
      # apart: whoever waits for one disk's mirror must not come to look at another's
      second=$(resource_of "drbd/\${3##*/}" && [ -n "$COPY_MINOR" ] && node_number "$ROOT/dev/drbd$COPY_MINOR" && printf '%s' "$NODE") || second=-
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
      found=$(mounts_of "/dev/\${part##*/}" "$number" "$RUN/$SAFE/")
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
      says "$2 is in use: \${holder##*/} lies on it"
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
  awk -v device="$1" -v number="\${2:--}" -v own="\${3:--}" '{
    if (index($5, own) == 1) next
    if ($3 == number) { print $5; exit }
    for (i = 6; i < NF; i++) if ($i == "-" && $(i + 2) == device) { print $5; exit }
  }' "$ROOT/proc/self/mountinfo"
}

loop_of_domain() { # LOOP DOMID
  local type device
  node_number "$1" || return 1
  for device in "$BACKENDS"/vbd-"$2"-*; do
    ! serves "\${device##*/}" "$NODE" || return 0
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
  mkdir -p "$HERE/watched" && printf '%s\\n' "$2" "$3" "$4" >"$HERE/watched/\${1##*/}" && return 0
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

# Guards: what the plan was made from is still so. Each says what differs.

differs() { # WHAT WAS IS
  [ "$2" = "$3" ] || {
    says "$1 has changed since the plan was made: was $2, is $3"
    return 1
  }
}

verb_guard_boot() { # BOOT_ID
  differs 'the boot of Dom0' "$1" "$(boot_id)"
}

verb_guard_domain() { # NAME DOMID UUID
  local vm
  domid_of "$1"
  case $? in
    0) ;;
    1) DOMID=- ;;
    *) return 1 ;;
  esac
  differs "the domain id of $1" "$2" "$DOMID" || return
  if [ "$DOMID" = - ]; then
    # started since, and saved again: restored later, it would go on on disks that it has left
    ! find_saved "$1" || {
      says "xendomains has saved $1 since the plan was made ($SAVED/$1): restore it first"
      return 1
    }
    return 0
  fi
  vm=$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)
  differs "the uuid of $1" "$3" "\${vm#/vm/}"
}

# device_number DECIMAL: as stat's %d prints it, to \`major:minor\`
device_number() {
  DEVNO=$((($1 >> 8 & 0xfff) | ($1 >> 32 & ~0xfff))):$((($1 & 0xff) | ($1 >> 12 & ~0xff)))
}

verb_guard_image() { # PATH INODE BYTES MAJOR:MINOR
  local inode bytes device
  read -r inode bytes device <<LINE
$(stat -L -c '%i %s %d' -- "$1" 2>/dev/null)
LINE
  [ -n "\${device:-}" ] || {
    says "$1 is not there any more"
    return 1
  }
  device_number "$device"
  differs "the inode of $1" "$2" "$inode" || return
  differs "the file system of $1" "$4" "$DEVNO" || return
  [ "$3" = - ] || differs "the size of $1" "$3" "$bytes"
}

verb_guard_vacant() { # PATH
  [ ! -e "$1" ] && [ ! -L "$1" ] || {
    says "$1 is there already, and the image is to have that name"
    return 1
  }
}

verb_guard_config() { # PATH SHA256
  hash_of "$1" || {
    says "$1 cannot be read"
    return 1
  }
  [ "$HASH" = "$2" ] || {
    says "$1 has changed since the plan was made"
    return 1
  }
}

verb_guard_unnamed() { # PATH: no config of any kind, links in auto/ included, nor a comment or a copy of one
  local found
  # but the one that this run has replaced, which lies beside it until the run ends
  found=$(grep -rlsF -- "$1" "$ROOT/etc/xen/" "$ROOT/etc/xen/auto"/* 2>/dev/null | grep -vF -e "/.converge-$SAFE.former" | head -n 1)
  [ -z "$found" ] || {
    says "$found names $1"
    return 1
  }
}

verb_guard_unsnapped() { # VG/LV: \`lvremove --yes\` would take along what was laid over it, or taken of it, and not ask
  ask_volume "$1" lv_attr
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  # lvs(8): the first letter of an origin, also where that is a thin volume; a thin snapshot lives on by itself, and does not make one
  case $ANSWER in
    [oO]*)
      says "somebody has taken a snapshot of $1, which would be removed with it: it is kept"
      return 1
      ;;
  esac
}

# guard_room: a guest's memory fits into what was set aside for it, and Dom0 has that, with SPARE left over. The
# guest may have been given more memory since, and Dom0 have spent its own.
verb_guard_room() { # NAME TARGET BYTES SPARE
  local key value rest room
  domain_state "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 1 ;; esac
  # as the plan reckons it: page tables and what else belongs to a domain on top, and xl shows whole MiB
  room=$((MEMORY * 1048576 * 102 / 100 + 16777216))
  [ "$room" -le $(($3 + 1048576)) ] || {
    says "$1 has $MEMORY MiB of memory by now, which is more than the plan has room for"
    return 1
  }
  value=
  while read -r key value rest; do [ "$key" != MemAvailable: ] || break; done <"$ROOT/proc/meminfo" || value=
  case $value in
    '' | *[!0-9]*)
      says 'the kernel does not say how much memory Dom0 has available'
      return 1
      ;;
  esac
  [ "$value" -ge $((($3 + $4) / 1024)) ] || {
    says "the memory of $1 takes $(mib "$3"), and Dom0 has only $((value / 1024)) MiB available by now, of which it keeps $(mib "$4")"
    return 1
  }
  # what an earlier try left there, say
  room=$(stat -f -c '%a %S' -- "$2" 2>/dev/null) && [ $((\${room% *} * \${room#* })) -ge "$3" ] || {
    says "$2 has no room for $(mib "$3")"
    return 1
  }
}

# devices_of DOMID: sets DEVICES, \` vbd/51713 vif/0 \`: those that libxl has given to the guest, whoever serves them. Consoles and the
# like come by themselves, and nobody plugs them in. 1: xenstore does not say.
devices_of() {
  DEVICES=$(xenstore-ls -f "/libxl/$1/device" 2>/dev/null 9>&- | awk -F '[/ ]' '
    # /libxl/3/device/vbd/51713 = ""
    $4 == "device" && $5 ~ /^(vif|vbd|pci|vusb|vtpm|vscsi|9pfs)$/ && $6 ~ /^[0-9]+$/ && $7 == "=" { print $5 "/" $6 }' | sort)
  [ -n "$DEVICES" ] || return 1
  set -- $DEVICES
  DEVICES=" $* "
}

verb_guard_devices() { # NAME DEVICE…
  local name
  name=$1
  shift
  domid_of "$name"
  case $? in 0) ;; 1) says "$name is not there" && return 1 ;; *) return 1 ;; esac
  devices_of "$DOMID" || {
    says "xenstore does not say which devices $name has"
    return 1
  }
  same_devices "$name" " $* " 'the plan was made'
}

# same_devices NAME LIST SINCE: DEVICES are those of the list
same_devices() {
  local device
  for device in $DEVICES; do
    case $2 in *" $device "*) continue ;; esac
    says "$1 has been given a device since $3, and would lose it: $device"
    return 1
  done
  for device in $2; do
    case $DEVICES in *" $device "*) continue ;; esac
    says "a device of $1 has been taken away since $3: $device"
    return 1
  done
}

# stored_digest: sets DIGEST, of that in the file STORED which stays the same when the guest reboots itself, disks apart. libxl writes a
# line for each member: by yajl, or from Xen 4.21 on by json-c, which puts no blank behind a colon and escapes slashes. 1: there is no
# such file.
stored_digest() {
  DIGEST=
  [ -r "$STORED" ] || return 1
  DIGEST=$(tr -d '\\000' <"$STORED" | awk '
    /^ *"(kernel|ramdisk|cmdline|bootloader|max_vcpus|max_memkb|mac)":/ {
      sub(/^ */, ""); sub(/,$/, ""); sub(/": */, "\\": "); gsub(/\\\\\\//, "/"); print
    }' | sort | sha256sum)
  DIGEST=\${DIGEST%% *}
}

# note_stored NAME: it was taken over just now, with what this run gave it
verb_note_stored() {
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  stored_of "$DOMID"
  stored_digest || :
  devices_of "$DOMID" || :
  write_kept "$HERE/stored" "\${DIGEST:--}$DEVICES"
}

# guard_stored NAME HASH|- [FILE]: nobody has stored another config for the guest's own reboot (xl config-update) than the one of HASH
# (-: none), or of FILE, which this run or an earlier one stored; and of what libxl holds itself nothing has changed since it was
# noted. config-update replaces all of it.
verb_guard_stored() {
  local digest devices
  domid_of "$1"
  case $? in 0) ;; 1) says "$1 is not there" && return 1 ;; *) return 1 ;; esac
  stored_of "$DOMID"
  set -- "$1" "$2" "\${3:-}" "\${STORED%.libxl-json}.xl"
  if [ -s "$4" ] && ! { [ -n "$3" ] && cmp -s "$4" "$3"; }; then
    hash_of "$4" && [ "$HASH" = "$2" ] || {
      says "somebody has stored another config of $1 meanwhile (xl config-update): it is not overwritten"
      return 1
    }
  fi
  read_fact stored
  [ -n "$CONTENT" ] || return 0
  digest=\${CONTENT%% *}
  if stored_digest && [ "$digest" != - ] && [ "$DIGEST" != "$digest" ]; then
    says "what libxl has stored of $1 has changed since it was taken over: a card was plugged in, or it has rebooted itself with another config"
    return 1
  fi
  devices=\${CONTENT#"$digest"}
  case $devices in *[!' ']*) ;; *) return 0 ;; esac
  devices_of "$DOMID" || {
    says "xenstore does not say which devices $1 has"
    return 1
  }
  same_devices "$1" "$devices " 'it was taken over'
}

verb_update_stored() { # NAME FILE OLD_FILE HASH|- -- COMMAND…
  verb_guard_stored "$1" "$4" "$3" || return
  shift 5
  run_command "$@"
}

# The guest itself: down, up, paused, committed, ready.

# ---- down

verb_shut_down() { # NAME TIMEOUT destroy|never -- COMMAND…
  local name limit insist domid loops began
  name=$1 insist=$3
  hundredths "$2"
  limit=$CENTIS
  shift 4
  domid_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  loops_of "$domid"
  loops=$LOOPS
  find_xl_log "$name" "$domid"
  forget_take_over
  uptime_now
  write_kept "$HERE/down" "$domid $UPTIME $(boot_id)" || return 1
  journal_kept down domain "$name"
  guest_away
  uptime_now
  began=$UPTIME DOWN_AT=$UPTIME
  run_command "$@" || return
  await_gone "$domid" "\${limit%??}" "$loops" || {
    if ! domid_state "$domid"; then
      says "$name is down, and yet: $SAYS"
      return 1
    fi
    seconds "$limit"
    [ "$insist" = destroy ] || {
      says "$name ignored the shutdown request for \${SECONDS_TEXT%.00} s"
      return 1
    }
    journal note message "$name ignored the shutdown request for \${SECONDS_TEXT%.00} s: destroyed, as the playbook says"
    NOT_SHUT_DOWN="$name was destroyed"
    run_command xl destroy -- "$domid" || return
    await_gone "$domid" 60 "$loops" || {
      says "$name was destroyed and is still not gone: $SAYS"
      return 1
    }
  }
  [ -n "$NOT_SHUT_DOWN" ] || look_how_it_went "$name" "$domid"
  SEEN_GOING=1
  # it has followed an earlier run's request too, or this one: from here on this run brings it back
  forget_late
  # a domain that is gone is not looked for by its name as well
  seen
  uptime_now
  SHUTDOWN_CENTIS=$((UPTIME - began))
}

# loops_of DOMID: sets LOOPS, the loop devices that its backends have, each with what is behind it: \`/dev/loop0=4711,253:0\`. Once it is
# let go of, the next one who asks for a loop device gets the same number.
loops_of() {
  local type device node
  LOOPS=
  while read -r type device; do
    [ -n "$device" ] || continue
    node=$(backend_value "$1" "$type" "$device" node)
    case $node in "$ROOT"/dev/loop*) ;; *) continue ;; esac
    loop_identity "$node"
    LOOPS="$LOOPS $node=$IDENTITY"
  done <<LIST
$(backends_of "$1")
LIST
}

# once a domain is on its way out it gets this long, at least: that is not ignoring a request
readonly LEAVING_CENTIS=6000
# how often xl is asked while there are signs of it
readonly ASK_CENTIS=200

# await_gone DOMID SECONDS [LOOPS]: the domain, its backends, and the loops that they had. 1: time is up.
await_gone() {
  local deadline loop busy leaving only_loops asked
  uptime_now
  deadline=$((UPTIME + \${2:-0} * 100))
  # it was there a moment ago
  leaving=0 only_loops=0 asked=$UPTIME
  while :; do
    busy=
    # a guest on its way out needs the processor too, and xl takes much of it
    if [ $((UPTIME - asked)) -lt "$ASK_CENTIS" ] && { is_served "$1" || has_name "$1"; }; then
      sleep 0.1
      uptime_now
      [ "$UPTIME" -ge "$deadline" ] || continue
    fi
    asked=$UPTIME
    domid_state "$1"
    case $? in
      0)
        busy="the domain is still there ($STATE)"
        case $STATE in *[scd]*) leaving=$((leaving + 1)) ;; esac
        ;;
      1)
        leaving=$((leaving + 1))
        # xl shutdown -w returns before this, and an xl create right then fails
        if [ -n "$(backends_of "$1")" ]; then
          busy='its disks are still attached'
        else
          for loop in \${3:-}; do
            ! loop_stays "\${loop%%=*}" "\${loop#*=}" || busy="\${loop%%=*} is still attached"
          done
          uptime_now
          if [ -n "$busy" ]; then
            [ "$only_loops" -gt 0 ] || only_loops=$UPTIME
            [ $((UPTIME - only_loops)) -lt 500 ] || release_loops \${3:-}
          fi
        fi
        ;;
      *) busy=$SAYS ;;
    esac
    ! in_vain || busy='a question was not answered'
    [ -n "$busy" ] || return 0
    uptime_now
    if [ "$leaving" -eq 1 ] && [ "$deadline" -lt $((UPTIME + LEAVING_CENTIS)) ]; then
      deadline=$((UPTIME + LEAVING_CENTIS))
    fi
    if [ "$UPTIME" -ge "$deadline" ]; then
      says "$busy"
      return 1
    fi
    sleep 0.2
  done
}

# has_name DOMID: xenstore has it still, which takes a third of the time of xl list
has_name() {
  xenstore-read "/local/domain/$1/name" >/dev/null 2>&1 9>&-
}

# is_served DOMID: Dom0's kernel has a device for it
is_served() {
  local device
  for device in "$BACKENDS"/*-"$1"-*; do [ -e "$device" ] && return 0; done
  return 1
}

# release_loops LOOP…: Xen's block script looks the loop up in xenstore when a guest has gone; on a slow host the entry
# has gone before it looks, and the loop stays for ever (seen). They were this guest's, and nobody has them now.
release_loops() {
  local loop
  for loop in "$@"; do
    loop_stays "\${loop%%=*}" "\${loop#*=}" || continue
    loop=\${loop%%=*}
    [ -z "$(mounts_of "$loop")" ] && ! backend_uses "$loop" || continue
    run_command losetup --detach "$loop" && journal note message "$loop was left behind by Xen's block script: detached"
  done
}

# how long a domain that has shut down may take to go, before it is cleared away
readonly KEPT_SECONDS=120

# clear_away DOMID SECONDS: it has come to its end. Where whoever should clear it away does not, it is done here, and nothing
# of it is lost by that. One that this run was saving stays suspended for good if xl is killed in the midst of it: only xl
# itself lets it run on (save_domain in tools/xl/xl_saverestore.c). One that somebody else is saving is left to him.
clear_away() {
  local domid
  domid=$1
  ! await_gone "$domid" "$2" || return 0
  domid_state "$domid"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in
    *c*) ;;
    *s*)
      asked_to_go "$domid" || {
        says "the domain $domid is suspended, and not by this run"
        return 1
      }
      ;;
    *) return 1 ;;
  esac
  journal note message "$DOMAIN is down and its domain $domid stays: destroyed, to start it again"
  # it may be going at this very moment: what counts is that it is gone
  run_command xl destroy -- "$domid" || :
  await_gone "$domid" 60
}

# bring_back NAME CONFIG: whatever became of the shutdown request, the guest runs, or will
verb_bring_back() {
  ! given_back || {
    tell_running "$1"
    return 0
  }
  # what lies in the place of the config names the new disk, and could not be replaced
  set -- "$1" "\${BRING_BACK_FROM:-$2}"
  domain_state "$1"
  case $? in
    0) ;;
    1)
      takes_apart
      start_in_scope "$1" "$2"
      return
      ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*)
      takes_apart
      clear_away "$DOMID" "$KEPT_SECONDS" && start_in_scope "$1" "$2"
      return
      ;;
    *p*)
      if half_built "$DOMID"; then
        clear_half_built "$DOMID" && start_in_scope "$1" "$2"
        return
      fi
      ;;
  esac
  [ -e "$HERE/down" ] || return 0
  # one that somebody has started since knows of no request
  ! asked_to_go "$DOMID" || withdraw_request "$DOMID" old
  tell_running "$1"
  return 0
}

# ---- up

# Runs in the scope, around the command. Whoever finds this program dead waits for it to end: a guest that is about to
# appear would otherwise appear after everything else was taken back.
readonly SCOPED='mark=$1 boot=$2; shift 2; echo "$boot $$" >"$mark"; "$@"; status=$?; rm -f "$mark"; exit "$status"'
SCOPES=0

# Runs where systemd starts no scope, around the same: out of this unit's cgroup, into one of the guest's own, or not at all. What
# stayed would be ended with the run, a QEMU that serves the guest's disks too. Versions 2, both, and 1 of cgroups.
readonly APART='at=$1 name=$2; shift 2; apart=1
for at in "$at" "$at/unified" "$at/systemd"; do
  [ -e "$at/cgroup.procs" ] || continue
  { [ -d "$at/$name" ] || mkdir "$at/$name"; } && echo "$$" >"$at/$name/cgroup.procs" || exit 1
  apart=0
done
[ "$apart" -eq 0 ] || exit 1
exec sh -c "$@"'

# 1: the guest was up, and is to be brought up by whatever works
BRINGS_BACK=0

# scoped COMMAND…: outside of this unit, so that nothing of the run's end touches the guest's keeper
scoped() {
  local status boot UNHURRIED
  UNHURRIED=1
  SCOPES=$((SCOPES + 1))
  boot=$(boot_id)
  printf '%s starting\\n' "$boot" >"$HERE/creating"
  epoch
  run_command systemd-run --scope --collect --quiet --unit="converge-guest-$SAFE-\${NOW%.*}-$$-$SCOPES" \\
    --description="the keeper of the guest $SAFE" -- \\
    sh -c "$SCOPED" sh "$HERE/creating" "$boot" "$@"
  status=$?
  if [ "$status" -ne 0 ] && [ "$BRINGS_BACK" -eq 1 ] && not_begun; then
    journal note message "$SAYS: $DOMAIN is brought back without a scope"
    run_command sh -c "$APART" sh "$ROOT/sys/fs/cgroup" "converge-guest-$SAFE" "$SCOPED" sh "$HERE/creating" "$boot" "$@"
    status=$?
  fi
  if [ "$status" -ne 0 ] && not_begun; then
    rm -f "$HERE/creating"
    says "$1 \${2:-} was not called, since systemd started no scope: $SAYS"
    return "$status"
  fi
  rm -f "$HERE/creating"
  case $status in
    0) ;;
    "$GIVEN_UP") says "$1 \${2:-} \${SAYS#* }" ;;
    *) says "$1 \${2:-} ended with $status" ;;
  esac
  return "$status"
}

# not_begun: what was to run in a scope has not been called
not_begun() {
  local boot what
  what=
  { read -r boot what <"$HERE/creating"; } 2>/dev/null
  [ "$what" = starting ]
}

# await_scoped: until what a dead program started in a scope has ended, or has had its time. A guest that is migrated runs
# meanwhile, and as long as it does, its memory may take the time that it takes.
await_scoped() {
  local boot pid tries deadline old
  tries=0 old=''
  ! [ -e "$HERE/moving" ] || ! [ -e "$HERE/migrating" ] || read -r old _ <"$HERE/migrating"
  uptime_now
  deadline=$((UPTIME + BOUND))
  while [ -e "$HERE/creating" ]; do
    read -r boot pid <"$HERE/creating" || break
    [ "$boot" = "$(boot_id)" ] || break
    case $pid in
      starting)
        tries=$((tries + 1))
        [ "$tries" -lt 25 ] || break
        ;;
      *[!0-9]* | '') break ;;
      *)
        kill -0 "$pid" 2>/dev/null || break
        uptime_now
        if [ "$UPTIME" -lt "$deadline" ]; then
          :
        elif [ -n "$old" ] && runs_on "$old"; then
          deadline=$((UPTIME + BOUND))
        else
          # by now that number may be another process
          ! is_scoped "$pid" || give_up_scoped "$pid"
          break
        fi
        ;;
    esac
    sleep 0.2
  done
  rm -f "$HERE/creating" "$HERE/moving"
}

# runs_on DOMID
runs_on() {
  domid_state "$1" || return 1
  case $STATE in *[scd]*) return 1 ;; esac
}

# is_scoped PID: it is what a program of this run has started in a scope
is_scoped() {
  tr '\\000' '\\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$HERE/creating"
}

give_up_scoped() { # PID
  end_tree "$1"
  HUNG=1
  journal note message 'what was to bring the guest up did not come to its end, and was given up'
}

# create_scoped COMMAND…: again while the one of that name is still dying
create_scoped() {
  local tries lines status
  tries=10
  while :; do
    out_opens
    lines_in "$OUT"
    lines=$LINES_IN
    scoped "$@" && return 0
    status=$?
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] && tail -n "+$((lines + 1))" "$OUT" | grep -qi 'already exist' || return "$status"
    sleep 1
  done
}

# build_scoped COMMAND…: the guest, noted while it is built
build_scoped() {
  local status
  begin_built
  create_scoped "$@"
  status=$?
  end_built "$status"
  return "$status"
}

# start_in_scope NAME CONFIG [SINCE]: see tell_back for SINCE
start_in_scope() {
  local BRINGS_BACK
  BRINGS_BACK=1
  if find_saved "$1"; then
    journal note message "$1 was saved by xendomains, which brings it back: it is not started here"
    return 0
  fi
  # -f: a path with a \`=\` in it would else be taken for a setting
  build_scoped xl create -f "$2" || return 1
  domain_state "$1" || {
    says "xl create of $1 ended well, and yet it is not there"
    return 1
  }
  forget_built
  tell_back started "\${3:-}"
}

verb_in_scope() { # NAME -- COMMAND…
  local name
  name=$1
  shift 2
  uptime_now
  CREATE_AT=$UPTIME
  build_scoped "$@" || return
  # looked at once, as the goal is: xl takes its time
  goal_domain_paused "$name" || return 0
  note_built "$DOMID" || {
    says 'cannot write which domain was built'
    return 1
  }
  seen
}

# destroy_paused: only what was never unpaused, so that nothing that a guest wrote is lost
verb_destroy_paused() { # NAME -- COMMAND…
  domain_state "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  case $STATE in
    *[scd]*) ;;
    *p*)
      written_nothing "$DOMID" || built_here "$DOMID" || {
        says "$1 is paused, and has written to its disk"
        return 1
      }
      shift 2
      run_command "$@" || return
      ;;
    *) return 0 ;;
  esac
  await_gone "$DOMID" 60 || return
  # it had not run yet, whatever was about to be done
  rm -f "$HERE/resumed"
  forget_built
}

verb_compare_attached() { # NAME VDEV TARGET…
  goal_attached "$@" || return 1
}

# ---- the commit

verb_unpause() { # NAME -- COMMAND…
  local name status
  name=$1
  shift 2
  epoch
  note_kept "$HERE/committing" "$NOW" || {
    rm -f "$HERE/committing"
    says 'cannot write that the commit begins'
    return 1
  }
  run_command "$@"
  status=$?
  if [ "$status" -ne 0 ]; then
    set -- "$SAYS"
    if has_not_run "$name"; then
      # not one write on the new disk, and no way for one: there still is a way back
      rm -f "$HERE/committing" && kept "$HERE"
      says "$1"
      return "$status"
    fi
    # what hangs is told, whatever it has done
    [ "$status" -ne "$GIVEN_UP" ] && runs "$name" || {
      says "$1"
      return "$status"
    }
    journal note message "$1, and had done it: $name runs"
  fi
  uptime_now
  RAN_AT=$UPTIME
  forget_built
  note_kept "$HERE/committed" "$NOW"
  journal commit domain "$name"
}

# commit_offline: the guest was down and stays down; what starts it next takes the new disk
verb_commit_offline() {
  write_kept "$HERE/committing" "offline $(date +%s)" && write_kept "$HERE/committed" "$(date +%s)" || {
    says 'cannot write that the commit begins'
    return 1
  }
  journal_kept commit domain "$DOMAIN"
}

# ---- ready

verb_wait_ready() { # NAME TIMEOUT tcp ADDRESS PORT | running SECONDS | command -- COMMAND…
  local name deadline how first absent since asked now answered looked
  name=$1 how=$3
  hundredths "$2"
  uptime_now
  since=$UPTIME deadline=$((UPTIME + CENTIS)) absent=0 first='' asked='' looked=$UPTIME
  count_copies
  # it was seen a moment ago, when it was let run
  [ "$how" = running ] || ! is_known "$name" || first=$DOMID asked=$UPTIME STATE=''
  shift 3
  [ "$how" != command ] || shift
  if [ "$how" = running ]; then
    hundredths "$1"
    [ "$((since + CENTIS + 500))" -le "$deadline" ] || deadline=$((since + CENTIS + 500))
  fi
  while :; do
    now=0
    if [ -z "$asked" ] || [ "$absent" -gt 0 ] || [ $((UPTIME - asked)) -ge "$ASK_CENTIS" ]; then
      # seldom: a guest that starts needs the processor too, and xl takes much of it
      asked=$UPTIME now=1
      domain_state "$name"
    fi
    case $? in
      0)
        absent=0
        case $STATE in
          *c*)
            says "$name has crashed"
            return 1
            ;;
        esac
        # a guest that reboots itself starts anew
        if [ "$DOMID" != "$first" ]; then
          [ -z "$first" ] || uptime_now
          [ -z "$first" ] || since=$UPTIME
          first=$DOMID
        fi
        ;;
      1)
        absent=$((absent + 1))
        [ "$absent" -lt 10 ] || {
          says "$name is gone"
          return 1
        }
        ;;
    esac
    if [ "$absent" -eq 0 ] && probe_ready "$how" "$since" "$@"; then
      uptime_now
      answered=$UPTIME
      [ "$now" -eq 0 ] || break
      # what answered is to be this guest, and to be still there
      domain_state "$name" && [ "$DOMID" = "$first" ] && case $STATE in *c*) false ;; esac && break
      asked=
    fi
    uptime_now
    # begun while it was down: with a leg that fails below one its writes wait, and it would never be ready
    if [ -n "$MIRRORS" ] && [ $((UPTIME - looked)) -ge 100 ] && ! committing; then
      looked=$UPTIME
      look_at_mirrors || return 1
    fi
    [ "$UPTIME" -lt "$deadline" ] || {
      says "$name runs on its new disk and is not ready in time"
      return 1
    }
    sleep 0.2
  done
  READY_AT=$answered
  # of two switches both count
  if [ -n "\${DOWN_AT:-}" ] && [ "$DOWN_AT" != "$COUNTED" ]; then
    DOWNTIME=$((DOWNTIME + READY_AT - DOWN_AT)) COUNTED=$DOWN_AT
  fi
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$name" 'downtime#' "$SECONDS_TEXT"
  guest_here
  give_turn
}

DOWNTIME=0
# the beginning of the switch that is in it already
COUNTED=

# bash opens sockets by itself: nothing to install
readonly OPEN_SOCKET='exec 3<>"/dev/tcp/$1/$2"'

probe_ready() { # HOW SINCE ARGUMENTS…
  local how since
  how=$1 since=$2
  shift 2
  case $how in
    tcp) timeout 2 bash -c "$OPEN_SOCKET" bash "$1" "$2" </dev/null >/dev/null 2>&1 9>&- ;;
    running)
      hundredths "$1"
      uptime_now
      case $STATE in *[pscd]*) return 1 ;; esac
      [ $((UPTIME - since)) -ge "$CENTIS" ]
      ;;
    command) timeout 30 "$@" </dev/null >>"$OUT" 2>&1 9>&- ;;
    *) return 1 ;;
  esac
}

# Device-mapper devices of converge's own: the guest's disk under a name, whatever is below.

# drop_mapping NAME SECTORS IMAGE VOLUME: the undo of its creation. A guest that runs on it goes on doing so; one whose own
# reboot is awaited finds it then; one that xendomains has saved on it finds it again at boot, on the leg that is complete.
verb_drop_mapping() {
  local name
  name=$1
  mapping_of "$name"
  case $? in
    0)
      if [ "$OPEN" != 0 ]; then
        journal note message "$DOMAIN runs on under the name $name until its next start"
        return 0
      fi
      saved_on "$name" && return 0
      still_awaited "$name"
      case $? in 0) return 0 ;; 1) ;; *) return 1 ;; esac
      run_command dmsetup remove "$name"
      ;;
    1)
      saved_on "$name" || return 0
      complete_disk "$3" "$4" || return
      run_command dmsetup create "$name" --uuid "CONVERGE-$name" --table "0 $2 linear $DEVICE 0" || return
      journal note message "$name is there again, on $DEVICE: $DOMAIN was saved on it"
      ;;
    *) return 1 ;;
  esac
}

# collapse NAME SECTORS FROM TO: the complete leg alone. Not flushed: writes that wait for a dead leg go to the other.
verb_collapse() {
  local device
  device=$3
  ! committing || device=$4
  takes_apart
  rm -f "$HERE/synced/$1"
  run_command dmsetup reload "$1" --table "0 $2 linear $device 0" &&
    run_command dmsetup resume --noflush "$1"
}

# MIRRORS: those that this program has begun or waits for, \`NAME/RATE\` each. Several may copy at a time, and are waited for
# one after the other.
MIRRORS=''

# has_mirror NAME RATE IMAGE LINK: it is looked at, and nobody may have its image, from here on. It is the last of MIRRORS then.
has_mirror() {
  local entry others
  others=
  for entry in $MIRRORS; do
    [ "\${entry%/*}" = "$1" ] || others="$others $entry"
  done
  MIRRORS="$others $1/$2"
  keep_watched "$1" "$3" "$4" "$ROOT/dev/mapper/$1" || return
  # how fast they are may be known by now
  [ "$2" -eq 0 ] || [ -n "$THROTTLED" ] || throttle_mirrors "$FIRST_SHARE"
}

# start_mirror NAME RATE IMAGE LINK -- COMMAND…: it begins to copy right away
verb_start_mirror() {
  has_mirror "$1" "$2" "$3" "$4" || return
  begins "$1"
  shift 5
  run_command "$@"
}

# await_sync NAME BYTES RATE IMAGE LINK: until image and volume are equal. RATE: bytes a second at most, 0 for no limit.
verb_await_sync() {
  local name bytes began next last last_bytes base done_bytes spared
  name=$1 bytes=$2 spared=0
  # what nobody uses counts as in sync from the beginning
  [ ! -e "$HERE/marked/$name" ] || read -r spared <"$HERE/marked/$name"
  since_when "$name"
  began=$MIRROR_BEGAN base=$MIRROR_BASE next=$UPTIME last=$UPTIME last_bytes=
  has_mirror "$name" "$3" "$4" "$5" || return
  while :; do
    look_at_mirrors || return 1
    done_bytes=$((SYNCED * bytes / TOTAL - spared))
    [ "$done_bytes" -ge 0 ] || done_bytes=0
    [ -n "$base" ] || base=$done_bytes
    [ -n "$last_bytes" ] || last_bytes=$BOUNDED
    uptime_now
    if [ "$LEAST_RATE" -eq 0 ]; then
      # those that have a limit are in sync
      release_throttle
    elif [ $((UPTIME - last)) -ge 100 ]; then
      steer_mirrors $(((BOUNDED - last_bytes) * 100 / (UPTIME - last))) "$LEAST_RATE" || return
      last=$UPTIME last_bytes=$BOUNDED
    fi
    if [ "$UPTIME" -ge "$next" ] || [ "$SYNCED" -eq "$TOTAL" ]; then
      next=$((UPTIME + 100))
      nobody_around || return
      tell_mirrored "$began" "$base" "$done_bytes" "$((bytes - spared))"
    fi
    [ "$SYNCED" -ne "$TOTAL" ] || break
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  mirrored "$began" "$base" "$done_bytes"
}

# look_at_mirrors: all of them, for a leg that fails below one makes the guest's writes to it wait, whichever is waited for.
# Sets SYNCED and TOTAL of the last; BOUNDED, the bytes that those with a limit have in sync, and LEAST_RATE, the least limit
# of those that still copy (0: none has one): they share one throttle.
look_at_mirrors() {
  local entry rate
  BOUNDED=0 LEAST_RATE=0
  for entry in $MIRRORS; do
    rate=\${entry##*/}
    look_at_mirror "\${entry%/*}" || {
      says "\${entry%/*}: $SAYS"
      return 1
    }
    [ "$rate" -ne 0 ] || continue
    BOUNDED=$((BOUNDED + SYNCED * SECTORS / TOTAL * 512))
    [ "$SYNCED" -ne "$TOTAL" ] || continue
    [ "$LEAST_RATE" -ne 0 ] && [ "$LEAST_RATE" -le "$rate" ] || LEAST_RATE=$rate
  done
}

# look_at_mirror NAME: fails where a leg does that it can not do without
look_at_mirror() {
  if was_synced "$1"; then
    mirror_whole "$1" || return 1
    # whatever an image that fails has not taken since
    SYNCED=$TOTAL
    return 0
  fi
  mirror_status "$1" && mirror_alive || return 1
  [ "$SYNCED" -ne "$TOTAL" ] || mark_synced "$1"
}

# mark_synced NAME: from here on the volume holds all, and gets each write before the guest hears of it: with its image
# failing or not
mark_synced() {
  was_synced "$1" && return 0
  mkdir -p "$HERE/synced" && write_kept "$HERE/synced/$1" "$(boot_id)" && return 0
  says "cannot write that $1 is in sync"
  return 1
}

# was_synced NAME: it has been in sync in this run, and its volume has got every write since
was_synced() {
  [ "$(cat "$HERE/synced/$1" 2>/dev/null)" = "$(boot_id)" ]
}

# mirror_alive: of the mirror that mirror_status looked at, while it is not yet in sync. Its image is the complete leg
# until then: a guest whose image fails reads and writes what it would without a mirror.
mirror_alive() {
  case $HEALTH in
    AA) return 0 ;;
    A*) says "the volume gives errors (legs: $HEALTH)" ;;
    *) says "the image gives errors (legs: $HEALTH): is it damaged, or the file system full that it lies in?" ;;
  esac
  return 1
}

# mirror_whole NAME: it was in sync, and the volume lacks nothing. An image that fails then does not matter: writes that
# it does not take wait until the mapping lies on the volume alone.
mirror_whole() {
  mirror_status "$1" || return 1
  case $HEALTH in
    ?A) ;;
    *)
      says "the volume gives errors (legs: $HEALTH)"
      return 1
      ;;
  esac
  if [ "$HEALTH" = AA ]; then
    says "$1 is not in sync: $SYNCED of $TOTAL regions"
    [ "$SYNCED" -eq "$TOTAL" ] || return 1
    # a small one was in sync before anybody waited for it
    mark_synced "$1"
    return
  fi
  says "the image gives errors before the volume holds all of it (legs: $HEALTH)"
  was_synced "$1" || return 1
  [ -e "$HERE/synced/$1.told" ] || {
    printf '' >"$HERE/synced/$1.told"
    journal note message "the image behind $1 gives errors: the volume holds everything, and takes over"
  }
}

verb_mirror_whole() { # NAME…
  local name
  for name in "$@"; do
    # on the volume alone already: an earlier try
    mapping_of "$name" || return 1
    case $TABLE in *" mirror "*) mirror_whole "$name" || return 1 ;; esac
  done
}

# commit_live DOMAIN running|offline NAME TO FROM -- COMMAND…: from the first of a guest's disks on there is no way back. A
# command that fails may have done what it was to do: where the guest's writes go is seen, and the mark goes only where the
# old disk has every one of them.
verb_commit_live() {
  local domain how name to from first status stands
  domain=$1 how=$2 name=$3 to=$4 from=$5 first=0
  shift 6
  if ! committing; then
    first=1
    epoch
    [ "$how" = running ] || NOW="offline $NOW"
    write_kept "$HERE/committing" "$NOW" || {
      rm -f "$HERE/committing"
      says 'cannot write that the commit begins'
      return 1
    }
  fi
  run_command "$@"
  status=$?
  if [ "$status" -ne 0 ]; then
    set -- "$SAYS" "$@"
    gone_over "$name" "$to" "$from"
    stands=$?
    # a question that was given up has no answer, and what hangs may act yet; DRBD was only told what to do without a disk
    case $status:$name in "$GIVEN_UP":drbd/*) ;; "$GIVEN_UP":*) stands=2 ;; esac
    ! in_vain || stands=2
    says "$1"
    shift
    case $stands in
      0)
        # device-mapper may be suspended still
        case $name in */*) ;; *) run_command "$@" || return ;; esac
        journal note message "$1 ended with $status, and had done it: $name lies on its new disk"
        ;;
      1)
        [ "$first" -eq 0 ] || { rm -f "$HERE/committing" && kept "$HERE"; }
        return "$status"
        ;;
      *) return "$status" ;;
    esac
  fi
  [ -e "$HERE/committed" ] || {
    write_kept "$HERE/committed" "\${NOW#offline }"
    journal_kept commit domain "$domain"
  }
}

# gone_over NAME TO FROM: where what is written to a device of converge's own goes. 0: to TO alone. 1: FROM has all of it, as
# it had before. 2: it can not be told.
gone_over() {
  case $1 in
    md/*)
      array_of "$1" || return 2
      member_state "$3" || return 2
      ! is_in_sync "$3" || return 1
      is_in_sync "$2" || return 2
      ;;
    drbd/*)
      resource_of "$1" || return 2
      if [ -n "$LOWER" ] && same_device "$LOWER" "$3" && holds_all "$MINOR"; then return 1; fi
      return 2
      ;;
    *)
      mapping_of "$1" || return 2
      case $TABLE in
        *" mirror "*)
          # what a dead image does not take is not acknowledged either; but then it is the volume that holds all
          mirror_status "$1" || return 2
          case $HEALTH in A*) return 1 ;; *) return 2 ;; esac
          ;;
      esac
      goal_mapping "$1" "$2" || return 2
      ;;
  esac
}

# forget_table NAME: one that was loaded and not taken over, which any resume would take over
verb_forget_table() {
  mapping_of "$1"
  case $? in
    0) run_command dmsetup clear "$1" ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
}

verb_retire_mapping() { # NAME -- COMMAND…
  local name
  name=$1
  mapping_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  # once it is let go of, nothing holds it while its guest reboots itself
  still_awaited "$name"
  case $? in 0) return 0 ;; 1) ;; *) return 1 ;; esac
  shift 2
  run_command "$@" && return 0
  # one that was let go of before goes by itself when its guest has gone, perhaps right now
  mapping_of "$name"
  [ $? -eq 1 ]
}

# What a disk's file system uses, marked for a mirror that is to copy no more than that.

# A mirror's log on a device (drivers/md/dm-log.c): \`MiRr\`, version 2 and the number of regions, little endian; from byte
# 1024 on a bit a region, lowest first, in whole words of 64: 1 is clean, that is, not copied.
readonly LOG_HEAD='rRiM\\0002\\0000\\0000\\0000'

# mark_used NAME IMAGE LINK BYTES SECTORS TYPE
# SECTORS: of a region. TYPE: swap, or ext2, 3 or 4. Always anew, since it is worth something only while nobody has the
# image: what is not marked is not copied.
verb_mark_used() {
  local name image link bytes region total words pages first rest
  name=$1 image=$2 link=$3 bytes=$4 region=$(($5 * 512))
  ours "$link" && verb_drop_marks "$link" || return
  domid_of "$DOMAIN"
  case $? in
    0)
      says "$DOMAIN runs: what its file system calls free may be in use by now"
      return 1
      ;;
    1) ;;
    *) return 1 ;;
  esac
  mkdir -p -- "\${link%/*}" "$HERE/marked" || return
  total=$(((bytes + region - 1) / region))
  case $6 in
    swap) free_of_swap "$image" "$bytes" ;;
    *)
      # what it prints of a large one does not fit a variable
      dumpe2fs "$image" >"$link.map" 2>>"$OUT" </dev/null 9>&- || printf '' >"$link.map"
      awk "$FREE_OF_EXT" "$link.map"
      ;;
  esac >"$link.free" && awk -v total="$total" -v bytes="$bytes" -v region="$region" "$BITS_OF_FREE" "$link.free" >"$link.map" &&
    { read -r first rest <"$link.map"; } || {
    says "cannot mark what $image uses"
    return 1
  }
  # the bits, in whole words, behind a header of 1,024 bytes; a device is in whole pages
  words=$(((total + 63) / 64))
  pages=$(((1024 + words * 8 + 4095) / 4096))
  {
    printf '%b' "$LOG_HEAD" && little_endian "$total"
  } >"$link.bits" && truncate -s 1024 -- "$link.bits" && tail -n +2 -- "$link.map" | as_bytes >>"$link.bits" && truncate -s $((pages * 4096)) -- "$link.bits" || {
    says "cannot write $link.bits"
    return 1
  }
  rm -f -- "$link.map" "$link.free"
  write_kept "$HERE/marked/$name" "$((bytes - first))" || return
  if [ -z "$rest" ]; then
    journal note message "of $image only what is in use is copied: $(mib "$first") of $(mib "$bytes")"
  else
    journal note message "all of $image is copied: $rest"
  fi
  verb_attach_loop "$link" "$link.bits" -- losetup --find --show "$link.bits"
}

# little_endian NUMBER: its eight bytes
little_endian() {
  local number at
  number=$1 at=0
  while [ "$at" -lt 8 ]; do
    printf '%b' "\\\\0$((number / 64 % 4))$((number / 8 % 8))$((number % 8))"
    number=$((number / 256)) at=$((at + 1))
  done
}

# as_bytes: lines of octal escapes from standard input
as_bytes() {
  local line
  while IFS= read -r line; do
    printf '%b' "$line" || return
  done
}

# Prints \`all WHY\`, or \`free FIRST END\` lines: bytes from FIRST to before END that hold nothing, in order.
readonly FREE_OF_EXT='
/^Filesystem features:/ { features = $0 " " }
/^Filesystem state:/ { state = $0; sub(/^[^:]*: */, "", state); sub(/ *$/, "", state) }
/^Block count:/ { blocks = $3 }
/^Free blocks:/ { free = $3 }
/^Block size:/ { size = $3 }
/^  Free blocks:/ {
  sub(/^[^:]*: */, "")
  parts = split($0, part, /, */)
  for (at = 1; at <= parts; at++) {
    if (part[at] == "") continue
    if (part[at] !~ /^[0-9]+(-[0-9]+)?$/) { odd = 1; continue }
    ends = split(part[at], end, "-")
    from = end[1] + 0
    to = end[ends] + 0
    if (to < from || to >= blocks + 0 || (count > 0 && from <= last[count])) { odd = 1; continue }
    seen += to - from + 1
    if (count > 0 && from == last[count] + 1) last[count] = to
    else { first[++count] = from; last[count] = to }
  }
}
END {
  if (size == "" || blocks == "" || free == "") why = "dumpe2fs can not read its file system"
  else if (features ~ / needs_recovery /) why = "the journal of its file system is not replayed: it was not unmounted"
  else if (features ~ / orphan_present /) why = "its file system was not unmounted"
  else if (features ~ / bigalloc /) why = "its file system counts in clusters"
  else if (state != "clean") why = "its file system is " state
  else if (odd || seen + 0 != free + 0) why = "the free map of its file system and its superblock disagree"
  if (why != "") { print "all " why; exit }
  for (at = 1; at <= count; at++) printf "free %.0f %.0f\\n", first[at] * size, (last[at] + 1) * size
}'

# The first line: how many bytes are to be copied, and why, where that is all. Then the bits, as octal escapes.
readonly BITS_OF_FREE='
function mark(number) { bits[int(number / 8)] += 2 ^ (number % 8) }
/^all / { why = substr($0, 5) }
/^free / {
  from = int(($2 + region - 1) / region)
  to = $3 >= bytes ? total : int($3 / region)
  if (to <= from) next
  clean += to == total ? bytes - from * region : (to - from) * region
  while (from < to && from % 8 != 0) mark(from++)
  while (from + 8 <= to) { bits[from / 8] = 255; from += 8 }
  while (from < to) mark(from++)
}
END {
  printf "%.0f%s\\n", bytes - clean, why == "" ? "" : " " why
  last = int((total + 63) / 64) * 8
  for (at = 0; at < last; at++) {
    byte = bits[at] + 0
    printf "\\\\0%d%d%d%s", int(byte / 64), int(byte / 8) % 8, byte % 8, at % 64 == 63 || at == last - 1 ? "\\n" : ""
  }
}'

# free_of_swap IMAGE BYTES: what was swapped out has come to its end with the guest, and only the head is read again
free_of_swap() {
  local place
  # at the end of the first page: of 4 KiB, or of 64
  for place in 4086 65526; do
    case $(dd if="$1" bs=1 skip="$place" count=10 status=none 2>>"$OUT" 9>&- | tr -d '\\000') in
      SWAPSPACE2)
        echo "free 65536 $2"
        return
        ;;
    esac
  done
  # the signature of one that was suspended to disk is another
  echo 'all it is no swap space, or a system has been suspended to it'
}

# drop_marks LINK: nothing is copied by them any more
verb_drop_marks() {
  ours "$1" && verb_detach_loop "$1" && rm -f -- "$1.bits" "$1.map" "$1.free"
}

# A live migration to the same host. For a moment there are two of the guest: NAME and NAME--incoming, then
# NAME--migratedaway and NAME (xl_migrate.c). Neither writes while the other could: the first is suspended before the
# second is whole, and the second stays paused until the first has gone.

verb_migrate_guest() { # NAME [VDEV TARGET]… -- COMMAND…
  local name old loops began status
  name=$1
  shift
  domid_of "$name" || {
    [ $? -ne 1 ] || says "$name is not there"
    return 1
  }
  old=$DOMID
  loops_of "$old"
  loops=$LOOPS
  forget_take_over
  # for whoever finds this run dead
  {
    printf '%s %s\\n' "$old" "$(boot_id)"
    while [ "$1" != -- ]; do
      printf '%s\\n' "$1"
      shift
    done
  } >"$HERE/migrating.new" && kept "$HERE/migrating.new" && mv -f "$HERE/migrating.new" "$HERE/migrating" &&
    kept "$HERE" || return 1
  shift
  uptime_now
  began=$UPTIME
  SWITCH=migrate
  rm -f "$HERE/stopped"
  printf '' >"$HERE/moving" || return
  { note_stopped "$old"; } </dev/null >/dev/null 2>&1 9>&- &
  # not yet, but any moment: note_stopped says when
  guest_away
  AWAY_ONCE=$HERE/stopped
  scoped "$@"
  status=$?
  AWAY_ONCE=
  rm -f "$HERE/moving"
  # after a failure it is looked at which of the two is whole (settle_migration), and nothing is tried again
  [ "$status" -eq 0 ] || return "$status"
  await_gone "$old" 60 "$loops" || {
    says "$name is migrated, and yet: $SAYS"
    return 1
  }
  domain_state "$name" || {
    says "$name is migrated, and not there"
    return 1
  }
  case $STATE in
    *[scd]*) says "$name is migrated, and in state $STATE" && return 1 ;;
    *p*) ;;
    *) says "$name runs before it was allowed to" && return 1 ;;
  esac
  read_fact stopped
  DOWN_AT=\${CONTENT:-$began}
  uptime_now
  CREATE_AT=$UPTIME
  SHUTDOWN_CENTIS=$((UPTIME - DOWN_AT))
}

# note_stopped DOMID: when the first one was last seen running, for the measure of the downtime. Where nobody answers for as long
# as a command may take, it passes for stopped: the bound has to count from somewhere.
note_stopped() {
  local seen ran known
  ran=
  uptime_now
  known=$UPTIME
  while [ -e "$HERE/moving" ]; do
    uptime_now
    seen=$UPTIME
    # apart from the program, whose questions the ticker looks after
    STATE=$(timeout -s KILL 60 xl list "$1" 2>&1) && listed "$STATE" && set -- "$1" 0 || set -- "$1" 2
    case $2$STATE in
      2*'does not exist'*) set -- "$1" 1 ;;
      2*) [ $((UPTIME - known)) -lt "$BOUND" ] || set -- "$1" 1 ;;
      *) known=$UPTIME ;;
    esac
    case $2$STATE in
      0*[scd]* | 1*)
        printf '%s\\n' "\${ran:-$seen}" >"$HERE/stopped"
        return 0
        ;;
      0*) ran=$seen ;;
    esac
    sleep 0.2
  done
}

# migrates: a migration was begun, and the guest has not run since
migrates() {
  [ -e "$HERE/migrating" ] && ! [ -e "$HERE/resumed" ]
}

# settle_migration NAME CONFIG: one of the two runs on, whatever the migration came to; the other is destroyed. Their
# disks hold the same: none has run since the first one stopped.
verb_settle_migration() {
  local old boot copy stopped
  if given_back; then
    # or was about to be when the run died
    has_not_run "$1" || {
      tell_running "$1"
      return 0
    }
    rm -f "$HERE/resumed"
  fi
  [ -e "$HERE/migrating" ] || return 0
  read -r old boot <"$HERE/migrating"
  if [ "$boot" != "$(boot_id)" ]; then
    # the run answers for a reboot of Dom0, be it that the guest ran on before that, or was about to
    domain_state "$1"
    case $? in
      0)
        half_built "$DOMID" || return 0
        clear_half_built "$DOMID" || return 1
        ;;
      1) ;;
      *) return 1 ;;
    esac
    start_in_scope "$1" "$2"
    return
  fi
  migrates || return 0
  await_receiver "$1" || return
  domid_state "$old"
  case $? in
    0)
      case $STATE in
        *[scd]*) ;;
        *)
          # it runs on where it ran: nothing came of the migration
          destroy_copy "$1--incoming" && name_it "$old" "$1"
          return
          ;;
      esac
      ;;
    1) ;;
    *) return 1 ;;
  esac
  whole_copy "$1" "$old" || return
  # nothing is taken for lost because it was asked for in vain
  ! in_vain || return 1
  # of this boot, as the migration is
  read_fact stopped
  stopped=$CONTENT
  if [ -z "$COPY" ]; then
    journal note message "$1 was lost in its migration: it is started anew, as after a power failure"
    destroy_copy "$1--incoming" && destroy_stopped "$old" || return
    start_in_scope "$1" "$2" "$stopped"
    return
  fi
  copy=$COPY
  destroy_stopped "$old" && name_it "$copy" "$1" || return
  journal note message "$1 had been migrated: its copy runs on"
  # there is no other one, and no memory that could be used again: it runs, whether that can be written or not
  write_kept "$HERE/resumed" "$(boot_id)" || :
  let_run "$1" xl unpause -- "$copy" || return 1
  tell_back resumed "$stopped"
}

# await_receiver NAME: the far end, which is on this host too, ends soon after the near one, and destroys what is not whole
await_receiver() {
  local tries
  tries=150
  while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    domid_of "$1--incoming"
    case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
    sleep 0.2
  done
}

# whole_copy NAME OLD: sets COPY, the domain id of the second one if it is there with all of its memory and with the
# planned disks. libxl gives it disks only when it has read all of the memory, and destroys one that it could not read.
whole_copy() {
  local name old copy
  name=$1 old=$2 COPY='' copy=''
  domid_of "$name"
  case $? in
    0) [ "$DOMID" = "$old" ] || copy=$DOMID ;;
    1) ;;
    *) return 1 ;;
  esac
  if [ -z "$copy" ]; then
    # its far end may have died, or not known that the near one had, before it was renamed
    name=$name--incoming
    domid_of "$name"
    case $? in
      0) copy=$DOMID ;;
      1) return 0 ;;
      *) return 1 ;;
    esac
  fi
  domid_state "$copy"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in *[scd]*) return 0 ;; esac
  on_planned_disks "$name"
  case $? in
    0) COPY=$copy ;;
    *)
      journal note message "the copy of $1 is not used: $SAYS"
      destroy_copy "$name"
      ;;
  esac
}

# on_planned_disks NAME: what migrate_guest wrote down
on_planned_disks() {
  local name vdev target
  name=$1
  set --
  {
    read -r vdev
    while IFS= read -r vdev && IFS= read -r target; do set -- "$@" "$vdev" "$target"; done
  } <"$HERE/migrating"
  says 'it has no disk'
  [ $# -gt 0 ] && goal_attached "$name" "$@"
}

# destroy_copy NAME: only one that never ran
destroy_copy() {
  domain_state "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  case $STATE in
    *[scd]*) ;;
    *p*)
      # one that is still being built has no disks yet, or none that is connected
      written_nothing "$DOMID" || never_ran "$DOMID" || {
        says "$1 has written to its disks"
        return 1
      }
      ;;
    *) says "$1 runs" && return 1 ;;
  esac
  run_command xl destroy -- "$DOMID" || return
  await_gone "$DOMID" 60
}

# destroy_stopped DOMID: the first one, which is suspended and cannot be woken by any command of xl's
destroy_stopped() {
  domid_state "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  loops_of "$1"
  set -- "$1" "$LOOPS"
  run_command xl destroy -- "$1" || return
  await_gone "$1" 60 "$2"
}

# name_it DOMID NAME: the name that it has between two others is not its own
name_it() {
  domid_of "$2"
  case $? in
    0) [ "$DOMID" = "$1" ] && return 0 ;;
    1) run_command xl rename -- "$1" "$2" && return 0 ;;
  esac
  says "$2 is the name of another domain than $1"
  return 1
}

# What mirrors have in common, whoever in the kernel makes them.

# complete_disk IMAGE VOLUME: sets DEVICE, the one that holds every write: the volume from the commit on, else a loop over the image
complete_disk() {
  DEVICE=$2
  ! committing || return 0
  run_answer losetup --find --show "$1" && DEVICE=$SAID
}

# await_last BYTES LOOK WHOLE [ARGUMENT…]: the last of a copy, until WHOLE holds. LOOK is where a disk that fails is seen.
await_last() {
  local bytes look tries
  bytes=$1 look=$2 tries=600
  shift 2
  # once the volume has it all, an image that fails is no obstacle any more
  until "$@"; do
    "$look" || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the last of it is not in sync after a minute"
      return 1
    }
    sleep 0.1
  done
  journal progress id "$ID" 'bytes#' "$bytes" 'percent#' 100 'rate#' 0 'left#' 0
}

# begins NAME: a copy from nothing begins now. One that is there before anybody waits for it has carried its bytes too.
MIRROR='' MIRROR_AT=0
begins() {
  uptime_now
  MIRROR=$1 MIRROR_AT=$UPTIME
}

# since_when NAME: sets MIRROR_BEGAN and MIRROR_BASE. Begun by this program: then, from nothing. Else what has come since it is looked at:
# MIRROR_BASE is empty until the first look.
since_when() {
  uptime_now
  MIRROR_BEGAN=$UPTIME MIRROR_BASE=
  [ "$MIRROR" != "$1" ] || MIRROR_BEGAN=$MIRROR_AT MIRROR_BASE=0
  MIRROR=
}

# tell_mirrored BEGAN BASE DONE TOTAL: by UPTIME. BASE: what was there already when it was first looked at
tell_mirrored() {
  local rate left
  rate=0 left=0
  [ "$UPTIME" -le "$1" ] || rate=$((($3 - $2) * 100 / (UPTIME - $1)))
  [ "$rate" -le 0 ] || left=$((($4 - $3) / rate))
  journal progress id "$ID" 'bytes#' "$3" 'percent#' "$(($3 * 100 / $4))" 'rate#' "$rate" 'left#' "$left"
}

# mirrored BEGAN BASE DONE [TOTAL]: for the figures that later forecasts are made from. What is held back until the switch counts
# as carried too, for a run that comes to its end has carried it, and says nothing of a rate.
mirrored() {
  printf 'first %s %s %s\\n' "$((UPTIME - $1 + 1))" "$(($3 - $2))" "$((\${4:-$3} - $3))" >>"$HERE/copies/$ID"
}

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
    timeout -s KILL 120 vgs --noheadings -o vg_name "\${origin%%/*}" </dev/null >/dev/null 2>&1 9>&- || :
    is_suspended "$origin" || continue
    if ! { timeout -s KILL 120 lvchange --autobackup n --refresh "$origin" </dev/null >/dev/null 2>&1 9>&- && ! is_suspended "$origin"; }; then
      timeout -s KILL 120 vgs --noheadings -o vg_name "\${origin%%/*}" </dev/null >/dev/null 2>&1 9>&- || continue
      ! is_suspended "$origin" || timeout -s KILL 60 dmsetup resume --major "\${NODE%:*}" --minor "\${NODE#*:}" </dev/null >/dev/null 2>&1 9>&- || :
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

# What others on this host are at, and is waited for before a guest is touched: as a rule they are done with it soon.

# of each of them, a quarter of an hour at most
readonly OTHERS_CENTIS=90000

# await_others IS_BUSY: as long as that says so (0), and in BUSY who is at what; 2: that is not to be found out, says BUSY
await_others() {
  local deadline told status
  told=
  while
    "$1"
    status=$?
    [ "$status" -ne 1 ]
  do
    uptime_now
    if [ "$status" -eq 2 ]; then
      says "$BUSY"
      return 1
    elif [ "$BUSY" != "$told" ]; then
      journal note message "$BUSY: it is waited for, before $DOMAIN is touched"
      told=$BUSY deadline=$((UPTIME + OTHERS_CENTIS))
    elif [ "$UPTIME" -ge "$deadline" ]; then
      says "$BUSY, still: $DOMAIN is not touched while that goes on"
      return 1
    fi
    committing || heed_stop 'in the wait for others on the host'
    sleep 1
  done
}

# await_turn: one run at a time has its guest's memory in Dom0's. Two that look at what is free there would both find enough.
verb_await_turn() {
  await_others has_no_turn
}

# has_no_turn: sets BUSY. 1: it is this run's turn, until give_turn or its end.
has_no_turn() {
  local other
  BUSY="$RUN cannot be locked, or not be written to"
  # the directory is locked: a file for it would have to stay for good
  mkdir -p "$RUN" && other=$({ flock -w 10 8 && take_turn; } 8<"$RUN" 9>&-) || return 2
  [ -n "$other" ] || return 1
  BUSY="a run of $other has its guest's memory in Dom0's"
}

# take_turn: says whose it is, where it is another's
take_turn() {
  local other
  other=
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || :
  if [ -z "$other" ] || [ "$other" = "$SAFE" ] || ! is_at_work "$other"; then
    printf '%s\\n' "$SAFE" >"$RUN/.turn.$SAFE" && mv -f "$RUN/.turn.$SAFE" "$RUN/.turn"
  else
    printf '%s\\n' "$other"
  fi
}

# give_turn: it is the next one's, where it was this run's
give_turn() {
  [ ! -e "$RUN/.turn" ] || ({ ! flock -w 10 8 || drop_turn; } 8<"$RUN" 9>&-)
}

drop_turn() {
  local other
  { IFS= read -r other <"$RUN/.turn"; } 2>/dev/null || return 0
  [ "$other" != "$SAFE" ] || rm -f "$RUN/.turn"
}

# is_at_work SAFE: the run of another guest. One that has died is not, and books that are gone have no run.
is_at_work() {
  [ -e "\${BOOK%/*}/$1/lock" ] && ! is_forsaken "$1"
}

# other_is_away: sets BUSY. A run has its guest away, be it down or frozen: what that leaves of the hypervisor's memory it needs to come back.
other_is_away() {
  local beat safe
  for beat in "$RUN"/*/beat; do
    [ -e "$beat" ] || continue
    safe=\${beat%/beat}
    safe=\${safe##*/}
    [ "$safe" != "$SAFE" ] && is_at_work "$safe" || continue
    BUSY="a run of $safe has its guest away"
    return 0
  done
  return 1
}

# await_xl: xl has one lock for the host, around whatever builds a guest (acquire_lock in tools/xl/xl_utils.c): a migration to this host
# has it as long as it takes. A guest that is taken down meanwhile could not be brought up before that is over.
verb_await_xl() {
  await_others xl_is_locked
}

# xl_is_locked: sets BUSY. A lock of POSIX (fcntl), which only the kernel's list shows.
xl_is_locked() {
  local file line device inode kind access holder
  file=$ROOT/var/lock/xl
  while IFS= read -r line; do
    case $line in lockfile*=*\\"*\\"*) ;; *) continue ;; esac
    file=\${line#*\\"}
    file=$ROOT\${file%%\\"*}
  done 2>/dev/null <"$ROOT/etc/xen/xl.conf"
  [ -e "$file" ] && [ -r "$ROOT/proc/locks" ] || return 1
  read -r device inode <<LINE
$(stat -L -c '%d %i' -- "$file" 2>/dev/null 9>&-)
LINE
  [ -n "\${inode:-}" ] || return 1
  device_number "$device"
  # as the kernel has it: in hexadecimal, and the inode as it is
  device=$(printf '%02x:%02x:%s' "\${DEVNO%:*}" "\${DEVNO#*:}" "$inode")
  while read -r _ kind _ access holder file _; do
    [ "$kind $access $file" = "POSIX WRITE $device" ] || continue
    BUSY="xl is building or receiving another guest (process $holder)"
    return 0
  done <"$ROOT/proc/locks"
  return 1
}

# What is done to a disk in stretches of about a second each: so a bandwidth is kept to, and a request to stop heard.

readonly MIB=1048576

# next_stretch CENTIS MOST LIMIT: sets MIBS, how long the next one is, by how long the last one of as many took: never more than
# four times as much, nor than MOST, nor than LIMIT bytes a second (0: none) let through in one
next_stretch() {
  local took
  took=$1
  [ "$took" -ge 25 ] || took=25
  MIBS=$((MIBS * 100 / took))
  [ "$MIBS" -le "$2" ] || MIBS=$2
  [ "$3" -eq 0 ] || [ $((MIBS * MIB)) -le "$3" ] || MIBS=$(($3 / MIB))
  [ "$MIBS" -ge 1 ] || MIBS=1
}

# keep_to LIMIT BYTES BEGAN WHAT: waits, by UPTIME, until so many bytes since then are no more than LIMIT a second (0: none)
keep_to() {
  local ahead
  [ "$1" -gt 0 ] || return 0
  while ahead=$(($2 * 100 / $1 - (UPTIME - $3))) && [ "$ahead" -gt 0 ]; do
    may_stop "$4"
    [ "$ahead" -le 100 ] || ahead=100
    seconds "$ahead"
    sleep "$SECONDS_TEXT"
    uptime_now
  done
}

# may_stop WHAT: between two stretches
may_stop() {
  [ "$SWITCHING" -ne 0 ] || heed_stop "in the $1 of $ID"
}

# Stretches of zeroes, in MiB: a device that makes them by itself may have long ones, and what each command costs must not be what counts
readonly LONGEST_ZEROING=1048576
readonly LEAST_ZEROING=256

# zero DEVICE FROM BYTES COMMAND…: COMMAND zeroes, with --offset, --length and DEVICE behind it
verb_zero() {
  local device from bytes at count began since next
  device=$1 from=$2 bytes=$3 at=0 MIBS=$LEAST_ZEROING
  shift 3
  uptime_now
  began=$UPTIME next=$UPTIME
  while [ "$at" -lt "$bytes" ]; do
    may_stop zeroing
    since=$UPTIME count=$((MIBS * MIB))
    [ "$count" -le $((bytes - at)) ] || count=$((bytes - at))
    run_command "$@" --offset "$((from + at))" --length "$count" "$device" || return
    at=$((at + count))
    uptime_now
    next_stretch $((UPTIME - since)) "$LONGEST_ZEROING" 0
    [ "$MIBS" -ge "$LEAST_ZEROING" ] || MIBS=$LEAST_ZEROING
    [ "$UPTIME" -ge "$next" ] || [ "$at" -ge "$bytes" ] || continue
    next=$((UPTIME + 100))
    tell_mirrored "$began" 0 "$at" "$bytes"
  done
}

# Commands as they stand, directories, volumes.

verb_plain() { # -- COMMAND…
  shift
  run_command "$@"
}

# try: what is worth having, and no reason to end the run where it fails
verb_try() { # -- COMMAND…
  shift
  run_command "$@" || journal note message "$1 \${2:-} ended with $?: it is gone on without"
}

# ours PATH: under converge's own run directory, and no link on the way there
ours() {
  local rest path
  path=$RUN rest=\${1#"$RUN"/}
  says "$1 is not a path of converge's own under $RUN"
  case $1 in
    */../* | */.. | */./* | */. | *//* | */) return 1 ;;
    "$RUN"/*) ;;
    *) return 1 ;;
  esac
  while :; do
    [ ! -L "$path" ] || return 1
    case $rest in */*) ;; *) return 0 ;; esac
    path=$path/\${rest%%/*} rest=\${rest#*/}
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
  [ -d "\${link%/*}" ] || mkdir -p -- "\${link%/*}"
  # what is needed to find the loop again if this ends between the two
  # of a pass before
  rm -f "$HERE/loops/$STEP.identity"
  printf '%s\\n' "$link" >"$HERE/loops/$STEP.link" &&
    printf '%s' "$file" >"$HERE/loops/$STEP.file" &&
    loops_over "$file" >"$HERE/loops/$STEP.before" || {
    says "cannot write into $HERE/loops"
    return 1
  }
  # what was made again at a boot has no link, and is the one that the mapping lies on
  if [ -n "$under" ] && loop_below "$under" "$file"; then
    loop_identity "$DEVICE"
    printf '%s\\n' "$IDENTITY" >"$HERE/loops/$STEP.identity"
    link_loop "$DEVICE" "$link"
    return
  fi
  # the next one that is attached may get the number of one that goes here
  [ -z "$under" ] || { clear_stale "$under" "$file" && loops_over "$file" >"$HERE/loops/$STEP.before"; } || return
  run_answer "$@" || return
  device=$SAID
  loop_identity "$device"
  printf '%s\\n' "$IDENTITY" >"$HERE/loops/$STEP.identity"
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
    content_of "\${record%.link}.file" && file=$CONTENT
    rm -f -- "$link.new"
    if [ -L "$link" ] && ! losetup "$(readlink -- "$link")" >/dev/null 2>&1 9>&-; then
      rm -f -- "$link"
    fi
    [ ! -L "$link" ] && [ -d "\${link%/*}" ] || continue
    for device in $(loops_over "$file"); do
      grep -qxF -- "$device" "\${record%.link}.before" && continue
      backend_uses "$device" && continue
      loop_identity "$device"
      printf '%s\\n' "$IDENTITY" >"\${record%.link}.identity"
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
  if [ -n "\${2:-}" ]; then
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
    read -r RECORDED <"\${record%.link}.identity" || :
  done 2>/dev/null
}

# forget_loop LINK: a loop over that file is no concern of this run any more
forget_loop() {
  local record link
  for record in "$HERE"/loops/*.link; do
    [ -e "$record" ] && IFS= read -r link <"$record" && [ "$link" = "$1" ] && rm -f -- "$record" "\${record%.link}.identity"
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

# Blocks copied beforehand, beside an array that notes in a bitmap what is written meanwhile.

# forget_bitmap NAME: with its array it is worth nothing any more, and neither is a copy beside it
forget_bitmap() {
  bitmap_file "$1"
  rm -f -- "$BITMAP" "$BOOK/\${1##*/}.copied"
}

# drop_bitmap NAME: the array goes on without it
drop_bitmap() {
  local where
  where=none
  array_of "$1" || return
  [ ! -r "$MD/bitmap/location" ] || read -r where <"$MD/bitmap/location"
  [ "$where" != file ] || set_md bitmap/location none || return
  forget_bitmap "$1"
}

# build_tracked NAME -- mdadm --build … --bitmap=FILE …
verb_build_tracked() {
  local name tries
  name=$1
  array_of "$name"
  case $? in
    0)
      device_unused "$name" || {
        says "/dev/$name is in use, and was not built with a bitmap"
        return 1
      }
      stop_array "$name" || return
      ;;
    1) ;;
    *) return 1 ;;
  esac
  # mdadm takes up a file that is there, with what it says of another time
  forget_bitmap "$name"
  shift 2
  run_command "$@" && await_node "$name" || return
  has_bitmap "$name" || {
    says "/dev/$name was built without its bitmap"
    return 1
  }
  # a bit is cleared at the second look of md's after its last write, and one a second is enough of them
  set_md bitmap/time_base 1 || return
  # mdadm begins with all of them set; once all are clear, those that are set are the guest's
  tries=120
  until dirty_chunks "$name" && [ "$DIRTY" -eq 0 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the bitmap of /dev/$name does not become clear: \${DIRTY:-unknown} of its chunks are dirty"
      return 1
    }
    sleep 0.5
  done
}

# dirty_chunks NAME: sets DIRTY
dirty_chunks() {
  bitmap_file "$1"
  DIRTY=$(mdadm --examine-bitmap "$BITMAP" 2>>"$OUT" </dev/null 9>&- | sed -n 's/^ *Bitmap : [0-9]* bits (chunks), \\([0-9]*\\) dirty.*/\\1/p')
  [ -n "$DIRTY" ] && return 0
  says "mdadm does not say what is dirty in $BITMAP"
  return 1
}

# ---- the copy

# copy_identity NAME DEVICE BYTES: sets IDENTITY_OF_COPY, what has to be as it was for a copy to be gone on with. A domain has
# its disks for all of its life, so that one and the same has not been started around the array. 1: there is nothing to tell by.
copy_identity() {
  local uuid inode
  IDENTITY_OF_COPY=
  case $WATCHED_DOMID in '' | -) return 1 ;; esac
  bitmap_file "$1"
  inode=$(stat -c %i -- "$BITMAP" 2>/dev/null) && node_number "$2" && [ -r "$ROOT/sys/dev/block/$NODE/dm/uuid" ] &&
    read -r uuid <"$ROOT/sys/dev/block/$NODE/dm/uuid" && [ -n "$uuid" ] || return 1
  IDENTITY_OF_COPY="$(boot_id) \${DEVICE_NODE##*/} $inode $uuid $3 $WATCHED_DOMID"
}

# copied_before NAME DEVICE BYTES: sets COPIED, how far an earlier run has come, where it can be gone on from there
copied_before() {
  local offset identity
  COPIED=0
  copy_identity "$1" "$2" "$3" || return 0
  [ -e "$BOOK/\${1##*/}.copied" ] && read -r offset identity <"$BOOK/\${1##*/}.copied" && [ "$identity" = "$IDENTITY_OF_COPY" ] || return 0
  case $offset in '' | *[!0-9]*) return 0 ;; esac
  [ "$offset" -le "$3" ] || return 0
  COPIED=$offset
}

# preseed NAME FROM TO BYTES RATE IMAGE -- COMMAND…: RATE in bytes a second, 0: none. COMMAND copies, with skip, seek and
# count behind it, in stretches of about a second.
verb_preseed() {
  local name from to bytes limit image at base count began since next
  name=$1 from=$2 to=$3 bytes=$4 limit=$5 image=$6
  shift 7
  tracked_alone "$name" "$from" || return
  keep_watched "$name" "$image" "$from" "$ROOT/dev/$name" && nobody_around || return
  copied_before "$name" "$to" "$bytes"
  at=$COPIED base=$COPIED MIBS=1
  [ "$at" -eq 0 ] || journal note message "the copy goes on behind $(mib "$at"), where an earlier run had come to"
  uptime_now
  began=$UPTIME next=$UPTIME
  while [ "$at" -lt "$bytes" ]; do
    may_stop copy
    since=$UPTIME count=$MIBS
    # whole MiBs, so that a stretch begins where one has ended
    run_command "$@" "skip=$((at / MIB))" "seek=$((at / MIB))" "count=$count" || {
      copy_failed "$at"
      return 1
    }
    at=$((at + count * MIB))
    [ "$at" -le "$bytes" ] || at=$bytes
    uptime_now
    next_stretch $((UPTIME - since)) 256 "$limit"
    keep_to "$limit" $((at - base)) "$began" copy
    if [ "$UPTIME" -ge "$next" ] || [ "$at" -ge "$bytes" ]; then
      next=$((UPTIME + 100))
      tracked_alone "$name" "$from" && nobody_around || return
      tell_mirrored "$began" "$base" "$at" "$bytes"
      ! copy_identity "$name" "$to" "$bytes" || write_kept "$BOOK/\${name##*/}.copied" "$at $IDENTITY_OF_COPY" || {
        says "cannot write to $BOOK how far the copy has come"
        return 1
      }
    fi
  done
  [ "$base" -ge "$bytes" ] || mirrored "$began" "$base" "$at"
}

# copy_failed BYTES: whose fault it was, by what dd says
copy_failed() {
  local said
  said=$SAYS
  case $(tail -n 3 "$OUT") in
    *'error reading'*) said='the image gives errors' ;;
    *'error writing'* | *'fsync failed'*) said='the volume gives errors' ;;
  esac
  says "the copy could not go on behind $(mib "$1"): $said"
}

# tracked_alone NAME FROM: the array lies on FROM, and notes what it alone gets
tracked_alone() {
  array_of "$1" || return 1
  is_in_sync "$2" || {
    says "the image gives errors (md says: \${MEMBER:-no member})"
    return 1
  }
  members
  [ "$MEMBERS" -eq 1 ] && has_bitmap "$1" && return 0
  says "/dev/$1 has no bitmap any more, or another member: what is written meanwhile is not noted"
  return 1
}

# ---- what changed meanwhile

# readd_member NAME DEVICE BYTES CHUNK -- mdadm … --re-add DEVICE
verb_readd_member() {
  local name device bytes chunk changed
  name=$1 device=$2 bytes=$3 chunk=$4
  shift 5
  array_of "$name" && member_state "$device" || return
  # left over from a run that died: it may have failed, and the bitmap knows of what it missed
  [ -z "$MEMBER" ] || take_out_held "$name" "$device" || return
  has_bitmap "$name" || {
    says "/dev/$name has no bitmap any more: what was written meanwhile is not known"
    return 1
  }
  dirty_chunks "$name" || return
  changed=$((DIRTY * chunk))
  [ "$changed" -le "$bytes" ] || changed=$bytes
  journal delta id "$ID" 'bytes#' "$changed" 'of#' "$bytes"
  run_command "$@"
}

# await_changes NAME FROM TO BYTES HELD IMAGE
verb_await_changes() {
  since_when "$1"
  CHANGES_DEVICE=$3
  # 0 where the kernel does not say: nothing but what is shown depends on it
  sectors_written "$CHANGES_DEVICE"
  CHANGES_BASE=$WRITTEN
  await_held "$@" tell_changes
}

# tell_changes SECTORS BYTES: how far along the disk md is; most of it is passed over
tell_changes() {
  local rate left percent
  sectors_written "$CHANGES_DEVICE"
  rate=0 left=0 percent=$(($1 * 51200 / $2))
  if [ "$UPTIME" -gt "$MIRROR_BEGAN" ]; then
    rate=$(((WRITTEN - CHANGES_BASE) * 51200 / (UPTIME - MIRROR_BEGAN)))
    [ "$percent" -le 0 ] || left=$(((UPTIME - MIRROR_BEGAN) * (100 - percent) / percent / 100))
  fi
  journal progress id "$ID" 'bytes#' $(((WRITTEN - CHANGES_BASE) * 512)) 'percent#' "$percent" 'rate#' "$rate" 'left#' "$left"
}

# complete_changes NAME FROM TO BYTES: nothing of it is throttled, since from its first MiB on time is short
verb_complete_changes() {
  BOTH_FROM=$2 BOTH_TO=$3 IDLE_LOOKS=0
  array_of "$1" && set_md sync_speed_max system && set_md sync_max max && await_last 0 both_members is_in_sync "$3"
}

# ---- the trial

# Chunks of the trial's files: spoilt where nobody writes, written to before the second file is a member, and while it is held back
readonly SPOILT=40
readonly WRITTEN_ALONE='5 33 63'
readonly WRITTEN_BOTH=20

# try_bitmap NAME: the array for it
verb_try_bitmap() {
  local status said
  verb_end_trial "$1" || return
  trial "$1" "$HERE/trial"
  status=$? said=$SAYS
  verb_end_trial "$1" || return
  says "$said"
  return "$status"
}

trial() { # NAME DIRECTORY
  local name first second chunk tries
  name=$1
  mkdir -- "$2" && trial_files "$2" || {
    says "cannot write the files of the trial to $2"
    return 1
  }
  first=$(losetup --find --show "$2/first" 2>>"$OUT" </dev/null 9>&-) && second=$(losetup --find --show "$2/second" 2>>"$OUT" </dev/null 9>&-) || {
    says 'cannot attach the files of the trial'
    return 1
  }
  run_command mdadm --build "/dev/$name" --level=1 --raid-devices=2 --assume-clean "--bitmap=$2/bitmap" --bitmap-chunk=64K "$first" missing &&
    await_node "$name" || {
    says "no array with a bitmap in a file can be built here: $SAYS"
    return 1
  }
  for chunk in $WRITTEN_ALONE; do trial_write "$2" "$ROOT/dev/$name" "$chunk" || return; done
  set_md sync_max 0 && run_command mdadm "/dev/$name" --re-add "$second" || {
    says "the second file of the trial is not taken in: $SAYS"
    return 1
  }
  tries=100
  until array_of "$name" && member_state "$second" && [ -n "$SLOT" ] && [ "$SLOT" != none ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says 'the second file of the trial is not taken in'
      return 1
    }
    sleep 0.1
  done
  is_in_sync "$second" && {
    says 'md takes the second file of the trial for equal before anything was copied'
    return 1
  }
  trial_write "$2" "$ROOT/dev/$name" "$WRITTEN_BOTH" && set_md sync_max max || return
  tries=300
  until is_in_sync "$second"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      says "the trial's array is not in sync after half a minute (md says: \${MEMBER:-no member})"
      return 1
    }
    sleep 0.1
  done
  stop_array "$name" && run_command losetup --detach "$first" && run_command losetup --detach "$second" || return
  # shown to be equal byte for byte, the spoilt chunk included
  cmp -s "$2/second" "$2/expected" && return 0
  if cmp -s "$2/second" "$2/first"; then
    says 'md copies more than its bitmap names here: a trial found a chunk copied that nobody had written to'
  else
    says 'md leaves out what was written here: in a trial a stale block survived'
  fi
  return 1
}

# trial_files DIRECTORY: first and second are equal but for the spoilt chunk; expected is what second has to become
trial_files() {
  dd if=/dev/urandom of="$1/first" bs=64K count=64 status=none 2>>"$OUT" 9>&- && cp -- "$1/first" "$1/second" &&
    dd if=/dev/urandom of="$1/second" bs=64K count=1 seek="$SPOILT" conv=notrunc status=none 2>>"$OUT" 9>&- &&
    cp -- "$1/second" "$1/expected"
}

# trial_write DIRECTORY DEVICE CHUNK: 4 KiB in the middle of it
trial_write() {
  dd if=/dev/urandom of="$1/piece" bs=4K count=1 status=none 2>>"$OUT" 9>&- &&
    dd if="$1/piece" of="$1/expected" bs=4K seek=$(($3 * 16 + 3)) conv=notrunc status=none 2>>"$OUT" 9>&- &&
    run_command dd "if=$1/piece" "of=$2" bs=4K "seek=$(($3 * 16 + 3))" oflag=direct conv=notrunc,fsync status=none
}

# end_trial NAME: whatever is there of one
verb_end_trial() {
  local file device
  array_of "$1"
  case $? in
    0) stop_array "$1" || return ;;
    1) ;;
    *) return 1 ;;
  esac
  for file in first second; do
    [ -e "$HERE/trial/$file" ] || continue
    for device in $(loops_over "$HERE/trial/$file"); do run_command losetup --detach "$device" || return; done
  done
  rm -rf -- "$HERE/trial"
}

# Mirrors that QEMU makes of a disk that it serves: a block job copies it while the guest runs, and then the guest is on
# the copy.

# serving NAME: sets DOMID; fails where the guest is not there
serving() {
  domid_of "$1"
  case $? in
    0) return 0 ;;
    1) says "$1 is not there any more, and with it went the QEMU that served its disks" ;;
  esac
  return 1
}

verb_open_node() { # NAME JOB NODE COMMAND: whatever an earlier try has left is taken away first
  serving "$1" && qmp drop "$DOMID" 60 "$2" "$3" && qmp run "$DOMID" 60 "$4" || return 1
  begins "$2"
}

verb_qmp() { # NAME COMMAND
  serving "$1" && qmp run "$DOMID" 60 "$2" || return 1
}

verb_await_job() { # NAME JOB
  local status done_bytes total error base began next
  serving "$1" || return
  since_when "$2"
  began=$MIRROR_BEGAN base=$MIRROR_BASE next=$UPTIME
  while :; do
    qmp job "$DOMID" 60 "$2" || return 1
    read -r status done_bytes total error <<LINE
$ANSWER
LINE
    [ -n "$base" ] || base=$done_bytes
    uptime_now
    if [ "$UPTIME" -ge "$next" ] || [ "$status" != running ]; then
      next=$((UPTIME + 100))
      [ "$total" -eq 0 ] || tell_mirrored "$began" "$base" "$done_bytes" "$total"
    fi
    case $status in
      ready | pending) break ;;
      concluded | aborting | null)
        says "QEMU gave the mirror up: \${error:-nobody knows why}; $1 runs on, on its image"
        return 1
        ;;
    esac
    [ "$SWITCHING" -ne 0 ] || heed_stop "in the mirror of $ID"
    sleep 0.5
  done
  mirrored "$began" "$base" "$done_bytes"
}

verb_complete_job() { # NAME JOB
  serving "$1" && qmp complete "$DOMID" 60 "$2" || return 1
}

# is_pending JOB: of the guest that was paused here. QEMU keeps everything from the disk, and image and volume are equal.
is_pending() {
  held_here && qmp job "$HELD_DOMID" 60 "$1" || return 1
  case $ANSWER in 'pending '*) return 0 ;; esac
  says "the job $1 is not at rest: $ANSWER"
  return 1
}

# pivot NAME CONFIG [VDEV DEVICE JOB OLD BACKEND FORMAT EDITS]…: the draft of the config lies ready. One process does it all: from
# the moment in which the jobs hold back what the guest writes, every process that is started here would make the guest wait
# for longer. The mark that it leaves is what tells whether the commit was begun, and not how it ended.
verb_pivot() {
  local name config
  name=$1
  config=$(readlink -e -- "$2") || {
    says "$2 is not there"
    return 1
  }
  serving "$name" || return
  stored_of "$DOMID"
  draft_of_name "$config"
  shift 2
  qmp pivot "$DOMID" 120 "$DRAFT" "$config" "$STORED" "$HERE/committing" "$HERE/pivot" "$HERE/config.before" "$@" || return 1
  read_fact committing
  write_kept "$HERE/committed" "$CONTENT"
  journal_kept commit domain "$name"
  journal note message "$name waited $ANSWER ms for its disks while they were switched"
  # a guest that is paused waits for more than that, and it is counted when it runs on
  held_here || waited_for_disks "$name" "$ANSWER" $(($# / 7))
}

# waited_for_disks NAME MS DISKS: a downtime as a pause is, though a short one: rounded up, so that it is never none
waited_for_disks() {
  local centis
  case $2 in '' | *[!0-9]*) return 0 ;; esac
  centis=$((($2 + 9) / 10))
  HELD_CENTIS=$((HELD_CENTIS + centis))
  exchanged "$centis" "$3"
  seconds $((DOWNTIME + HELD_CENTIS))
  journal_kept ready domain "$1" 'downtime#' "$SECONDS_TEXT"
}

# unpivot NAME CONFIG SHA_AFTER [VDEV DEVICE OLD BACKEND FORMAT]…: nothing where the commit was begun. A guest that was
# started on its volumes meanwhile has written there, and only there. So may one that is down have: where the config names
# the volumes they lacked nothing when it was renamed, and as long as the jobs held the guest's writes back.
verb_unpivot() {
  local name config after status
  name=$1 config=$2 after=$3
  shift 3
  draft_of "$config"
  ! committing || return 0
  domid_of "$name"
  status=$?
  if [ "$status" -eq 1 ] && ! [ -e "$HERE/on-image" ] && hash_of "$config" && [ "$HASH" = "$after" ]; then
    await_reboot "$name"
    status=$?
    if [ "$status" -eq 1 ]; then
      # whoever took it down may bring it up again; what Dom0's reboot took down is started
      rebooted || note_gone
      no_way_back "$name is down, and may have been on its volumes since, which lack nothing: it stays there, and so does $config"
      return
    fi
  fi
  case $status in
    0)
      if uses_any "$DOMID" "$@"; then
        no_way_back "$name was started on its volumes meanwhile, and stays there"
        return
      fi
      stored_of "$DOMID"
      [ ! -e "$STORED" ] || qmp restore "$STORED" "$@" || return 1
      ;;
    1) ;;
    *) return 1 ;;
  esac
  verb_restore_config "$config" "$after"
}

# uses_any DOMID [VDEV DEVICE OLD BACKEND FORMAT]…: blkback has one of the devices for it
uses_any() {
  local domid list type device
  domid=$1
  list=$(backends_of "$domid")
  shift
  while [ $# -ge 5 ]; do
    while read -r type device; do
      [ "$type" = vbd ] && [ "$(same_file "$(backend_value "$domid" vbd "$device" params)" "$2")" = same ] && return 0
    done <<LIST
$list
LIST
    shift 5
  done
  return 1
}

# drop_job NAME JOB NODE: the undo of a mirror. The guest is on its image alone; once the commit was begun, on its volume, unless
# QEMU says that the job has failed: both configs name that disk's image again then.
verb_drop_job() {
  local status
  domid_of "$1"
  case $? in
    0) ;;
    1)
      ! committing || names_what_stayed
      return
      ;;
    *) return 1 ;;
  esac
  if committing; then
    qmp settle "$DOMID" 60 "$2" "$3" "$HERE/pivot"
    status=$?
    [ "$status" -ne 0 ] || [ -z "$ANSWER" ] || journal note message "$ANSWER"
  else
    # from here on the image alone gets what it writes (see unpivot)
    mark_kept "$HERE/on-image"
    qmp drop "$DOMID" 60 "$2" "$3"
    status=$?
  fi
  # without QEMU there is no job
  case $status in 0 | 3) ;; *) return 1 ;; esac
}

# names_what_stayed: of a guest that is down, whose QEMU had said that a disk did not go over, and whose config could not be made to
# name its image then: its volume lacks what was written since
names_what_stayed() {
  [ -e "$HERE/pivot" ] || return 0
  qmp stayed "$HERE/pivot" || return 1
  [ -z "$ANSWER" ] || journal note message "$ANSWER"
}

verb_close_node() { # NAME COMMAND
  domid_of "$1"
  case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
  qmp run "$DOMID" 60 "$2"
  case $? in 0 | 3) ;; *) return 1 ;; esac
}

# The rehearsal: a clone of the guest, under a name and a UUID of its own, that boots from snapshots of the copies and is
# thrown away. No verb here knows the guest's name: the guest itself can not be meant.

# guard_memory BYTES: what the hypervisor has free, without taking any of Dom0's, or of what another run's guest needs to come back.
# Whoever goes away after this look leaves free what was not counted in it.
verb_guard_memory() {
  while :; do
    await_others other_is_away && guard_free "$1" || return
    other_is_away || return 0
  done
}

guard_free() {
  local free
  free=$(xl info 2>/dev/null 9>&- | sed -n 's/^free_memory[[:space:]]*:[[:space:]]*//p')
  case $free in
    '' | *[!0-9]*)
      says 'xl info does not say how much memory is free'
      return 1
      ;;
  esac
  [ "$free" -ge $((($1 + 1048575) / 1048576)) ] || {
    says "the hypervisor has $free MiB free, and the clone takes $(mib "$1")"
    return 1
  }
}

# is_clone UUID: the domain DOMID is the clone, and not somebody's guest of that name
is_clone() {
  [ "$(xenstore-read "/local/domain/$DOMID/vm" 2>/dev/null 9>&-)" = "/vm/$1" ]
}

verb_create_clone() { # NAME UUID -- COMMAND…
  # one that an earlier run left, if any
  verb_end_clone "$1" "$2" -- xl destroy -- "$1" || return
  shift 3
  create_scoped "$@"
}

# end_clone: whatever it is doing. Nothing that it wrote is worth anything.
verb_end_clone() { # NAME UUID -- COMMAND…
  local domid
  forget_saved "$1" "$2" || return
  domid_of "$1"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  is_clone "$2" || {
    says "there is a guest $1, and it is not the clone: it is left alone"
    return 1
  }
  shift 3
  domid_state "$domid"
  case $?$STATE in
    0*d* | 1*) ;;
    # it may be going at this very moment: what counts is that it is gone
    0*) run_command "$@" || : ;;
    *) return 1 ;;
  esac
  await_gone "$domid" 60 || {
    says "the clone was destroyed and is still not gone: $SAYS"
    return 1
  }
}

# forget_saved NAME UUID: xendomains saves whatever runs when Dom0 is rebooted, and would bring it back
forget_saved() {
  # the guest's own may be in another directory
  local SAVED
  find_saved "$1" || return 0
  # the config that lies at its head has the UUID
  head -c 1048576 "$SAVED/$1" | grep -qF -e "$2" || return 0
  rm -f -- "$SAVED/$1" && kept "$SAVED"
}

# await_clone NAME UUID SECONDS STEADY TEXT VG/SNAPSHOT… -- COMMAND…
verb_await_clone() {
  local name uuid limit steady text snapshots status
  name=$1 uuid=$2 text=$5
  hundredths "$3"
  limit=$CENTIS
  hundredths "$4"
  steady=$CENTIS
  shift 5
  snapshots=
  while [ "$1" != -- ]; do
    snapshots="$snapshots $1"
    shift
  done
  shift
  domid_of "$name" && is_clone "$uuid" || {
    says "the clone $name is not there"
    return 1
  }
  CONSOLE=$HERE/out/rehearsal.console
  rm -f -- "$CONSOLE" "$CONSOLE.old" "$CONSOLE.part" "$CONSOLE.open"
  printf '' >"$CONSOLE" || return
  { read_console "$DOMID"; } </dev/null >/dev/null 2>&1 9>&- &
  CONSOLE_READER=$!
  # what it says first is not to be missed: one that dies at once takes its console along
  await_reader open
  run_command "$@" && clone_stays_up "$DOMID" "$limit" "$steady" "$text" "$snapshots"
  status=$?
  set -- "$SAYS"
  # the last words of one that has died are still to be read
  [ "$status" -eq 0 ] || await_reader end
  kill "$CONSOLE_READER" 2>/dev/null
  rm -f -- "$CONSOLE.open"
  if [ "$status" -ne 0 ]; then
    console_tail
    says "the clone did not come up: $1; the guest was not touched"
    return 1
  fi
}

# await_reader open|end: until it reads the console, or has come to its end; for a few seconds at most
await_reader() {
  local tries
  tries=50
  while [ "$tries" -gt 0 ] && kill -0 "$CONSOLE_READER" 2>/dev/null; do
    [ "$1" != open ] || [ ! -e "$CONSOLE.open" ] || return 0
    tries=$((tries - 1))
    sleep 0.1
  done
}

# clone_stays_up DOMID LIMIT STEADY TEXT SNAPSHOTS: times in hundredths
clone_stays_up() {
  local began up_at seen
  uptime_now
  began=$UPTIME up_at=''
  while :; do
    # seldom: it needs the processor for its start, and xl takes much of it
    sleep 1
    if stop_asked; then
      kill "$CONSOLE_READER" 2>/dev/null
      heed_stop 'in the rehearsal'
    fi
    seen=1
    domid_state "$1"
    case $?$STATE in
      0*c*) says 'it has crashed' && return 1 ;;
      0*[sd]*) says 'it went down, or rebooted, by itself' && return 1 ;;
      1*) says 'it crashed, or went down or rebooted by itself' && return 1 ;;
      0*) ;;
      # xl can not tell just now: it is asked again, for as long as there is time
      *) seen=0 LACKS=$SAYS ;;
    esac
    snapshots_hold $5 || return 1
    uptime_now
    if [ -n "$up_at" ]; then
      [ "$seen" -eq 0 ] || [ $((UPTIME - up_at)) -lt "$3" ] || break
      [ "$seen" -eq 1 ] || [ $((UPTIME - up_at)) -lt $(($3 + 6000)) ] || {
        says "nobody can say whether it is still up: $LACKS"
        return 1
      }
    elif clone_connected "$1" && clone_lives "$1" "$4"; then
      up_at=$UPTIME
    elif [ $((UPTIME - began)) -ge "$2" ]; then
      seconds "$2"
      says "not up within \${SECONDS_TEXT%.00} s: $LACKS"
      return 1
    fi
  done
  REHEARSED=$((UPTIME - began))
  seconds $((up_at - began))
  journal rehearsed domain "$DOMAIN" 'seconds#' "$SECONDS_TEXT" by "$LIVES"
}

# clone_connected DOMID: every disk of it that has something behind it
clone_connected() {
  local type device any
  any=0
  LACKS='it has no disks yet'
  while read -r type device; do
    [ -n "$device" ] && [ -n "$(backend_value "$1" "$type" "$device" params)" ] || continue
    any=1
    [ "$(backend_value "$1" "$type" "$device" state)" = 4 ] || {
      LACKS="its disk $(backend_value "$1" "$type" "$device" dev) is not connected"
      return 1
    }
  done <<LIST
$(backends_of "$1")
LIST
  [ "$any" -eq 1 ]
}

# clone_lives DOMID TEXT: TEXT has been on its console; or, empty, it has written to a disk. Sets LIVES
clone_lives() {
  local counter count
  if [ -n "$2" ]; then
    LIVES="'$2' on its console" LACKS="'$2' was not on its console"
    cat "$CONSOLE.old" "$CONSOLE" 2>/dev/null | grep -qF -e "$2"
    return
  fi
  LIVES='it wrote to its disk'
  LACKS='it has written to no disk (a text to look for on its console can be given instead: rehearse: { console: … })'
  for counter in "$BACKENDS"/vbd-"$1"-*/statistics/wr_sect; do
    [ -r "$counter" ] && read -r count <"$counter" || continue
    [ "$count" = 0 ] || return 0
  done
  return 1
}

snapshots_hold() { # VG/SNAPSHOT…
  local snapshot
  for snapshot in "$@"; do
    ask_volume "$snapshot" lv_attr,origin,data_percent,lv_tags || {
      says "$snapshot can not be looked at: $SAYS"
      return 1
    }
    snapshot_valid || {
      says "the clone wrote more than $snapshot has room for: give it more by snapshot.size"
      return 1
    }
  done
}

# ---- its console

# a file of it is put aside when it is longer: twice this much of the newest is kept, whatever a guest prints
readonly CONSOLE_BYTES=65536

# read_console DOMID: what its xenconsoled or QEMU has for it, to CONSOLE. Runs beside the program: a session's leader would
# get the terminal for its own, and be hung up with it.
read_console() {
  local tty tries
  tty='' tries=100
  while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    for tty in serial/0/tty console/tty; do
      tty=$(xenstore-read "/local/domain/$1/$tty" 2>/dev/null)
      [ -z "$tty" ] || break 2
    done
    sleep 0.1
  done
  case \${tty#"$ROOT"/dev/pts/} in '' | *[!0-9]*) return 0 ;; esac
  exec <"$tty"
  printf '' >"$CONSOLE.open"
  while dd bs=4096 count=1 2>/dev/null >"$CONSOLE.part" && [ -s "$CONSOLE.part" ]; do
    cat "$CONSOLE.part" >>"$CONSOLE"
    [ "$(wc -c <"$CONSOLE")" -lt "$CONSOLE_BYTES" ] || mv -f -- "$CONSOLE" "$CONSOLE.old"
  done
  rm -f -- "$CONSOLE.part"
}

# console_tail: its last lines, in TAIL, without what may be a secret; of a kernel that panicked those up to the reason, for
# registers and a call trace follow it
console_tail() {
  TAIL=$(cat "$CONSOLE.old" "$CONSOLE" 2>/dev/null | tr '\\r' '\\n' | tr -d '\\000-\\010\\013-\\037\\177' | grep -v '^[[:space:]]*$' |
    awk '
      { line[NR] = substr($0, 1, 200) }
      /Kernel panic - not syncing/ && !panic { panic = NR }
      END { last = panic ? panic : NR; for (i = last > 8 ? last - 7 : 1; i <= last; i++) print line[i] }' |
    sed -e 's/\\([Pp][Aa][Ss][Ss][A-Za-z_]*[^=:]\\{0,20\\}[=:]\\).*/\\1 REDACTED/' \\
      -e 's/\\([Ss][Ee][Cc][Rr][Ee][Tt][A-Za-z_]*[^=:]\\{0,20\\}[=:]\\).*/\\1 REDACTED/' \\
      -e 's/\\([Tt][Oo][Kk][Ee][Nn][A-Za-z_]*[^=:]\\{0,20\\}[=:]\\).*/\\1 REDACTED/')
}

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
  run_command drbdsetup attach "$MINOR" "$1" "$LOOP" flexible "--size=\${2}s" --on-io-error=detach
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
      ! printf '%s\\n' "$reserved" | grep -Eq "(minor[[:space:]]+|/dev/drbd)\${MINOR}[[:space:];]"; then
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
    says "the image gives errors: /dev/$name has lost it (DRBD says: \${DISK:-no disk})"
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
    if ! port_taken "$port" && ! printf '%s\\n' "$reserved" | grep -q ":$port;"; then
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
      says "$RESOURCE and $COPY do not reach each other (DRBD says: \${CONNECTION:-nothing})"
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
      says "the volume gives errors (DRBD says: \${DISK:-no disk})"
      return 1
      ;;
  esac
  minor_state "$MINOR" || return 1
  [ "$DISK" = UpToDate ] || {
    says "the image gives errors (DRBD says: \${DISK:-no disk})"
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
    left=\${BEHIND:-0}
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
# anything: of the requests that are under way when \`drbdsetup suspend-io\` comes, some never end (8.4.11, seen: one in 25 times
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
      says "the volume gives errors (DRBD says: \${DISK:-no disk})"
      return 1
    }
    # an image that failed after the last look is no obstacle any more, for the volume has it all
    holds_all "$MINOR" ||
      journal note message "the image behind /dev/$1 gives errors (DRBD says: \${DISK:-no disk}): the volume holds everything, and takes over"
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

# Snapshots that a copy reads from: taken, and watched so that none fills up unseen.

# take_snapshot VG/ORIGIN -- COMMAND…: LVM suspends the origin in the midst of it, and nobody is told for how long
verb_take_snapshot() {
  local volume began
  volume=$1
  shift 2
  uptime_now
  began=$UPTIME
  run_command "$@" || return
  uptime_now
  seconds $((UPTIME - began))
  journal frozen volume "$volume" 'seconds#' "$SECONDS_TEXT"
}

watch_snapshot_fill() { # VG/SNAPSHOT LIMIT_PERCENT GROW_BYTES
  local fill free more
  ask_volume "$1" lv_attr,origin,data_percent,vg_free || {
    [ $? -ne 1 ] || says "$1 is gone"
    return 1
  }
  snapshot_valid || {
    field 3
    journal watch id "$ID" what "$1" value "\${FIELD:-overflowed}" acted 'the copy is given up'
    says "$1 overflowed"
    return 1
  }
  [ "$WATCH_WHEN" = running ] || return 0
  field 3
  fill=$FIELD
  [ "\${fill:-0}" != 0 ] && [ "\${fill%%.*}" -ge "$2" ] || return 0
  field 4
  free=$FIELD
  # what there is, where that is less
  more=$3
  [ "$free" -ge "$more" ] || more=$free
  if [ "$more" -gt 0 ] && run_extend "$1" "$more"; then
    journal watch id "$ID" what "$1" value "$fill%" acted "grown by $more bytes"
    return 0
  fi
  journal watch id "$ID" what "$1" value "$fill%" acted 'the copy is given up'
  says "$1 is filled to $fill% and \${1%%/*} has no room to grow it"
  return 1
}

watch_pool_fill() { # VG/POOL LIMIT_PERCENT
  local fill number
  ask_volume "$1" lv_attr,data_percent,metadata_percent || {
    [ $? -ne 1 ] || says "$1 is gone"
    return 1
  }
  field 1
  case $FIELD in
    # failed, out of data space, metadata read-only (lvs(8), the ninth letter)
    ????????[FDM]*)
      journal watch id "$ID" what "$1" value "$FIELD" acted 'the copy is given up'
      says "the thin pool $1 is full or has failed"
      return 1
      ;;
  esac
  [ "$WATCH_WHEN" = running ] || return 0
  for number in 2 3; do
    field "$number"
    fill=\${FIELD:-0}
    [ "\${fill%%.*}" -ge "$2" ] || continue
    journal watch id "$ID" what "$1" value "$fill%" acted 'the copy is given up'
    says "the thin pool $1 is filled to $fill%: at 100% every volume in it fails"
    return 1
  done
}

run_extend() {
  lvextend --size "+\${2}b" "$1" </dev/null >"$HERE/out/lvextend.log" 2>&1 9>&- ||
    # as large as a snapshot of its origin can get: it cannot overflow any more
    grep -qi 'maximum COW size' "$HERE/out/lvextend.log"
}

# A guest that is frozen instead of being shut down: its memory goes to a file, and is restored from there just once.

verb_save_guest() { # NAME FILE BEFORE -- COMMAND…
  local name file before domid loops began
  name=$1 file=$2 before=$3
  shift 4
  domid_of "$name"
  case $? in
    0) ;;
    1) return 0 ;;
    *) return 1 ;;
  esac
  domid=$DOMID
  loops_of "$domid"
  loops=$LOOPS
  forget_take_over
  uptime_now
  began=$UPTIME
  write_kept "$HERE/down" "$domid $UPTIME $(boot_id)" || return 1
  DOWN_AT=$UPTIME SWITCH=suspend
  guest_away
  journal_kept down domain "$name"
  # xl lets the guest run on when this fails; where xl is killed, see clear_away
  run_command "$@" || return
  write_kept "$HERE/saved" "$file $before" || return 1
  await_gone "$domid" 60 "$loops" || {
    says "$name is saved, and yet: $SAYS"
    return 1
  }
  uptime_now
  SHUTDOWN_CENTIS=$((UPTIME - began))
}

# thaw NAME CONFIG BEFORE FILE: the undo of save_guest. Its memory knows the disk as it was: it is used once, and only
# before the guest has run again.
verb_thaw() {
  ! given_back || {
    tell_running "$1"
    return 0
  }
  domain_state "$1"
  case $? in
    0)
      case $STATE in
        *[scd]*) clear_away "$DOMID" "$KEPT_SECONDS" || return 1 ;;
        *p*)
          half_built "$DOMID" || return 0
          clear_half_built "$DOMID" || return 1
          ;;
        *)
          tell_running "$1" frozen
          return 0
          ;;
      esac
      ;;
    1) ;;
    *) return 1 ;;
  esac
  thaw_or_start "$1" "\${BRING_BACK_FROM:-$2}"
}

# thaw_or_start NAME CONFIG: one that is down is restored from its memory, if that can be used still, or else started
thaw_or_start() {
  local file before BRINGS_BACK
  BRINGS_BACK=1
  read -r file before 2>/dev/null <"$HERE/saved" || file=''
  if [ -n "$file" ] && ! [ -e "$HERE/thawed" ] && ! [ -e "$HERE/resumed" ] && [ -s "$file" ] && [ -s "$before" ]; then
    spend_memory "$file" || return
    if [ -e "$file" ] && build_scoped xl restore "$before" "$file"; then
      forget_built
      rm -f -- "$file"
      tell_back restored
      return 0
    fi
    journal note message "$1 could not be thawed ($SAYS): it is started anew, as after a power failure"
    domain_state "$1" && case $STATE in
      *[scd]*) await_gone "$DOMID" 60 ;;
      *p*) ! half_built "$DOMID" || clear_half_built "$DOMID" || return ;;
    esac
  fi
  start_in_scope "$1" "$2"
}

# spend_memory FILE: so that it is never used again, whatever becomes of this program. By a rename, which a full disk takes too.
# Where even that can not be written, the memory is given up: it is worth less than a guest that runs.
spend_memory() {
  mv -f "$HERE/saved" "$HERE/thawed" && kept "$HERE" && return 0
  says "cannot write that its memory is used"
  rm -f -- "$1" && kept "\${1%/*}"
}

# forget_take_over: the guest is about to be taken down (once more, perhaps), and what was noted of an earlier time says
# nothing of this one
forget_take_over() {
  rm -f "$HERE/resumed" "$HERE/down" "$HERE/saved" "$HERE/thawed" "$HERE/migrating" "$HERE/built"
  RAN_AT=
}

# given_back: it ran again after the switch, and what became of it since is its owner's business; but for a reboot of
# Dom0, which the run answers for
given_back() {
  [ -e "$HERE/resumed" ] && [ "$(cat "$HERE/resumed")" = "$(boot_id)" ]
}

# resume_guest NAME FILE -- COMMAND…: where it may have run by that, whatever the command says, its memory is spent
verb_resume_guest() {
  local name file
  name=$1 file=$2
  shift 3
  write_kept "$HERE/resumed" "$(boot_id)" || {
    says "cannot write that $name is let run"
    return 1
  }
  let_run "$name" "$@" || return
  [ "$file" = - ] || rm -f -- "$file"
}

# let_run NAME COMMAND…: after \`resumed\` was written. It stays unless it is seen that it has not run: what its memory was before is never used again
let_run() {
  local name status
  name=$1
  shift
  run_command "$@"
  status=$?
  uptime_now
  RAN_AT=$UPTIME
  [ "$status" -ne 0 ] || {
    forget_built
    return 0
  }
  set -- "$SAYS"
  if has_not_run "$name"; then
    rm -f "$HERE/resumed"
    RAN_AT=
  elif [ "$status" -ne "$GIVEN_UP" ] && runs "$name"; then
    forget_built
    journal note message "$1, and had done it: $name runs"
    return 0
  fi
  says "$1"
  return "$status"
}

# The kernel has one throttle for all mirrors of the host: the share of time (in per cent) that it may copy. Runs of
# several guests share it: the first keeps what it was, the last puts it back. A reboot does so by itself.

# what a mirror begins with until it is known how fast it is: a disk in memory does 100 MiB/s with half of the time
readonly FIRST_SHARE=2

# the share that this program has set
THROTTLED=''
THROTTLE=$ROOT/sys/module/dm_mirror/parameters/raid1_resync_throttle

# throttle_held COMMAND…: with the host-wide record held, by a lock of the kernel's own file: one of ours would have to stay for good
throttle_held() {
  mkdir -p "$RUN" && (flock -w 10 8 && "$@") 8<"$THROTTLE" 9>&-
}

# throttle_mirrors PER_CENT
throttle_mirrors() {
  [ -w "$THROTTLE" ] || {
    says 'the kernel has no throttle for mirrors (raid1_resync_throttle of dm_mirror)'
    return 1
  }
  THROTTLED=$1
  throttle_held take_throttle "$1" || {
    says 'cannot set the throttle of mirrors'
    return 1
  }
}

take_throttle() {
  [ -e "$RUN/throttle/before" ] || {
    mkdir -p "$RUN/throttle" && cat "$THROTTLE" >"$RUN/throttle/before.new" &&
      mv -f "$RUN/throttle/before.new" "$RUN/throttle/before" || return 1
  }
  # whole or not there: others read it
  echo "$1" >"$RUN/throttle/new.$SAFE" && mv -f "$RUN/throttle/new.$SAFE" "$RUN/throttle/guest.$SAFE" && give_least
}

# give_least: the kernel gets the least that any of the runs asks for. 1: there is none. One of an older version says nothing of what it
# asks for: for it the kernel keeps what it has.
give_least() {
  local file share least held
  least='' held=1
  for file in "$RUN"/throttle/guest.*; do
    ! is_forsaken "\${file##*/guest.}" || {
      rm -f "$file"
      continue
    }
    [ -e "$file" ] || continue
    share='' held=0
    { read -r share <"$file"; } 2>/dev/null || :
    case $share in '' | *[!0-9]*) continue ;; esac
    [ -n "$least" ] && [ "$least" -le "$share" ] || least=$share
  done
  [ -z "$least" ] || echo "$least" >"$THROTTLE" || return 1
  return "$held"
}

# is_forsaken SAFE: the run of another guest that has died, and asks for nothing any more: what it left is put back by whoever comes for it
is_forsaken() {
  [ "$1" != "$SAFE" ] && [ -e "\${BOOK%/*}/$1/lock" ] && flock -n -s "\${BOOK%/*}/$1/lock" true 2>/dev/null 9>&-
}

# steer_mirrors RATE LIMIT: bytes a second, as measured and as allowed. What another run asks for may hold it below its own share.
steer_mirrors() {
  local share given
  share=$THROTTLED
  if [ "$1" -gt "$2" ]; then
    given=
    { read -r given <"$THROTTLE"; } 2>/dev/null || given=
    case $given in '' | *[!0-9]*) given=$share ;; esac
    [ "$given" -le "$share" ] || given=$share
    share=$((given * $2 / $1))
  elif [ $(($1 * 10)) -lt $(($2 * 9)) ]; then
    share=$((share + share / 2 + 1))
  fi
  [ "$share" -ge 1 ] || share=1
  [ "$share" -le 100 ] || share=100
  [ "$share" -ne "$THROTTLED" ] || return 0
  throttle_mirrors "$share"
}

# release_throttle: nothing, where this guest's run has not taken it
release_throttle() {
  THROTTLED=
  [ -e "$RUN/throttle/guest.$SAFE" ] || return 0
  # the module has gone, and with it what was set
  [ -e "$THROTTLE" ] || {
    rm -rf "$RUN/throttle"
    return 0
  }
  throttle_held give_throttle_back || says 'the throttle of mirrors could not be put back'
}

give_throttle_back() {
  rm -f "$RUN/throttle/guest.$SAFE" "$RUN/throttle/new.$SAFE"
  ! give_least || return 0
  [ ! -s "$RUN/throttle/before" ] || cat "$RUN/throttle/before" >"$THROTTLE" || return 1
  rm -f "$RUN/throttle/before" "$RUN/throttle/before.new" && rmdir "$RUN/throttle"
}

# How a guest went that was asked to shut down: it may have crashed meanwhile, or somebody has destroyed it who was tired of waiting.
# xl looks after each domain that it has created, and writes down what becomes of it (tools/xl/xl_vmcontrol.c, create_domain).

# in words, that it did not shut down; empty: it did, as far as is known
NOT_SHUT_DOWN=
# this program has asked it to, and has seen it go
SEEN_GOING=0

# find_xl_log NAME DOMID: sets XL_LOG, where xl writes of a domain that is up. Empty: nowhere. The xl that looks after it is alive: a log
# may be of a domain that had this number before a boot.
find_xl_log() {
  local log line pid program
  XL_LOG=
  for log in "$ROOT/var/log/xen/xl-$1.log" "$ROOT/var/log/xen/xl-$1--incoming.log"; do
    [ -r "$log" ] || continue
    pid=
    while IFS= read -r line; do
      case $line in *"(domid $2) to die [pid "*) pid=\${line##*\\[pid } pid=\${pid%%\\]*} ;; esac
    done <"$log"
    case $pid in '' | *[!0-9]*) continue ;; esac
    program=
    { read -r program <"$ROOT/proc/$pid/comm"; } 2>/dev/null || continue
    [ "$program" = xl ] || continue
    # which of two it is nobody knows
    [ -z "$XL_LOG" ] || { XL_LOG='' && return; }
    XL_LOG=$log
  done
}
XL_LOG=

# look_how_it_went NAME DOMID: of one that is gone
look_how_it_went() {
  local line how tries
  [ -n "$XL_LOG" ] || return 0
  tries=10
  while :; do
    how=
    while IFS= read -r line; do
      case $line in
        *"(domid $2) to die"*) how=waits ;;
        "Domain $2 has shut down, reason code "*) how=\${line##*reason code } how=\${how%% *} ;;
        "Domain $2 has been destroyed"*) [ "$how" != waits ] || how=destroyed ;;
      esac
    done 2>/dev/null <"$XL_LOG"
    # it may not have come to it yet
    [ "$how" = waits ] && [ "$tries" -gt 0 ] || break
    tries=$((tries - 1))
    sleep 0.1
    uptime_now
  done
  case $how in
    # SHUTDOWN_poweroff and SHUTDOWN_reboot of xen/include/public/sched.h; or the log is gone
    '' | 0 | 1) ;;
    # where the xl that looked after it has not seen it shut down, it was taken away
    destroyed | waits) NOT_SHUT_DOWN="$1 was destroyed by somebody before it had shut down" ;;
    3 | 4) NOT_SHUT_DOWN="$1 has crashed" ;;
    *) NOT_SHUT_DOWN="$1 did not shut down (xl: reason code $how)" ;;
  esac
}

# The wait for a window of time. The host's wall clock is asked anew each time, and nothing is reckoned from the time
# before: so a clock that is set, a host that was suspended, and the ends of summer time need no thought.

# in seconds; and how often one pauses between two looks. A request to stop is seen after each pause.
readonly WAIT_PAUSE=2 WAIT_PAUSES=5

# week_now: sets WEEK, seconds since Monday 00:00 by the host's clock, and CLOCK, the same for people
week_now() {
  local day hour minute second
  read -r day hour minute second CLOCK <<LINE
$(date '+%u %H %M %S %a %H:%M %Z' 2>/dev/null 9>&-)
LINE
  case $day:$hour:$minute:$second in
    [1-7]:[0-2][0-9]:[0-5][0-9]:[0-6][0-9]) ;;
    *)
      says 'date does not say what time it is'
      return 1
      ;;
  esac
  WEEK=$(((day - 1) * 86400 + (1$hour - 100) * 3600 + (1$minute - 100) * 60 + 1$second - 100))
}

# window_opens NEEDED SPANS: sets OPENS, seconds until a window begins that has NEEDED of it; 0: there is so much left of one
window_opens() {
  local span since length
  OPENS=604800
  for span in $2; do
    since=$(((WEEK - \${span%+*} * 60 + 604800) % 604800)) length=$((\${span#*+} * 60))
    if [ "$since" -lt "$length" ] && [ $((length - since)) -ge "$1" ]; then
      OPENS=0
    elif [ $((604800 - since)) -lt "$OPENS" ]; then
      OPENS=$((604800 - since))
    fi
  done
}

# still_on NAME VDEV TARGET…: 0: the guest is on all of them. 1: on something else. 2: nobody can say. 3: it is not there.
still_on() {
  domid_of "$1"
  case $? in
    0) ;;
    1) return 3 ;;
    *) return 2 ;;
  esac
  goal_attached "$@" && return 0
  # while it is built, or taken down, it has some of its disks, or none
  domain_state "$1"
  case $?$STATE in
    0*[scd]* | 1*) return 3 ;;
    0*) return 1 ;;
    *) return 2 ;;
  esac
}

# await_window NAME WINDOW NEEDED SPANS STEPS turn|- VDEV TARGET…: a span is MINUTE+MINUTES, the minute is one of the week. The
# STEPS are passed over where the guest has left the TARGETs by itself. turn: it has to be this run's (await_turn) as well. Others wait
# for the same window, and who comes last may find too little of it.
verb_await_window() {
  local name window needed spans steps turn began told pauses gone off busy
  name=$1 window=$2 needed=$3 spans=$4 steps=$5 turn=$6
  shift 6
  told='' pauses=0 gone=0 off=0 busy=''
  # days may go by, and nothing is to lie beside the config that nobody goes back to
  ! committing || forget_former
  uptime_now
  began=$UPTIME
  while :; do
    heed_stop_waiting "$window"
    if [ "$pauses" -le 0 ]; then
      pauses=$WAIT_PAUSES
      week_now || return
      window_opens "$needed" "$spans"
      still_on "$name" "$@"
      case $? in
        0)
          gone=0 off=0
          forget_gone
          if [ "$OPENS" -eq 0 ]; then
            [ "$turn" = turn ] && has_no_turn || break
            [ "$BUSY" = "$busy" ] || journal note message "$BUSY: it is waited for, while there is enough left of the window"
            busy=$BUSY
          fi
          ;;
        1)
          off=$((off + 1))
          forget_gone
          # it may be half built at the first look
          if [ "$off" -ge 2 ]; then
            pass_over "$steps" "$name is on its volume by itself meanwhile"
            break
          fi
          ;;
        3)
          gone=$((gone + 1)) off=0
          note_gone
          # in its own reboot it is not there for a moment
          if [ "$OPENS" -eq 0 ] && [ "$gone" -ge 3 ]; then
            pass_over "$steps" "$name is down: its next start is on its volume"
            break
          fi
          ;;
      esac
      # told once, and again when a window has passed by
      if [ "$OPENS" -gt "\${told:-0}" ]; then
        BASE=''
        write_kept "$HERE/waiting" "$window" || return
        journal_kept waiting id "$ID" domain "$name" window "$window" 'opens#' "$OPENS" clock "$CLOCK"
      fi
      told=$OPENS
    fi
    pauses=$((pauses - 1))
    sleep "$WAIT_PAUSE" 9>&-
  done
  rm -f "$HERE/waiting"
  forget_gone
  # the clock may have been set: the journal's times go by it again
  BASE=''
  uptime_now
  WAITED=$((UPTIME - began))
}

# pass_over STEPS WHY: this plan does without them
pass_over() {
  PASSED_OVER=$1
  journal note message "$2: nothing is left to switch"
}

# heed_stop_waiting WINDOW: a safe point, also after the commit: the guest runs, and nobody has to be brought anywhere
heed_stop_waiting() {
  stop_asked || return 0
  committing || heed_stop 'in the wait for its window'
  journal stopping why "stopped in the wait for $1: $DOMAIN stays where it is"
  STOPPED_WAITING=1
  abandon stopped "stopped on request in the wait for $1: $DOMAIN runs on its volume, by way of the device that mirrored it, until its next start"
}

# What a program can be told: run, recover, follow [FIRST_LINE], stop, status.

main() {
  local status
  # whoever starts the guest looks there
  find_saved "$DOMAIN" || :
  case \${1:-} in run | recover) find_origins ;; esac
  case \${1:-} in
    run) mode_run ;;
    recover)
      # which ends the shell that it runs in
      rebooted && [ -s "$HERE/before" ] || mode_recover
      (mode_recover)
      status=$?
      recover_earlier
      exit "$status"
      ;;
    follow) mode_follow "\${2:-1}" ;;
    stop) mode_stop ;;
    status) mode_status ;;
    late) mode_late "$2" ;;
    again) mode_again ;;
    retire) mode_retire "$2" ;;
    *)
      echo "usage: sh program.sh run|recover|follow [FIRST_LINE]|stop|status" >&2
      exit 64
      ;;
  esac
}

read_fact() { # NAME: of this run, in CONTENT
  CONTENT=$(cat "$HERE/$1" 2>/dev/null) || CONTENT=
}

mode_run() {
  local owner
  take_lock 3 || {
    # by this very run, which somebody has started twice: its books are its own
    ! [ -s "$JOURNAL" ] || exit 3
    # the journal of this run, not that of who has the lock; and all else that lies about is the guest's, which who has it sees to
    open_journal
    end_run refused 'another run has the lock of this guest'
  }
  open_journal
  if [ "$SEQ" -gt 0 ]; then
    # a run runs once
    recover_locked
  fi
  # whoever finds this run dead goes by these
  printf '%s' "$DOMAIN" >"$HERE/domain" && boot_id >"$HERE/boot" && kept "$HERE/domain" "$HERE/boot" && set_aside ||
    finish refused "cannot write into $HERE: is the disk full?"
  read_fact owner
  owner=$CONTENT
  uptime_now
  BEGAN_AT=$UPTIME
  journal_kept begin run "\${HERE##*/}" domain "$DOMAIN" digest "$DIGEST" owner "$owner"
  plan
  complete_run
}

# complete_run: all steps are done
complete_run() {
  local message
  message='all steps are done'
  if [ -n "$COUNTED" ]; then
    seconds $((DOWNTIME + HELD_CENTIS))
    message="all steps are done; $DOMAIN was down for $SECONDS_TEXT s"
  elif [ "$HELD_CENTIS" -gt 0 ]; then
    seconds "$HELD_CENTIS"
    message="all steps are done; $DOMAIN waited for its disks for $SECONDS_TEXT s"
  fi
  remember_history
  finish "done" "$message"
}

mode_recover() {
  # before anything is looked for in the books
  resume_origins
  if [ -e "$HERE/ended" ] && ! [ -e "$HERE/unfinished" ] && ! [ -e "$HERE/unstarted" ] && journal_ended; then
    # after a reboot of Dom0: a guest that was saved on a mapping needs it again
    rebooted && [ -e "$UNITS/converge-boot-$SAFE.service" ] || exit 0
    take_lock 60 || exit 75
    open_journal
    guest_away
    take_back temporary
    exit 0
  fi
  take_lock 60 || exit 75
  open_journal
  recover_locked
}

# recover_locked: finds a run dead, in whatever state; may itself die anywhere and be called again. Does not return.
recover_locked() {
  local outcome
  [ -e "$HERE/ended" ] || recall_end
  # it may be down
  guest_away
  tell_resumed
  await_scoped
  FOUND_DEAD=1
  if [ -e "$HERE/ended" ]; then
    # it died right before its last event
    read_fact ended
    journal_ended || journal_kept end outcome "$CONTENT" message 'the run ended'
    # or something could not be taken back then, or the guest not be brought up
    [ -e "$HERE/unfinished" ] || [ -e "$HERE/unstarted" ] || exit 0
    if committing; then
      start_owed
      take_back temporary
    else
      take_back all left
      # it has its new disk, or had: whether it is up is its owner's affair
      ! committing || take_back temporary
    fi
    ! committing || [ -e "$HERE/unstarted" ] || [ -e "$HERE/committed" ] || write_kept "$HERE/committed" "$(date +%s)"
    [ -z "$LEFT$UNSTARTED" ] || {
      try_again_later
      exit 1
    }
    guest_here
    remove_run_directories
    journal note message 'what was left has been taken back now'
    exit 0
  fi
  if [ "$SEQ" -gt 0 ] && ! journal_ended; then
    journal note message 'the run was interrupted'
  fi
  if committing; then
    forward 'the run was interrupted after the commit'
  fi
  read_fact abandoned
  outcome=\${CONTENT%% *}
  case $outcome in
    failed | refused | stopped) go_back "$outcome" "\${CONTENT#* }" ;;
    *) go_back failed 'the run was interrupted; what it had done is taken back' ;;
  esac
}

# recall_end: it has ended in this boot, and could not write so. Where it still can not there is nothing else to do.
recall_end() {
  local run outcome
  { read -r run outcome <"$RUN/.ended.$SAFE"; } 2>/dev/null && [ "$run" = "\${HERE##*/}" ] || return 0
  write_kept "$HERE/ended" "$outcome" || exit 0
  rm -f "$RUN/.ended.$SAFE"
  give_up_aside
}

mode_stop() {
  local last status
  status=0
  if [ -e "$HERE/ended" ]; then
    json_object stopping 'it has ended already'
  else
    if opens "$HERE/stop"; then
      last=$(last_step)
      json_object stopping "asked; the last step that began is \${last:-none}"
    else
      json_object stopping "cannot write $HERE/stop"
      status=1
    fi
  fi
  printf '%s\\n' "$JSON"
  return "$status"
}

last_step() {
  sed -n 's/.*,"event":"step","id":"\\([^"]*\\)".*/\\1/p' "$JOURNAL" 2>/dev/null | tail -n 1
}

mode_status() {
  local owner since outcome
  read_fact owner
  owner=$CONTENT
  read_fact since
  since=$CONTENT
  read_fact ended
  outcome=$CONTENT
  if [ -z "$outcome" ]; then
    if lock_held; then outcome=running; else outcome=dead; fi
  fi
  json_object run "\${HERE##*/}" domain "$DOMAIN" digest "$DIGEST" owner "$owner" 'since#' "$since" \\
    step "$(last_step)" outcome "$outcome"
  printf '%s\\n' "$JSON"
}

# follow FIRST_LINE: lines as they come; from the first one on where those before FIRST_LINE are not there any more. Ends with the \`end\` event; \`lost\` if the program ended without one.
mode_follow() {
  local first total
  first=$1
  case $first in '' | *[!0-9]* | 0) first=1 ;; esac
  [ -e "$JOURNAL" ] || opens "$JOURNAL"
  lines_in "$JOURNAL"
  total=$LINES_IN
  # who follows has read more than there is, or all of it, and no end: a power cut has taken lines, and others stand in their places
  if [ "$total" -lt "$((first - 1))" ] || { [ "$total" -lt "$first" ] && journal_ended; }; then first=1; fi
  if [ "$total" -ge "$first" ]; then
    tail -n "+$first" "$JOURNAL" | head -n "$((total - first + 1))" || exit 0
  fi
  if journal_ended "$total"; then
    exit 0
  fi
  [ "$total" -ge "$first" ] || total=$((first - 1))
  # the first line that comes is tail's own number, so that it can be ended
  sh -c 'echo "$$"; exec tail -n "+$1" -f "$2"' sh "$((total + 1))" "$JOURNAL" </dev/null 2>/dev/null | follow_lines
}

follow_lines() {
  local tail_pid guard line status
  IFS= read -r tail_pid
  await_end "$tail_pid" &
  guard=$!
  status=lost
  while IFS= read -r line; do
    # the reader went away
    printf '%s\\n' "$line" 2>/dev/null || {
      status=gone
      break
    }
    case $line in
      *',"event":"end",'*)
        # not one that a full disk has cut short
        printf '%s\\n' "$line" | grep -q "$END_EVENT" || continue
        status=ended
        break
        ;;
    esac
  done
  [ "$status" != lost ] || printf '{"event":"lost"}\\n'
  kill "$tail_pid" "$guard" 2>/dev/null
  exit 0
}

# await_end PID: waits (in flock) for the program to end. Gone without an end, and nobody who recovers it: ends tail.
await_end() {
  local tries
  tries=0
  while [ "$tries" -lt 5 ]; do
    flock -s "$BOOK/lock" true
    # told: the reader of the journal sees it
    if journal_ended; then
      exit 0
    fi
    tries=$((tries + 1))
    sleep 1
  done
  kill "$1"
}

QMP='import contextlib
import fcntl
import itertools
import json
import os
import re
import signal
import socket
import stat
import sys
import time

ROOT = os.environ.get("CONVERGE_ROOT", "")
LARGEST_ANSWER = 16 * 1024 * 1024
ANSWERS = 10
SETTLES = 60
LOCKS = 60
LOCKS_AT_REST = 10


class Refused(Exception):
    pass


class Silent(Refused):
    """It did not answer: what it has done all the same, or is yet to do, is not known."""


class Locked(Refused):
    pass


class Absent(Exception):
    pass


class Monitor:
    """One conversation with a guest'\\''s QEMU, which talks to one client a socket at a time: each is kept short."""

    def __init__(self, domid, seconds):
        self.domid = int(domid)
        self.socket = None
        self.again(seconds)

    def again(self, seconds):
        """A new one: what comes late in the old one answers other questions."""
        self.broken = True
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.deadline = time.monotonic() + float(seconds)
        self.received = b""
        self.socket = self.connect(self.domid)
        self.line()
        self.broken = False
        self.ask("qmp_capabilities")

    def connect(self, domid):
        for name in ("qmp-libxenstat-", "qmp-libxl-"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.left())
            try:
                connection.connect(ROOT + "/var/run/xen/" + name + str(domid))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
            except (socket.timeout, BlockingIOError):
                connection.close()
                raise Silent("QEMU does not take a connection")
        raise Absent("no QEMU answers for domain " + str(domid))

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Silent("QEMU did not answer in time")
        return left

    def line(self):
        while b"\\n" not in self.received:
            self.socket.settimeout(self.left())
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Silent("QEMU did not answer in time")
            except ConnectionResetError:
                more = b""
            if more == b"":
                raise Absent("QEMU went away")
            self.received += more
            if len(self.received) > LARGEST_ANSWER:
                raise Refused("QEMU does not stop talking")
        line, self.received = self.received.split(b"\\n", 1)
        return json.loads(line)

    def ask(self, name, **arguments):
        return self.run(command_of(name, **arguments))

    def run(self, command):
        return granted(self.run_all([command]))[0]

    def run_all(self, commands):
        """
        Says all of them at once, for where the guest waits. QEMU does one after the other, those after one that it refuses as
        well: that is a Refused among what it answers. Where it does not answer in time nothing more is said in this conversation.
        """
        if self.broken:
            raise Silent("QEMU did not answer in time")
        self.broken = True
        self.socket.settimeout(self.left())
        try:
            self.socket.sendall(b"".join(json.dumps(command).encode() + b"\\n" for command in commands))
        except socket.timeout:
            raise Silent("QEMU did not answer in time")
        except (BrokenPipeError, ConnectionResetError):
            raise Absent("QEMU went away")
        answers = [self.answer(command["execute"]) for command in commands]
        self.broken = False
        return answers

    def answer(self, name):
        while True:
            answer = self.line()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return Refused(name + ": " + str(answer["error"].get("desc", "refused")))

    def job(self, name):
        return job_in(self.ask("query-jobs"), name)

    def nodes(self):
        return self.ask("query-named-block-nodes", flat=True)

    def disks(self):
        """The node that each disk of the guest reads and writes, by its virtual device; a mirror counts as its source."""
        found = {}
        for device in self.ask("query-block"):
            inserted = device.get("inserted")
            if inserted is None or not device.get("qdev"):
                continue
            [vdev] = self.run_all([command_of("qom-get", path=device["qdev"], property="vdev")])
            found[vdev_of(device["qdev"] if isinstance(vdev, Refused) else vdev)] = inserted
        return found


def granted(answers):
    for answer in answers:
        if isinstance(answer, Refused):
            raise answer
    return answers


def command_of(name, **arguments):
    return {"execute": name, "arguments": arguments} if arguments else {"execute": name}


def job_in(jobs, name):
    return next((job for job in jobs if job["id"] == name), None)


def vdev_of(name):
    """As configs and xenstore have it: QEMU names a whole disk by the number of its partition as well (xvda0)."""
    whole = re.fullmatch("([a-z]+)0", name)
    return whole.group(1) if whole else name


def device_of(name):
    """
    The number of a virtual device (xen-vbd-interface(7)), by which xvda1, 51713 and d0p1 are one: who rewrites a config while its
    guest runs has QEMU and libxl know the disk by another name. What is no such name stays what it is.
    """
    number = "(0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
    named = re.fullmatch("(xvd|hd|sd)([a-z]{1,4})([0-9]{0,3})", name)
    numbered = re.fullmatch("d" + number + "p" + number, name)
    if named:
        bus, disk, part = named.group(1), 0, int(named.group(3) or 0)
        for letter in named.group(2):
            disk = disk * 26 + ord(letter) - ord("a") + 1
        disk -= 1
        if bus == "hd":
            return ((3 if disk < 2 else 22) << 8) | ((disk & 1) << 6) | part if disk < 4 and part < 64 else name
        if bus == "sd":
            return (8 << 8) | (disk << 4) | part if disk < 16 and part < 16 else name
    elif numbered:
        disk, part = c_number(numbered.group(1)), c_number(numbered.group(2))
    else:
        return c_number(name) if re.fullmatch(number, name) else name
    return (202 << 8) | (disk << 4) | part if disk < 16 and part < 16 else (1 << 28) | (disk << 8) | part


def c_number(digits):
    """As C'\\''s strtoul reads it: a leading zero makes it octal."""
    return int(digits, 8) if re.fullmatch("0[0-7]+", digits) else int(digits, 0)


def by_device(disks, vdev):
    """The one of these, by whichever name, that the disk is; None where there is none."""
    return next((disk for name, disk in disks.items() if name is not None and device_of(name) == device_of(vdev)), None)


def path_of(node):
    """The file or device below a node; QEMU tells a plain name, or JSON where a name does not say it all."""
    name = node.get("file") or node.get("image", {}).get("filename", "")
    if name.startswith("json:"):
        options = json.loads(name[5:])
        while isinstance(options, dict) and "filename" not in options:
            options = options.get("file")
        name = options["filename"] if isinstance(options, dict) else ""
    return name


def same_file(one, other):
    try:
        a, b = os.stat(one), os.stat(other)
    except OSError:
        return one == other
    if stat.S_ISBLK(a.st_mode) and stat.S_ISBLK(b.st_mode):
        return a.st_rdev == b.st_rdev
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def view(domid, seconds):
    try:
        monitor = Monitor(domid, seconds)
        served = monitor.disks()
        disks = [
            {"vdev": vdev, "node": node["node-name"], "path": path_of(node), "driver": node["drv"],
             "bytes": node["image"]["virtual-size"]}
            for vdev, node in served.items()
        ]
        nodes = [
            {"node": node["node-name"], "path": path_of(node), "driver": node["drv"], "bytes": node["image"]["virtual-size"]}
            for node in monitor.nodes()
        ]
        jobs = [{"job": job["id"], "status": job["status"]} for job in monitor.ask("query-jobs")]
        return {"domid": int(domid), "disks": disks, "nodes": nodes, "jobs": jobs}
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        return {"domid": int(domid), "error": str(error)}


def refuse_ended(name, job):
    if job is None:
        raise Refused("the job " + name + " is gone")
    if job["status"] == "concluded":
        raise Refused("the job " + name + " ended: " + job.get("error", "without an error"))


def await_status(monitor, names, wanted, jobs=None):
    """The jobs of these names, once each has one of these statuses; \`jobs\`: what was heard of them just now."""
    while True:
        heard, jobs = jobs if jobs is not None else monitor.ask("query-jobs"), None
        found = [job_in(heard, name) for name in names]
        for name, job in zip(names, found):
            if job is None or "concluded" not in wanted:
                refuse_ended(name, job)
        if all(job["status"] in wanted for job in found):
            return found
        time.sleep(min(0.005, monitor.left()))


def end_job(monitor, name):
    job = monitor.job(name)
    if job is None:
        return
    if job["status"] != "concluded":
        monitor.ask("job-cancel", id=name)
        while monitor.job(name)["status"] != "concluded":
            time.sleep(min(0.005, monitor.left()))
    monitor.ask("job-dismiss", id=name)


MOVED, STAYED, GONE = "moved", "stayed", "gone"


def asked_again(monitor, seconds, ask):
    """What \`ask\` finds out. A QEMU that does not answer is asked again, in another conversation, for \`seconds\` in all."""
    until = time.monotonic() + float(seconds)
    monitor.deadline = min(until, time.monotonic() + ANSWERS)
    while True:
        try:
            if monitor.broken:
                monitor.again(min(ANSWERS, until - time.monotonic()))
            return ask()
        except (Refused, OSError, ValueError, KeyError):
            monitor.broken = True
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def outcome(monitor, seconds, name, vdev, node, seen=None):
    """
    Ends a job that is at its end already, and says what became of its disk, and why: which of the two the guest'\\''s next start
    may use depends on what QEMU has done, answer or no answer. \`seen\`: the job, where it was looked at just now.
    """
    def ended():
        nonlocal seen
        job, seen = seen or monitor.job(name), None
        if job is None:
            return found_on(monitor, vdev, node)
        if job["status"] != "concluded":
            _, jobs = granted(monitor.run_all([command_of("job-finalize", id=name), command_of("query-jobs")]))
            [job] = await_status(monitor, [name], ("concluded",), jobs)
        return (STAYED, "the job " + name + " ended: " + job["error"]) if "error" in job else (MOVED, "")

    return asked_again(monitor, seconds, ended)


def dismiss(monitor, seconds, name):
    """Has QEMU forget a job of which everything is known. It is over whether or not it stays in QEMU'\\''s list."""
    def dismissed():
        if monitor.job(name) is not None:
            monitor.ask("job-dismiss", id=name)

    try:
        asked_again(monitor, seconds, dismissed)
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        print("the job " + name + " is over, and QEMU keeps it in its list: " + str(error), file=sys.stderr)


def reached(domid, until):
    """A conversation with a QEMU that may be silent for a while."""
    while True:
        try:
            return Monitor(domid, max(0.1, min(ANSWERS, until - time.monotonic())))
        except Silent:
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def found_on(monitor, vdev, node):
    """Without the job. Its node stays open until the disk was seen to: where it is not, all of that is over."""
    if not any(found["node-name"] == node for found in monitor.nodes()):
        return GONE, ""
    disk = by_device(monitor.disks(), vdev)
    if disk is None:
        raise Refused("QEMU serves no disk " + vdev)
    return (MOVED, "") if disk["node-name"] == node else (STAYED, "its job ended without it")


def drop(monitor, name, node):
    end_job(monitor, name)
    close(monitor, node)


def close(monitor, node):
    if any(found["node-name"] == node for found in monitor.nodes()):
        if any(disk["node-name"] == node for disk in monitor.disks().values()):
            return
        monitor.ask("blockdev-del", **{"node-name": node})


def keep(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draw_up(path, text, mode, lasting=True):
    """Writes what a file is to say beside it: a rename puts it there."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(file.fileno())


def write_whole(path, text, mode, lasting=True):
    draw_up(path, text, mode, lasting)
    os.rename(path + ".new", path)
    if lasting:
        keep(os.path.dirname(path))


@contextlib.contextmanager
def locked(path, seconds):
    """
    libxl'\\''s own lock around what it has stored of a guest (libxl__lock_domain_userdata), one for each guest: who unlocks it
    removes the file, so that what was locked may be another one than is there by then. QEMU does not know of it.
    """
    lock = path.replace("userdata-d.", "userdata-l.", 1).replace(".libxl-json", ".domain-userdata-lock")
    until = time.monotonic() + seconds
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                break
        os.close(descriptor)
        if time.monotonic() >= until:
            raise Locked("some xl command has had " + lock + " locked for " + str(seconds) + " s")
        time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        os.close(descriptor)


def load_stored(path):
    with open(path, "rb") as file:
        text = file.read()
    return json.loads(text.rstrip(b"\\0"))


def edited(path, wanted):
    """What libxl has stored, with these devices for these disks; and whether it has them already."""
    config = load_stored(path)
    disks = {disk.get("vdev"): disk for disk in config.get("disks", [])}
    named = True
    for vdev, device, backend, form in wanted:
        disk = by_device(disks, vdev)
        if disk is None:
            raise Refused("libxl has stored no disk " + vdev)
        old = dict(disk)
        disk.update({"pdev_path": device, "backend": backend, "format": form})
        named = named and disk == old
    return json.dumps(config, indent=4).encode() + b"\\n\\0", named


def write_stored(path, text):
    write_whole(path, text, 0o600, lasting=False)


def store(path, wanted, seconds):
    """
    Names other devices in the configuration that libxl holds of a running guest: what its own reboot comes up with, and
    what is saved with it. xl has no command for that: config-update leaves alone what a saved guest is restored from.
    """
    named = edited(path, wanted)[1]
    try:
        with locked(path, 0 if named else seconds):
            write_stored(path, edited(path, wanted)[0])
    except Locked:
        if not named:
            raise


def complete(monitor, jobs):
    """
    They have copied all, and hold back what the guest writes: image and volume are equal from there on. A job that is pending
    does so already.
    """
    names = [job["id"] for job in jobs]
    ready = [command_of("job-complete", id=job["id"]) for job in jobs if job["status"] == "ready"]
    answers = monitor.run_all([*ready, command_of("query-jobs")])
    heard = answers[-1]
    if not isinstance(heard, Refused):
        for name in names:
            refuse_ended(name, job_in(heard, name))
    granted(answers)
    return await_status(monitor, names, ("pending",), heard)


def text_of(notes, stayed):
    """The config with the disks of these jobs on their images, and the others on their volumes."""
    with open(notes["before"], "rb") as file:
        old = file.read()
    edits = sorted(edit for disk in notes["disks"] if disk["job"] not in stayed for edit in disk["edits"])
    parts, at = [], 0
    for start, end, text in edits:
        parts += [old[at:start], os.fsencode(text)]
        at = end
    return b"".join(parts) + old[at:]


def names_images(notes):
    """
    The config names the images of the disks that stay there. An earlier try may have written down that one stays, and have come
    no further: the config is whatever some of them make of it then.
    """
    config, stayed = notes["config"], notes["stayed"]
    text = text_of(notes, stayed)
    with open(config, "rb") as file:
        found = file.read()
    if found == text:
        return False
    if not any(found == text_of(notes, some) for count in range(len(stayed)) for some in itertools.combinations(stayed, count)):
        raise Refused(config + " was changed by somebody else meanwhile")
    kept = os.stat(config)
    descriptor = os.open(notes["draft"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchown(descriptor, kept.st_uid, kept.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(kept.st_mode))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(notes["draft"], config)
    keep(os.path.dirname(config))
    return True


def names_again(path, notes, job, seconds):
    """
    Both configs name the image of this job'\\''s disk: it is on it still, and nothing that is written there gets to its volume. Where
    one of them can not be written the other one is all the same: either may be what starts the guest next.
    """
    notes["stayed"] = sorted(set(notes["stayed"]) | {job})
    disks = [(disk["vdev"], disk["old"], disk["backend"], disk["format"]) for disk in notes["disks"] if disk["job"] == job]
    troubles = []
    for put in (
            lambda: write_whole(path, json.dumps(notes).encode(), 0o600),
            lambda: names_images(notes),
            lambda: store(notes["stored"], disks, seconds)):
        try:
            put()
        except (Refused, OSError, ValueError, KeyError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def stayed(path):
    """Of a guest that is gone, and its QEMU with it: whatever starts it goes by its config."""
    try:
        with open(path, "rb") as file:
            notes = json.loads(file.read())
    except ValueError:
        return
    if notes["stayed"] and names_images(notes):
        print("the config names again the images of the disks that had stayed there: "
              + ", ".join(disk["vdev"] for disk in notes["disks"] if disk["job"] in notes["stayed"]))


def settle(domid, seconds, job, node, path):
    with open(path, "rb") as file:
        notes = json.loads(file.read())
    disk = next(disk for disk in notes["disks"] if disk["job"] == job)
    until = time.monotonic() + float(seconds)
    monitor = reached(domid, until)
    end, why = outcome(monitor, until - time.monotonic(), job, disk["vdev"], node)
    dismiss(monitor, max(0, until - time.monotonic()), job)
    if end == STAYED:
        names_again(path, notes, job, LOCKS)
        asked_again(monitor, max(0, until - time.monotonic()), lambda: close(monitor, node))
        print(disk["vdev"] + " stays on its image, which both configs name again: " + why)


def commit_to(config, mark):
    """
    Both configs name the volumes. Lastingly so, and only then the commit is begun, lastingly too. On one file system what was
    renamed first is kept no later than what was renamed after it, so that the second folder is kept with the first one,
    and the guest waits for the disk once.
    """
    folders = [os.path.dirname(config), os.path.dirname(mark)]
    if os.stat(folders[0]).st_dev != os.stat(folders[1]).st_dev:
        keep(folders[0])
    os.rename(mark + ".new", mark)
    for folder in folders:
        keep(folder)


def note_on_image(mark, job):
    """For whoever takes the configs back, also when the guest is gone by then: its image has what its volume has not."""
    try:
        write_whole(os.path.join(os.path.dirname(mark), "on-image"), job.encode() + b"\\n", 0o600)
    except OSError:
        pass


def unchanged(config, stored, before):
    """Somebody may have changed the guest'\\''s config while xl was waited for, or have had xl store another one."""
    if os.path.exists(stored[:-len(".libxl-json")] + ".xl"):
        raise Refused("somebody stored another config with xl config-update: the guest'\\''s own reboot would use that one")
    with open(config, "rb") as now, open(before, "rb") as then:
        if now.read() != then.read():
            raise Refused(config + " was changed by somebody else meanwhile")


def pivot(domid, seconds, draft, config, stored, mark, path, before, *moves):
    keys = ("vdev", "device", "job", "old", "backend", "format", "edits")
    disks = [dict(zip(keys, moves[at:at + len(keys)])) for at in range(0, len(moves), len(keys))]
    for disk in disks:
        disk["edits"] = json.loads(disk["edits"])
    notes = {"draft": draft, "config": config, "stored": stored, "before": before, "disks": disks, "stayed": []}
    monitor = Monitor(domid, seconds)
    at_rest = any(job["status"] == "pending" for job in monitor.ask("query-jobs"))
    with locked(stored, LOCKS_AT_REST if at_rest else LOCKS):
        monitor.deadline = time.monotonic() + float(seconds)
        found = monitor.ask("query-jobs")
        jobs = [job_in(found, disk["job"]) for disk in disks]
        for disk, job in zip(disks, jobs):
            if job is None or job["status"] not in ("ready", "pending"):
                raise Refused("the job " + disk["job"] + " is not in sync")
        unchanged(config, stored, before)
        write_whole(path, json.dumps(notes).encode(), 0o600, lasting=False)
        draw_up(mark, ("%.2f\\n" % time.time()).encode(), 0o600)
        text, _ = edited(stored, [(disk["vdev"], disk["device"], "phy", "raw") for disk in disks])
        began = time.monotonic()
        jobs = complete(monitor, jobs)
        os.rename(draft, config)
        write_stored(stored, text)
        commit_to(config, mark)
    left = []
    for number, (disk, job) in enumerate(zip(disks, jobs)):
        end, why = outcome(monitor, SETTLES, disk["job"], disk["vdev"], disk["job"], job)
        if end == MOVED:
            continue
        if number == 0:
            note_on_image(mark, disk["job"])
            os.unlink(mark)
            keep(os.path.dirname(mark))
            raise Refused(why or "the node of the job " + disk["job"] + " is gone")
        names_again(path, notes, disk["job"], LOCKS_AT_REST)
        left.append(disk["vdev"] + ": " + why)
    print("%d" % round((time.monotonic() - began) * 1000))
    until = time.monotonic() + 3 * ANSWERS
    for disk in disks:
        dismiss(monitor, max(0, until - time.monotonic()), disk["job"])
    if left:
        raise Refused("some disks stay on their images, which both configs name again for them: " + "; ".join(left))


def is_on(domid, seconds, stored, *wanted):
    monitor = Monitor(domid, seconds)
    served = monitor.disks()
    stored_disks = {disk.get("vdev"): disk for disk in load_stored(stored).get("disks", [])}
    for vdev, device in zip(wanted[0::2], wanted[1::2]):
        node = by_device(served, vdev)
        if node is None:
            raise Refused("QEMU serves no disk " + vdev)
        if not same_file(path_of(node), device):
            raise Refused("QEMU has " + path_of(node) + " open for " + vdev + ", not " + device)
        named = (by_device(stored_disks, vdev) or {}).get("pdev_path")
        if named != device:
            raise Refused("libxl has " + str(named) + " stored for " + vdev + ", not " + device)


def main(what, *rest):
    if what == "views":
        for domid in rest[1:]:
            print(json.dumps(view(domid, rest[0])))
    elif what == "restore":
        store(rest[0], list(zip(rest[1::5], rest[3::5], rest[4::5], rest[5::5])), LOCKS)
    elif what == "pivot":
        signal.alarm(int(rest[1]) + LOCKS + (SETTLES + LOCKS_AT_REST) * (len(rest) // 7) + 60)
        pivot(*rest)
    elif what == "settle":
        settle(*rest)
    elif what == "stayed":
        stayed(rest[0])
    elif what == "on":
        is_on(*rest)
    else:
        monitor = Monitor(rest[0], rest[1])
        if what == "run":
            for command in rest[2:]:
                monitor.run(json.loads(command))
        elif what == "job":
            job = monitor.job(rest[2])
            if job is None:
                raise Refused("there is no job " + rest[2])
            done, total = job.get("current-progress", 0), job.get("total-progress", 0)
            print(job["status"], done, total, job.get("error", "").replace("\\n", " "))
        elif what == "complete":
            complete(monitor, await_status(monitor, [rest[2]], ("ready", "pending")))
        elif what == "drop":
            drop(monitor, rest[2], rest[3])
        elif what == "holds":
            print("yes" if any(same_file(path_of(node), rest[2]) for node in monitor.nodes()) else "no")
        else:
            raise Refused("what is " + what + "?")


signal.alarm(180)
try:
    main(*sys.argv[1:])
except Absent as error:
    print(error, file=sys.stderr)
    sys.exit(3)
except (Refused, OSError, ValueError, KeyError) as error:
    print(error or type(error).__name__, file=sys.stderr)
    sys.exit(1)
'
`;

/** Speaks QMP with the QEMU of a guest: Python, as sh has no sockets. */
export const QMP = `import contextlib
import fcntl
import itertools
import json
import os
import re
import signal
import socket
import stat
import sys
import time

ROOT = os.environ.get("CONVERGE_ROOT", "")
LARGEST_ANSWER = 16 * 1024 * 1024
ANSWERS = 10
SETTLES = 60
LOCKS = 60
LOCKS_AT_REST = 10


class Refused(Exception):
    pass


class Silent(Refused):
    """It did not answer: what it has done all the same, or is yet to do, is not known."""


class Locked(Refused):
    pass


class Absent(Exception):
    pass


class Monitor:
    """One conversation with a guest's QEMU, which talks to one client a socket at a time: each is kept short."""

    def __init__(self, domid, seconds):
        self.domid = int(domid)
        self.socket = None
        self.again(seconds)

    def again(self, seconds):
        """A new one: what comes late in the old one answers other questions."""
        self.broken = True
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.deadline = time.monotonic() + float(seconds)
        self.received = b""
        self.socket = self.connect(self.domid)
        self.line()
        self.broken = False
        self.ask("qmp_capabilities")

    def connect(self, domid):
        for name in ("qmp-libxenstat-", "qmp-libxl-"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.left())
            try:
                connection.connect(ROOT + "/var/run/xen/" + name + str(domid))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
            except (socket.timeout, BlockingIOError):
                connection.close()
                raise Silent("QEMU does not take a connection")
        raise Absent("no QEMU answers for domain " + str(domid))

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Silent("QEMU did not answer in time")
        return left

    def line(self):
        while b"\\n" not in self.received:
            self.socket.settimeout(self.left())
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Silent("QEMU did not answer in time")
            except ConnectionResetError:
                more = b""
            if more == b"":
                raise Absent("QEMU went away")
            self.received += more
            if len(self.received) > LARGEST_ANSWER:
                raise Refused("QEMU does not stop talking")
        line, self.received = self.received.split(b"\\n", 1)
        return json.loads(line)

    def ask(self, name, **arguments):
        return self.run(command_of(name, **arguments))

    def run(self, command):
        return granted(self.run_all([command]))[0]

    def run_all(self, commands):
        """
        Says all of them at once, for where the guest waits. QEMU does one after the other, those after one that it refuses as
        well: that is a Refused among what it answers. Where it does not answer in time nothing more is said in this conversation.
        """
        if self.broken:
            raise Silent("QEMU did not answer in time")
        self.broken = True
        self.socket.settimeout(self.left())
        try:
            self.socket.sendall(b"".join(json.dumps(command).encode() + b"\\n" for command in commands))
        except socket.timeout:
            raise Silent("QEMU did not answer in time")
        except (BrokenPipeError, ConnectionResetError):
            raise Absent("QEMU went away")
        answers = [self.answer(command["execute"]) for command in commands]
        self.broken = False
        return answers

    def answer(self, name):
        while True:
            answer = self.line()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return Refused(name + ": " + str(answer["error"].get("desc", "refused")))

    def job(self, name):
        return job_in(self.ask("query-jobs"), name)

    def nodes(self):
        return self.ask("query-named-block-nodes", flat=True)

    def disks(self):
        """The node that each disk of the guest reads and writes, by its virtual device; a mirror counts as its source."""
        found = {}
        for device in self.ask("query-block"):
            inserted = device.get("inserted")
            if inserted is None or not device.get("qdev"):
                continue
            [vdev] = self.run_all([command_of("qom-get", path=device["qdev"], property="vdev")])
            found[vdev_of(device["qdev"] if isinstance(vdev, Refused) else vdev)] = inserted
        return found


def granted(answers):
    for answer in answers:
        if isinstance(answer, Refused):
            raise answer
    return answers


def command_of(name, **arguments):
    return {"execute": name, "arguments": arguments} if arguments else {"execute": name}


def job_in(jobs, name):
    return next((job for job in jobs if job["id"] == name), None)


def vdev_of(name):
    """As configs and xenstore have it: QEMU names a whole disk by the number of its partition as well (xvda0)."""
    whole = re.fullmatch("([a-z]+)0", name)
    return whole.group(1) if whole else name


def device_of(name):
    """
    The number of a virtual device (xen-vbd-interface(7)), by which xvda1, 51713 and d0p1 are one: who rewrites a config while its
    guest runs has QEMU and libxl know the disk by another name. What is no such name stays what it is.
    """
    number = "(0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
    named = re.fullmatch("(xvd|hd|sd)([a-z]{1,4})([0-9]{0,3})", name)
    numbered = re.fullmatch("d" + number + "p" + number, name)
    if named:
        bus, disk, part = named.group(1), 0, int(named.group(3) or 0)
        for letter in named.group(2):
            disk = disk * 26 + ord(letter) - ord("a") + 1
        disk -= 1
        if bus == "hd":
            return ((3 if disk < 2 else 22) << 8) | ((disk & 1) << 6) | part if disk < 4 and part < 64 else name
        if bus == "sd":
            return (8 << 8) | (disk << 4) | part if disk < 16 and part < 16 else name
    elif numbered:
        disk, part = c_number(numbered.group(1)), c_number(numbered.group(2))
    else:
        return c_number(name) if re.fullmatch(number, name) else name
    return (202 << 8) | (disk << 4) | part if disk < 16 and part < 16 else (1 << 28) | (disk << 8) | part


def c_number(digits):
    """As C's strtoul reads it: a leading zero makes it octal."""
    return int(digits, 8) if re.fullmatch("0[0-7]+", digits) else int(digits, 0)


def by_device(disks, vdev):
    """The one of these, by whichever name, that the disk is; None where there is none."""
    return next((disk for name, disk in disks.items() if name is not None and device_of(name) == device_of(vdev)), None)


def path_of(node):
    """The file or device below a node; QEMU tells a plain name, or JSON where a name does not say it all."""
    name = node.get("file") or node.get("image", {}).get("filename", "")
    if name.startswith("json:"):
        options = json.loads(name[5:])
        while isinstance(options, dict) and "filename" not in options:
            options = options.get("file")
        name = options["filename"] if isinstance(options, dict) else ""
    return name


def same_file(one, other):
    try:
        a, b = os.stat(one), os.stat(other)
    except OSError:
        return one == other
    if stat.S_ISBLK(a.st_mode) and stat.S_ISBLK(b.st_mode):
        return a.st_rdev == b.st_rdev
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def view(domid, seconds):
    try:
        monitor = Monitor(domid, seconds)
        served = monitor.disks()
        disks = [
            {"vdev": vdev, "node": node["node-name"], "path": path_of(node), "driver": node["drv"],
             "bytes": node["image"]["virtual-size"]}
            for vdev, node in served.items()
        ]
        nodes = [
            {"node": node["node-name"], "path": path_of(node), "driver": node["drv"], "bytes": node["image"]["virtual-size"]}
            for node in monitor.nodes()
        ]
        jobs = [{"job": job["id"], "status": job["status"]} for job in monitor.ask("query-jobs")]
        return {"domid": int(domid), "disks": disks, "nodes": nodes, "jobs": jobs}
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        return {"domid": int(domid), "error": str(error)}


def refuse_ended(name, job):
    if job is None:
        raise Refused("the job " + name + " is gone")
    if job["status"] == "concluded":
        raise Refused("the job " + name + " ended: " + job.get("error", "without an error"))


def await_status(monitor, names, wanted, jobs=None):
    """The jobs of these names, once each has one of these statuses; \`jobs\`: what was heard of them just now."""
    while True:
        heard, jobs = jobs if jobs is not None else monitor.ask("query-jobs"), None
        found = [job_in(heard, name) for name in names]
        for name, job in zip(names, found):
            if job is None or "concluded" not in wanted:
                refuse_ended(name, job)
        if all(job["status"] in wanted for job in found):
            return found
        time.sleep(min(0.005, monitor.left()))


def end_job(monitor, name):
    job = monitor.job(name)
    if job is None:
        return
    if job["status"] != "concluded":
        monitor.ask("job-cancel", id=name)
        while monitor.job(name)["status"] != "concluded":
            time.sleep(min(0.005, monitor.left()))
    monitor.ask("job-dismiss", id=name)


MOVED, STAYED, GONE = "moved", "stayed", "gone"


def asked_again(monitor, seconds, ask):
    """What \`ask\` finds out. A QEMU that does not answer is asked again, in another conversation, for \`seconds\` in all."""
    until = time.monotonic() + float(seconds)
    monitor.deadline = min(until, time.monotonic() + ANSWERS)
    while True:
        try:
            if monitor.broken:
                monitor.again(min(ANSWERS, until - time.monotonic()))
            return ask()
        except (Refused, OSError, ValueError, KeyError):
            monitor.broken = True
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def outcome(monitor, seconds, name, vdev, node, seen=None):
    """
    Ends a job that is at its end already, and says what became of its disk, and why: which of the two the guest's next start
    may use depends on what QEMU has done, answer or no answer. \`seen\`: the job, where it was looked at just now.
    """
    def ended():
        nonlocal seen
        job, seen = seen or monitor.job(name), None
        if job is None:
            return found_on(monitor, vdev, node)
        if job["status"] != "concluded":
            _, jobs = granted(monitor.run_all([command_of("job-finalize", id=name), command_of("query-jobs")]))
            [job] = await_status(monitor, [name], ("concluded",), jobs)
        return (STAYED, "the job " + name + " ended: " + job["error"]) if "error" in job else (MOVED, "")

    return asked_again(monitor, seconds, ended)


def dismiss(monitor, seconds, name):
    """Has QEMU forget a job of which everything is known. It is over whether or not it stays in QEMU's list."""
    def dismissed():
        if monitor.job(name) is not None:
            monitor.ask("job-dismiss", id=name)

    try:
        asked_again(monitor, seconds, dismissed)
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        print("the job " + name + " is over, and QEMU keeps it in its list: " + str(error), file=sys.stderr)


def reached(domid, until):
    """A conversation with a QEMU that may be silent for a while."""
    while True:
        try:
            return Monitor(domid, max(0.1, min(ANSWERS, until - time.monotonic())))
        except Silent:
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def found_on(monitor, vdev, node):
    """Without the job. Its node stays open until the disk was seen to: where it is not, all of that is over."""
    if not any(found["node-name"] == node for found in monitor.nodes()):
        return GONE, ""
    disk = by_device(monitor.disks(), vdev)
    if disk is None:
        raise Refused("QEMU serves no disk " + vdev)
    return (MOVED, "") if disk["node-name"] == node else (STAYED, "its job ended without it")


def drop(monitor, name, node):
    end_job(monitor, name)
    close(monitor, node)


def close(monitor, node):
    if any(found["node-name"] == node for found in monitor.nodes()):
        if any(disk["node-name"] == node for disk in monitor.disks().values()):
            return
        monitor.ask("blockdev-del", **{"node-name": node})


def keep(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draw_up(path, text, mode, lasting=True):
    """Writes what a file is to say beside it: a rename puts it there."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(file.fileno())


def write_whole(path, text, mode, lasting=True):
    draw_up(path, text, mode, lasting)
    os.rename(path + ".new", path)
    if lasting:
        keep(os.path.dirname(path))


@contextlib.contextmanager
def locked(path, seconds):
    """
    libxl's own lock around what it has stored of a guest (libxl__lock_domain_userdata), one for each guest: who unlocks it
    removes the file, so that what was locked may be another one than is there by then. QEMU does not know of it.
    """
    lock = path.replace("userdata-d.", "userdata-l.", 1).replace(".libxl-json", ".domain-userdata-lock")
    until = time.monotonic() + seconds
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                break
        os.close(descriptor)
        if time.monotonic() >= until:
            raise Locked("some xl command has had " + lock + " locked for " + str(seconds) + " s")
        time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        os.close(descriptor)


def load_stored(path):
    with open(path, "rb") as file:
        text = file.read()
    return json.loads(text.rstrip(b"\\0"))


def edited(path, wanted):
    """What libxl has stored, with these devices for these disks; and whether it has them already."""
    config = load_stored(path)
    disks = {disk.get("vdev"): disk for disk in config.get("disks", [])}
    named = True
    for vdev, device, backend, form in wanted:
        disk = by_device(disks, vdev)
        if disk is None:
            raise Refused("libxl has stored no disk " + vdev)
        old = dict(disk)
        disk.update({"pdev_path": device, "backend": backend, "format": form})
        named = named and disk == old
    return json.dumps(config, indent=4).encode() + b"\\n\\0", named


def write_stored(path, text):
    write_whole(path, text, 0o600, lasting=False)


def store(path, wanted, seconds):
    """
    Names other devices in the configuration that libxl holds of a running guest: what its own reboot comes up with, and
    what is saved with it. xl has no command for that: config-update leaves alone what a saved guest is restored from.
    """
    named = edited(path, wanted)[1]
    try:
        with locked(path, 0 if named else seconds):
            write_stored(path, edited(path, wanted)[0])
    except Locked:
        if not named:
            raise


def complete(monitor, jobs):
    """
    They have copied all, and hold back what the guest writes: image and volume are equal from there on. A job that is pending
    does so already.
    """
    names = [job["id"] for job in jobs]
    ready = [command_of("job-complete", id=job["id"]) for job in jobs if job["status"] == "ready"]
    answers = monitor.run_all([*ready, command_of("query-jobs")])
    heard = answers[-1]
    if not isinstance(heard, Refused):
        for name in names:
            refuse_ended(name, job_in(heard, name))
    granted(answers)
    return await_status(monitor, names, ("pending",), heard)


def text_of(notes, stayed):
    """The config with the disks of these jobs on their images, and the others on their volumes."""
    with open(notes["before"], "rb") as file:
        old = file.read()
    edits = sorted(edit for disk in notes["disks"] if disk["job"] not in stayed for edit in disk["edits"])
    parts, at = [], 0
    for start, end, text in edits:
        parts += [old[at:start], os.fsencode(text)]
        at = end
    return b"".join(parts) + old[at:]


def names_images(notes):
    """
    The config names the images of the disks that stay there. An earlier try may have written down that one stays, and have come
    no further: the config is whatever some of them make of it then.
    """
    config, stayed = notes["config"], notes["stayed"]
    text = text_of(notes, stayed)
    with open(config, "rb") as file:
        found = file.read()
    if found == text:
        return False
    if not any(found == text_of(notes, some) for count in range(len(stayed)) for some in itertools.combinations(stayed, count)):
        raise Refused(config + " was changed by somebody else meanwhile")
    kept = os.stat(config)
    descriptor = os.open(notes["draft"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchown(descriptor, kept.st_uid, kept.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(kept.st_mode))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(notes["draft"], config)
    keep(os.path.dirname(config))
    return True


def names_again(path, notes, job, seconds):
    """
    Both configs name the image of this job's disk: it is on it still, and nothing that is written there gets to its volume. Where
    one of them can not be written the other one is all the same: either may be what starts the guest next.
    """
    notes["stayed"] = sorted(set(notes["stayed"]) | {job})
    disks = [(disk["vdev"], disk["old"], disk["backend"], disk["format"]) for disk in notes["disks"] if disk["job"] == job]
    troubles = []
    for put in (
            lambda: write_whole(path, json.dumps(notes).encode(), 0o600),
            lambda: names_images(notes),
            lambda: store(notes["stored"], disks, seconds)):
        try:
            put()
        except (Refused, OSError, ValueError, KeyError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def stayed(path):
    """Of a guest that is gone, and its QEMU with it: whatever starts it goes by its config."""
    try:
        with open(path, "rb") as file:
            notes = json.loads(file.read())
    except ValueError:
        return
    if notes["stayed"] and names_images(notes):
        print("the config names again the images of the disks that had stayed there: "
              + ", ".join(disk["vdev"] for disk in notes["disks"] if disk["job"] in notes["stayed"]))


def settle(domid, seconds, job, node, path):
    with open(path, "rb") as file:
        notes = json.loads(file.read())
    disk = next(disk for disk in notes["disks"] if disk["job"] == job)
    until = time.monotonic() + float(seconds)
    monitor = reached(domid, until)
    end, why = outcome(monitor, until - time.monotonic(), job, disk["vdev"], node)
    dismiss(monitor, max(0, until - time.monotonic()), job)
    if end == STAYED:
        names_again(path, notes, job, LOCKS)
        asked_again(monitor, max(0, until - time.monotonic()), lambda: close(monitor, node))
        print(disk["vdev"] + " stays on its image, which both configs name again: " + why)


def commit_to(config, mark):
    """
    Both configs name the volumes. Lastingly so, and only then the commit is begun, lastingly too. On one file system what was
    renamed first is kept no later than what was renamed after it, so that the second folder is kept with the first one,
    and the guest waits for the disk once.
    """
    folders = [os.path.dirname(config), os.path.dirname(mark)]
    if os.stat(folders[0]).st_dev != os.stat(folders[1]).st_dev:
        keep(folders[0])
    os.rename(mark + ".new", mark)
    for folder in folders:
        keep(folder)


def note_on_image(mark, job):
    """For whoever takes the configs back, also when the guest is gone by then: its image has what its volume has not."""
    try:
        write_whole(os.path.join(os.path.dirname(mark), "on-image"), job.encode() + b"\\n", 0o600)
    except OSError:
        pass


def unchanged(config, stored, before):
    """Somebody may have changed the guest's config while xl was waited for, or have had xl store another one."""
    if os.path.exists(stored[:-len(".libxl-json")] + ".xl"):
        raise Refused("somebody stored another config with xl config-update: the guest's own reboot would use that one")
    with open(config, "rb") as now, open(before, "rb") as then:
        if now.read() != then.read():
            raise Refused(config + " was changed by somebody else meanwhile")


def pivot(domid, seconds, draft, config, stored, mark, path, before, *moves):
    keys = ("vdev", "device", "job", "old", "backend", "format", "edits")
    disks = [dict(zip(keys, moves[at:at + len(keys)])) for at in range(0, len(moves), len(keys))]
    for disk in disks:
        disk["edits"] = json.loads(disk["edits"])
    notes = {"draft": draft, "config": config, "stored": stored, "before": before, "disks": disks, "stayed": []}
    monitor = Monitor(domid, seconds)
    at_rest = any(job["status"] == "pending" for job in monitor.ask("query-jobs"))
    with locked(stored, LOCKS_AT_REST if at_rest else LOCKS):
        monitor.deadline = time.monotonic() + float(seconds)
        found = monitor.ask("query-jobs")
        jobs = [job_in(found, disk["job"]) for disk in disks]
        for disk, job in zip(disks, jobs):
            if job is None or job["status"] not in ("ready", "pending"):
                raise Refused("the job " + disk["job"] + " is not in sync")
        unchanged(config, stored, before)
        write_whole(path, json.dumps(notes).encode(), 0o600, lasting=False)
        draw_up(mark, ("%.2f\\n" % time.time()).encode(), 0o600)
        text, _ = edited(stored, [(disk["vdev"], disk["device"], "phy", "raw") for disk in disks])
        began = time.monotonic()
        jobs = complete(monitor, jobs)
        os.rename(draft, config)
        write_stored(stored, text)
        commit_to(config, mark)
    left = []
    for number, (disk, job) in enumerate(zip(disks, jobs)):
        end, why = outcome(monitor, SETTLES, disk["job"], disk["vdev"], disk["job"], job)
        if end == MOVED:
            continue
        if number == 0:
            note_on_image(mark, disk["job"])
            os.unlink(mark)
            keep(os.path.dirname(mark))
            raise Refused(why or "the node of the job " + disk["job"] + " is gone")
        names_again(path, notes, disk["job"], LOCKS_AT_REST)
        left.append(disk["vdev"] + ": " + why)
    print("%d" % round((time.monotonic() - began) * 1000))
    until = time.monotonic() + 3 * ANSWERS
    for disk in disks:
        dismiss(monitor, max(0, until - time.monotonic()), disk["job"])
    if left:
        raise Refused("some disks stay on their images, which both configs name again for them: " + "; ".join(left))


def is_on(domid, seconds, stored, *wanted):
    monitor = Monitor(domid, seconds)
    served = monitor.disks()
    stored_disks = {disk.get("vdev"): disk for disk in load_stored(stored).get("disks", [])}
    for vdev, device in zip(wanted[0::2], wanted[1::2]):
        node = by_device(served, vdev)
        if node is None:
            raise Refused("QEMU serves no disk " + vdev)
        if not same_file(path_of(node), device):
            raise Refused("QEMU has " + path_of(node) + " open for " + vdev + ", not " + device)
        named = (by_device(stored_disks, vdev) or {}).get("pdev_path")
        if named != device:
            raise Refused("libxl has " + str(named) + " stored for " + vdev + ", not " + device)


def main(what, *rest):
    if what == "views":
        for domid in rest[1:]:
            print(json.dumps(view(domid, rest[0])))
    elif what == "restore":
        store(rest[0], list(zip(rest[1::5], rest[3::5], rest[4::5], rest[5::5])), LOCKS)
    elif what == "pivot":
        signal.alarm(int(rest[1]) + LOCKS + (SETTLES + LOCKS_AT_REST) * (len(rest) // 7) + 60)
        pivot(*rest)
    elif what == "settle":
        settle(*rest)
    elif what == "stayed":
        stayed(rest[0])
    elif what == "on":
        is_on(*rest)
    else:
        monitor = Monitor(rest[0], rest[1])
        if what == "run":
            for command in rest[2:]:
                monitor.run(json.loads(command))
        elif what == "job":
            job = monitor.job(rest[2])
            if job is None:
                raise Refused("there is no job " + rest[2])
            done, total = job.get("current-progress", 0), job.get("total-progress", 0)
            print(job["status"], done, total, job.get("error", "").replace("\\n", " "))
        elif what == "complete":
            complete(monitor, await_status(monitor, [rest[2]], ("ready", "pending")))
        elif what == "drop":
            drop(monitor, rest[2], rest[3])
        elif what == "holds":
            print("yes" if any(same_file(path_of(node), rest[2]) for node in monitor.nodes()) else "no")
        else:
            raise Refused("what is " + what + "?")


signal.alarm(180)
try:
    main(*sys.argv[1:])
except Absent as error:
    print(error, file=sys.stderr)
    sys.exit(3)
except (Refused, OSError, ValueError, KeyError) as error:
    print(error or type(error).__name__, file=sys.stderr)
    sys.exit(1)
`;

/** What the controller runs to bring a program onto a host and start it; ends with a call of its own. */
export const SUBMIT = `# JSON from whatever bytes tools print: pure ASCII comes out, and what is no UTF-8 becomes U+FFFD.

# json_bytes: bytes on stdin to the inside of a JSON string
json_bytes() {
  od -An -v -tu1 | awk '
    function character(code) {
      if (code < 65536) printf "\\\\u%04x", code
      else printf "\\\\u%04x\\\\u%04x", 55296 + int((code - 65536) / 1024), 56320 + (code - 65536) % 1024
    }
    {
      for (i = 1; i <= NF; i++) {
        byte = $i + 0
        if (need > 0) {
          if (byte >= low && byte <= high) {
            code = code * 64 + byte - 128; low = 128; high = 191
            if (--need == 0) character(code)
            continue
          }
          printf "\\\\ufffd"; need = 0
        }
        low = 128; high = 191
        if (byte == 34) printf "\\\\\\""
        else if (byte == 92) printf "\\\\\\\\"
        else if (byte == 10) printf "\\\\n"
        else if (byte < 32 || byte == 127) printf "\\\\u%04x", byte
        else if (byte < 128) printf "%c", byte
        else if (byte >= 194 && byte <= 223) { need = 1; code = byte - 192 }
        else if (byte >= 224 && byte <= 239) {
          need = 2; code = byte - 224
          if (byte == 224) low = 160
          if (byte == 237) high = 159
        }
        else if (byte >= 240 && byte <= 244) {
          need = 3; code = byte - 240
          if (byte == 240) low = 144
          if (byte == 244) high = 143
        }
        else printf "\\\\ufffd"
      }
    }
    END { if (need > 0) printf "\\\\ufffd" }'
}

# json_string TEXT: sets JSON, with its quotes; harmless text costs no process
json_string() {
  case $1 in
    *[!A-Za-z0-9' '_.,:/@%+=-]*) JSON=\\"$(printf '%s' "$1" | json_bytes)\\" ;;
    *) JSON=\\"$1\\" ;;
  esac
}

# json_number TEXT: sets JSON; what is no number is 0
json_number() {
  case $1 in
    '' | - | *[!0-9.-]* | .* | *. | *.*.* | ?*-* | 0[0-9]*) JSON=0 ;;
    *) JSON=$1 ;;
  esac
}

# json_object [KEY VALUE]…: sets JSON; a key that ends in \`#\` has a number
json_object() {
  local object
  object=
  while [ $# -ge 2 ]; do
    case $1 in
      *'#')
        json_number "$2"
        object=$object,\\"\${1%?}\\":$JSON
        ;;
      *)
        json_string "$2"
        object=$object,\\"$1\\":$JSON
        ;;
    esac
    shift 2
  done
  JSON="{\${object#,}}"
}

# Brings a program onto the host and starts it: \`sh -c SUBMIT sh SAFE DIGEST OWNER STAMP SYSTEMD-RUN…\`, the last of which are
# the command that starts it there, as the preview shows it (model/unit.ts); on stdin a line \`PROGRAM_BYTES PLAN_BYTES\` and
# then both. The last line of the answer: \`started DIR\`, \`attach DIR\`, \`held JSON\`
# (rc 75) or \`refused TEXT\` (rc 1).
set -u
umask 077
LC_ALL=C
PATH=\${PATH:-/usr/sbin:/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
ROOT=\${CONVERGE_ROOT:-}

# less than what the controller waits for an answer (host-runs.ts), so that it hears why
readonly LOCK_SECONDS=900

refuse() {
  printf 'refused %s\\n' "$1"
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
    printf 'attach %s\\n' "$(readlink -f "$BOOK/current")"
    exit 0
  fi
  json_object owner "$(fact owner)" 'since#' "$(fact since)" digest "$(fact digest)" run "$(basename "$(readlink "$BOOK/current")")"
  printf 'held %s\\n' "$JSON"
  exit 75
}

# forget_old_runs: the newest twenty stay, for \`converge log\`; stamps sort by time, but by the clock of whoever submits: the
# current run may have one that is older than all others. One that left something behind stays too, one that a boot unit
# still has to call, or a run that replaced that unit, and one that says since when a volume is the guest's.
forget_old_runs() {
  local name current telling
  current=$(readlink "$BOOK/current")
  telling=" $(runs_that_moved | tr '\\n' ' ')"
  find "$BOOK/runs" -mindepth 1 -maxdepth 1 -printf '%f\\n' | sort -r | tail -n +21 | while IFS= read -r name; do
    case $telling in *" $name "*) continue ;; esac
    [ "$name" = "$STAMP" ] || [ "$name" = "\${current##*/}" ] || [ -e "$BOOK/runs/$name/unfinished" ] || grep -qsF "/runs/$name/" "$ROOT/etc/systemd/system/converge-boot-$SAFE.service" "$BOOK"/runs/*/before ||
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
      run=\${file%/committed}
      while IFS= read -r volume; do
        [ -n "$volume" ] || continue
        case $known in *" $volume "*) ;; *) known="$known$volume " tells=1 ;; esac
      done <<LIST
$(grep -so '"moved":\\[[^]]*\\]' -- "$run/plan.json" | head -n 1 | grep -o '"[^"/]*/[^"]*"')
LIST
      # one that does not say where it brought its guest may have brought it anywhere
      grep -qs '"moved":\\[' -- "$run/plan.json" || case $known in *' ? '*) ;; *) known="$known? " tells=1 ;; esac
      [ "$tells" -eq 0 ] || printf '%s\\n' "$run"
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
  # not \`:\`, which would end the shell before it could say anything
  printf '' >>"$BOOK/lock" || refuse "cannot write $BOOK"
  # before the lock: what comes from somebody who has vanished may not end for long. By way of a file: some head read more than
  # they are asked for.
  INCOMING=$BOOK/incoming.$STAMP.$$
  trap 'rm -f -- "$INCOMING"' EXIT
  trap 'exit 1' HUP INT PIPE TERM
  cat >"$INCOMING" || refuse "cannot write $BOOK"
  sizes=$(head -n 1 "$INCOMING")
  program=\${sizes% *} plan=\${sizes#* }
  case $program$plan in '' | *[!0-9]*) refuse 'the submission is not well-formed' ;; esac
  [ "$(wc -c <"$INCOMING")" -eq "$((\${#sizes} + 1 + program + plan))" ] || refuse 'the submission was cut short'
  # one submission at a time: another one may take a dead run back meanwhile
  exec 8>>"$BOOK/submission"
  flock -w "$LOCK_SECONDS" 8 || refuse "another submission for this guest has not come to its end in $LOCK_SECONDS s"
  # what is left of some that were killed; nothing has come for as long as none waits
  find "$BOOK" -maxdepth 1 -name 'incoming.*' -type f -mmin +60 -exec rm -f -- {} +
  ! held || answer_held
  if [ -e "$BOOK/current/program.sh" ] && { ! [ -e "$BOOK/current/ended" ] || [ -e "$BOOK/current/unfinished" ]; }; then
    printf 'note the run %s was interrupted: it is taken back first\\n' "$(basename "$(readlink "$BOOK/current")")"
    /bin/sh "$(readlink -f "$BOOK/current")/program.sh" recover </dev/null >/dev/null 2>&1 8>&-
    [ -e "$BOOK/current/ended" ] || refuse "the run before could not be taken back: see $BOOK/current/journal.jsonl"
    [ ! -e "$BOOK/current/unfinished" ] || printf 'note not taken back: %s\\n' "$(fact unfinished | tr '\\n' ' ')"
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
  printf '%s\\n' "$DIGEST" >"$dir/digest"
  printf '%s\\n' "$OWNER" >"$dir/owner"
  date +%s >"$dir/since"
  # before it is the current one: the power may go at any moment
  sync "$dir"/* "$dir" 2>/dev/null || sync
  ln -s "runs/$STAMP" "$BOOK/current.new" && mv -fT "$BOOK/current.new" "$BOOK/current" || refuse "cannot make $BOOK/current"
  forget_old_runs
  sync "$BOOK" 2>/dev/null || sync
  if ! "$@" </dev/null >"$dir/start.log" 2>&1 8>&-; then
    printf 'failed\\n' >"$dir/ended"
    refuse "systemd-run: $(tail -n 1 "$dir/start.log")"
  fi
  # until it has the lock, so that whoever follows now finds it alive
  tries=100
  while [ "$tries" -gt 0 ] && ! [ -s "$dir/journal.jsonl" ]; do
    tries=$((tries - 1))
    sleep 0.1
  done
  printf 'started %s\\n' "$dir"
}

submit "$@"
`;

/** Goals that the runtime can look at. */
export const RUNTIME_GOALS: ReadonlySet<string> = new Set(["array","array_in_sync","array_mirrored","array_tracked","attached","block_job","boot_unit","boot_unit_absent","config","content","domain_down","domain_paused","domain_running","file_absent","file_exists","let_go","loop_attached","loop_detached","mapping","mapping_unused","mirror_in_sync","mirrored","mounted","on_volumes","resource","resource_in_sync","resource_mirrored","snapshot_exists","stored","unmounted","volume_absent","volume_exists","volume_tagged"]);

/** Verbs that the runtime can act by. */
export const RUNTIME_VERBS: ReadonlySet<string> = new Set(["add_member","attach_loop","await_array","await_changes","await_clone","await_job","await_resource","await_sync","await_turn","await_window","await_xl","both_in_sync","bring_back","build_array","build_tracked","check_copy","clear_device","close_node","collapse","collapse_array","collapse_resource","commit_live","commit_offline","compare_attached","compare_legs","complete_array","complete_changes","complete_job","complete_resource","connect_resource","copy","create_clone","cut_resource","destroy_paused","detach_loop","discard_retired","distrust_fresh","draft_config","drop_device","drop_draft","drop_job","drop_mapping","drop_marks","edit_config","end_clone","end_trial","forget_run","forget_table","guard_boot","guard_config","guard_devices","guard_domain","guard_free","guard_image","guard_memory","guard_room","guard_stored","guard_unnamed","guard_unsnapped","guard_vacant","guard_volume","hold_array","hold_writes","if_no_room","in_scope","install_boot_unit","make_resource","mark_used","migrate_guest","mirror_whole","mount_at","note_disks","note_stored","one_member","open_node","parted","pause_guest","pivot","plain","preseed","qmp","readd_member","release_disks","remove_boot_unit","remove_file","remove_member","restore_config","restore_stored","resume_guest","retire_device","retire_image","retire_mapping","save_guest","settle_migration","shut_down","start_mirror","take_snapshot","thaw","try","try_bitmap","two_members","unless_shut_down","unmount","unpause","unpivot","update_stored","wait_ready","write_config","zero"]);

/** Watches that the runtime can keep while a copy runs. */
export const RUNTIME_WATCHES: ReadonlySet<string> = new Set(["pool_fill","snapshot_fill"]);
